"""Jobs of experiments that are repeated with several seeds, and means over these."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analyses.lab import Trained
from gapkit.report.blocks import PlusMinus

__all__ = ["Seeded", "over_seeds"]


@dataclass(frozen=True)
class Seeded(Trained, ABC):
    """A job of an experiment with one seed, whose outcome is ``found.json`` and perhaps more files beside it.

    Subclasses define ``found``, which gets the folder for those.
    """

    @property
    def values(self) -> dict[str, Any]:
        """The settings by name."""
        return dict(self.settings)

    @property
    def title(self) -> str:
        """What the progress line says."""
        return type(self).__name__ + " " + " ".join(f"{name}={value}" for name, value in self.settings)

    @abstractmethod
    def found(self, path: Path) -> dict[str, Any]:
        """Make it."""

    def make(self, path: Path, work: Path) -> None:
        """Keep what was found in a folder."""
        path.mkdir()
        (path / "found.json").write_text(json.dumps(self.found(path)))


def over_seeds(values: Sequence[float]) -> PlusMinus:
    """The mean of one number for each training, with its standard error from them."""
    array = np.asarray(values, dtype=float)
    return PlusMinus(float(array.mean()), float(array.std(ddof=1) / len(array) ** 0.5) if len(array) > 1 else None)
