"""MLflow: one run in an experiment, on a server, in a database or in a folder."""

import os
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

from matplotlib.figure import Figure

from gapkit.core.errors import InputError
from gapkit.trackers.extra import load_extra
from gapkit.trackers.picture import png

__all__ = ["MlflowTracker"]

_AT_ONCE = 100  # what a server takes in one request of any kind
_SQLITE = "sqlite:///"
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


class MlflowTracker:
    """Writes one run through MLflow's client, so that a run that is active elsewhere is left alone.

    A parameter of MLflow cannot change. One that comes again with another value, as the hash of the checkpoint does
    in a series, becomes a tag of that name, which holds the latest value.

    Args:
        uri: ``sqlite:///FILE``, a folder or a server's address; empty takes what MLflow is configured with
            (``MLFLOW_TRACKING_URI``). Files of a new experiment in an SQLite database are kept beside the database.
        experiment: its name; None takes ``MLFLOW_EXPERIMENT_NAME``, else "gapkit".

    Attributes:
        run_id: of the run in MLflow.

    Raises:
        InputError: MLflow is not installed, or refuses the address.
    """

    def __init__(self, uri: str = "", experiment: str | None = None) -> None:
        mlflow = load_extra("mlflow", "mlflow")
        self._entities = load_extra("mlflow.entities", "mlflow")
        uri = uri or mlflow.get_tracking_uri()
        if uri.startswith(_DATABASES) and find_spec("sqlalchemy") is None:
            do = "pip install sqlalchemy alembic, or give the address of a server"
            raise InputError(f"an MLflow run in the database {uri}", "no SQLAlchemy, which MLflow needs for it", do)
        name = experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "gapkit"
        try:
            self._client = mlflow.MlflowClient(tracking_uri=uri)
            found = self._client.get_experiment_by_name(name)
            number = found.experiment_id if found else self._client.create_experiment(name, _files_of(uri))
            self.run_id: str = self._client.create_run(number).info.run_id
        except (mlflow.exceptions.MlflowException, OSError) as error:
            do = "use sqlite:///FILE or a server's address, or mend what MLflow complains about"
            raise InputError(f"an MLflow run at {uri}", str(error).strip() or type(error).__name__, do) from error
        self._params: dict[str, str] = {}

    def log_params(self, params: Mapping[str, str | int | float]) -> None:
        """Write parameters; those that were written with another value become tags."""
        texts = {name: str(value) for name, value in params.items()}
        new = {name: text for name, text in texts.items() if name not in self._params}
        changed = {name: text for name, text in texts.items() if self._params.get(name, text) != text}
        self._params |= new
        self._send("params", [self._entities.Param(name, text) for name, text in new.items()])
        self._send("tags", [self._entities.RunTag(name, text) for name, text in changed.items()])

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write metrics; without a step they stand at step 0."""
        now = int(1000 * time.time())
        rows = [self._entities.Metric(name, float(value), now, step or 0) for name, value in metrics.items()]
        self._send("metrics", rows)

    def log_figure(self, name: str, figure: Figure, step: int | None = None) -> None:
        """Keep a PNG among the run's files, with the step in its name."""
        place = PurePosixPath(name)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / (f"{place.name}.png" if step is None else f"{place.name}-step{step}.png")
            file.write_bytes(png(figure))
            self.log_artifact(file, str(place.parent))

    def log_artifact(self, path: Path, under: str = "") -> None:
        """Copy a file to where the run keeps its files."""
        self._client.log_artifact(self.run_id, str(path), under or None)

    def close(self) -> None:
        """Mark the run as finished."""
        self._client.set_terminated(self.run_id)

    def _send(self, kind: str, rows: list[Any]) -> None:
        for start in range(0, len(rows), _AT_ONCE):
            self._client.log_batch(self.run_id, **{kind: rows[start : start + _AT_ONCE]})


def _files_of(uri: str) -> str | None:
    """Where an experiment keeps files: MLflow would put those of a database wherever the program was started."""
    if not uri.startswith(_SQLITE):
        return None
    database = Path(uri.removeprefix(_SQLITE)).resolve()
    return (database.parent / f"{database.stem}-artifacts").as_uri()
