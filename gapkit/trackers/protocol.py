"""What gapkit asks of an experiment tracker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from matplotlib.figure import Figure

__all__ = ["Tracker"]


@runtime_checkable
class Tracker(Protocol):
    """Takes parameters, numbers, pictures and files of one run; any object with these five methods will do.

    Names are parts joined by slashes, of letters, digits, ``_``, ``-`` and ``.``, such as ``gapkit/test/elbo``. Steps
    are whole numbers, such as epochs, in any order; None says that there are none.
    """

    def log_params(self, params: Mapping[str, str | int | float]) -> None:
        """Keep settings by name; a later value takes the place of an earlier one where the tracker allows it."""
        ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Keep finite numbers by name."""
        ...

    def log_figure(self, name: str, figure: Figure, step: int | None = None) -> None:
        """Keep a picture; the figure is not changed."""
        ...

    def log_artifact(self, path: Path, under: str = "") -> None:
        """Keep a copy of a file, in a folder of the tracker's."""
        ...

    def close(self) -> None:
        """Write what is still in memory, and end the run if the tracker began it."""
        ...
