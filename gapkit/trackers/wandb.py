"""Weights & Biases: one run in a project, online or offline."""

import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from gapkit.core.errors import InputError
from gapkit.trackers.extra import load_extra
from gapkit.trackers.picture import png

__all__ = ["WandbTracker"]

_STEP = "gapkit/step"


class WandbTracker:
    """Writes one run; ``WANDB_MODE=offline`` and the other variables of Weights & Biases are heeded.

    Steps are kept as the metric ``gapkit/step``, against which gapkit's numbers are drawn. The run's own step only
    goes up, by one with every call, so that numbers for an earlier epoch would be dropped without an error.

    Args:
        project: ``PROJECT`` or ``ENTITY/PROJECT``, for a new run there; empty takes the run that is going in this
            process, if there is one, else a new one in the project that Weights & Biases is configured with.
        run: a run that is already going, such as that of the training.

    A run that was going before is left open by :meth:`close`.

    Attributes:
        run: the run of Weights & Biases.

    Raises:
        InputError: wandb is not installed, or no run can be begun.
    """

    def __init__(self, project: str = "", run: Any = None) -> None:
        self._wandb = load_extra("wandb", "wandb")
        going = run if run is not None or project else self._wandb.run
        self._own = going is None
        self.run = self._begin(project) if going is None else going
        self.run.define_metric(_STEP, hidden=True)
        self.run.define_metric("gapkit/*", step_metric=_STEP)

    def _begin(self, project: str) -> Any:
        entity, _, name = project.rpartition("/")
        # The terminal is gapkit's own: captured output would hold its progress bars.
        settings = self._wandb.Settings(console="off")
        try:
            return self._wandb.init(project=name or None, entity=entity or None, settings=settings, reinit="create_new")
        except self._wandb.Error as error:
            do = "run wandb login, or set WANDB_MODE=offline"
            raise InputError(f"a run in the project {project!r}", str(error), do) from error

    def log_params(self, params: Mapping[str, str | int | float]) -> None:
        """Write the run's configuration."""
        self.run.config.update(dict(params), allow_val_change=True)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write a row of the run's history."""
        self.run.log({**metrics, **_at(step)})

    def log_figure(self, name: str, figure: Figure, step: int | None = None) -> None:
        """Write an image to the run's history."""
        with Image.open(io.BytesIO(png(figure))) as image:
            self.run.log({name: self._wandb.Image(image), **_at(step)})

    def log_artifact(self, path: Path, under: str = "") -> None:
        """Copy a file into the run's folder, from where Weights & Biases uploads it, also later."""
        home = Path(self.run.dir)
        place = home / under
        place.mkdir(parents=True, exist_ok=True)
        copied = shutil.copy(path, place)
        self.run.save(str(copied), base_path=str(home), policy="now")

    def close(self) -> None:
        """End the run, unless it was going before."""
        if self._own:
            self.run.finish()


def _at(step: int | None) -> dict[str, int]:
    return {} if step is None else {_STEP: step}
