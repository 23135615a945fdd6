"""Send a result to a tracker: settings, numbers, pictures and files."""

from pathlib import Path

from gapkit.core.errors import InputError
from gapkit.plots import gap_scatter, ladder
from gapkit.results import Result
from gapkit.trackers.protocol import Tracker
from gapkit.trackers.values import PREFIX, metrics, parameters, part

__all__ = ["track"]

_FIGURES = {"ladder": ladder, "gap_scatter": gap_scatter}
_SENT = {".csv", ".html", ".json", ".npz", ".parquet", ".pdf"}  # a model in the folder stays where it is


def track(result: Result, tracker: Tracker, step: int | None = None, folder: str | Path | None = None) -> None:
    """Send the parameters, the numbers of the summary and two figures per split; and the files of a saved run.

    Nothing is rounded, and what is unknown or not finite is left out. The tracker stays open, so that a series of
    checkpoints can go to one run of it, each with a ``step`` of its own.

    Args:
        result: of an analysis.
        tracker: where to send it, such as ``tracker("mlflow:sqlite:///runs.db")``.
        step: where on a series the result stands, such as the epoch of a checkpoint.
        folder: where the run was saved; its tables and reports are copied to the tracker, under the folder's name.

    Raises:
        InputError: the folder holds no run.
    """
    files = [] if folder is None else _files(Path(folder))
    tracker.log_params(parameters(result.run))
    tracker.log_metrics(metrics(result.summary_values), step)
    for split in result.summary_values.splits:
        for name, plot in _FIGURES.items():
            figure = plot(result, split=split).get_figure(root=True)
            assert figure is not None, "axes without a figure"
            tracker.log_figure(f"{PREFIX}/{part(split)}/{name}", figure, step)
    for file in files:
        tracker.log_artifact(file, f"{PREFIX}/{part(file.parent.name)}")


def _files(folder: Path) -> list[Path]:
    """The tables and reports of a saved run; hidden files are another program's, or half written.

    Raises:
        InputError: no run in the folder.
    """
    folder = folder.resolve()  # "." has no name of its own
    if not (folder / "run.json").is_file():
        raise InputError(f"the files of the run in {folder}", "no run.json", "give the folder of a saved run")
    files = (file for file in folder.iterdir() if file.suffix in _SENT and not file.name.startswith("."))
    return sorted(file for file in files if file.is_file())
