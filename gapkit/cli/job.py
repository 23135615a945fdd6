"""One checkpoint analysed as the options of ``gapkit analyze`` say, the same way for every checkpoint of a series."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from gapkit.cli.command import command
from gapkit.cli.console import gathered_warnings, progress_bar, tell
from gapkit.core.errors import InputError
from gapkit.sources import DataSource, OpenedData, Source

if TYPE_CHECKING:
    from gapkit.checkpoints import Loaded
    from gapkit.engine import AnalysisSpec
    from gapkit.estimators import Estimator
    from gapkit.results import Result

__all__ = ["Job"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to do with a checkpoint.

    Attributes:
        source: what to analyse, but for the checkpoint.
        spec: all settings of the analysis.
        device: where to compute.
        allow: names of checks that may fail.
        bounds: further estimators by name.
    """

    source: Source
    spec: "AnalysisSpec"
    device: str = "cpu"
    allow: tuple[str, ...] = ()
    bounds: Mapping[str, "Estimator"] = field(default_factory=dict)
    _read: dict[DataSource, OpenedData] = field(default_factory=dict, repr=False, compare=False)

    def run(self, checkpoint: Path, console: Console, like: "Result | None" = None) -> "Result":
        """Analyse a checkpoint.

        Args:
            checkpoint: the trained model's file.
            console: where progress and warnings are shown.
            like: an earlier result, whose data are used again.

        Raises:
            InputError: the checkpoint or the data cannot be used, or the checkpoint is of other data than ``like``.
        """
        from gapkit.engine import analyze
        from gapkit.models.freeze import frozen

        source = replace(self.source, model=self.source.model.at(checkpoint))
        opened = source.open(read=lambda data, loaded: self._data(data, loaded, like))
        arguments = opened.arguments()
        provenance = {**arguments.pop("provenance"), "command": command()}
        with gathered_warnings() as messages, frozen(opened.model), progress_bar(console) as progress:
            result = analyze(
                **arguments,
                spec=self.spec,
                allow=self.allow,
                bounds=self.bounds,
                device=self.device,
                progress=progress,
                provenance=provenance,
            )
        return replace(result, run={**result.run, "warnings": messages})

    def _data(self, data: DataSource, loaded: "Loaded", like: "Result | None") -> OpenedData:
        """The data for a model; read once, however many checkpoints there are."""
        wanted = data.of_model(loaded)
        if like is not None:
            used = like.run["data"]
            if wanted.source != used["source"]:
                found = f"it was trained on {wanted.source}, and the series is analysed on {used['source']}"
                raise InputError(f"analyse {loaded.name}", found, "pass --data to analyse all on the same data")
            wanted = replace(wanted, binarize=used["binarize"])
        if wanted not in self._read:
            self._read[wanted] = wanted.read(told=tell)
        return self._read[wanted]
