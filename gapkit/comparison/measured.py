"""The number that tests a claim, of one training: a quantity of a run, or what one run has more of than another."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gapkit.comparison.differences import shortfalls_of
from gapkit.core.errors import InputError
from gapkit.results import Result

__all__ = ["Measured", "difference", "level"]


@dataclass(frozen=True)
class Measured:
    """A contrast, measured on one training.

    Attributes:
        values: one for each datapoint, by a name that the datapoint has in every training; or one number alone, of
            which no datapoints are known, such as the accuracy of a classifier.
        shortfall: how far their mean may be off, to either side, because fits fell short of the best q.

    Example:
        >>> Measured(pd.Series([0.5, 1.5])) - Measured(0.25, shortfall=0.1)
        Measured of 2 datapoints, 0.75 on average, that fits may be off by 0.1
    """

    values: pd.Series | float
    shortfall: float = 0.0

    def __sub__(self, other: "Measured") -> "Measured":
        """Within each datapoint; the larger of the two shortfalls, as fits fall short in one direction."""
        return Measured(self.values - other.values, max(self.shortfall, other.shortfall))

    def finite(self) -> pd.Series:
        """The values, by datapoint, that are finite."""
        values = self.values if isinstance(self.values, pd.Series) else pd.Series([float(self.values)])
        return values[np.isfinite(values.to_numpy(float))]

    def __repr__(self) -> str:
        found = self.finite()
        off = f", that fits may be off by {self.shortfall:g}" if self.shortfall else ""
        return f"Measured of {len(found)} datapoints, {found.mean():g} on average{off}"


def level(result: Result, name: str, split: str | None = None) -> Measured:
    """A quantity of a run.

    Args:
        result: of one training.
        name: of a bound or a gap: a column of its table.
        split: of the data; None takes the first.

    Raises:
        InputError: no such quantity or split.
    """
    table, asked = result.datapoints, f"{name} of {'the first split' if split is None else split}"
    splits = list(dict.fromkeys(table["split"].astype(str)))
    if split is not None and split not in splits:
        raise InputError(asked, f"splits {', '.join(splits)}", "name one of them")
    if name not in table:
        raise InputError(asked, "no such column", f"name one of {', '.join(result.ladder.names)}")
    rows = table[table["split"].astype(str) == (splits[0] if split is None else split)].set_index("index")
    off = shortfalls_of(rows, result.ladder, (name,))
    return Measured(rows[name].astype(float), off.get(name, 0.0))


def difference(result: Result, reference: Result, name: str, split: str | None = None) -> Measured:
    """How much larger a quantity is in a run than in another, within each datapoint.

    Args:
        result: the one.
        reference: the other, on the same data.
        name: of a bound or a gap.
        split: of the data; None takes the first.

    Raises:
        InputError: no such quantity or split.
    """
    return level(result, name, split) - level(reference, name, split)
