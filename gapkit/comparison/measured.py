"""The number that tests a claim, of one training: a quantity of a run, or what one run has more of than another."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gapkit.comparison.differences import shortfalls_of
from gapkit.core.errors import InputError
from gapkit.ladder import quantity
from gapkit.results import Result

__all__ = ["Measured", "difference", "level"]


@dataclass(frozen=True)
class Measured:
    """A contrast, measured on one training.

    Attributes:
        values: one for each datapoint, by a name that the datapoint has in every training; or one number alone, of
            which no datapoints are known, such as the accuracy of a classifier.
        minus: where the contrast is a difference of means over other datapoints (test minus training data), those that
            are subtracted.
        low: how far the mean may be above what it would be with perfect fits, 0 or negative: add it to the mean.
        high: how far it may be below, 0 or positive.

    Example:
        >>> Measured(pd.Series([0.5, 1.5])) - Measured(0.25, high=0.1)
        Measured of 2 datapoints, 0.75 on average; with perfect fits from 0.65 to 0.75
    """

    values: pd.Series | float
    minus: pd.Series | None = None
    low: float = 0.0
    high: float = 0.0

    def __sub__(self, other: "Measured") -> "Measured":
        """Within each datapoint."""
        low, high = self.low - other.high, self.high - other.low
        return Measured(self.values - other.values, low=low, high=high)

    def apart(self, other: "Measured") -> "Measured":
        """The difference of the means over datapoints that have nothing to do with each other."""
        low, high = self.low - other.high, self.high - other.low
        return Measured(self.finite(), other.finite(), low, high)

    def times(self, factor: float) -> "Measured":
        """All of it by a positive factor."""
        return Measured(self.values * factor, low=self.low * factor, high=self.high * factor)

    def finite(self) -> pd.Series:
        """The values, by datapoint, that are finite."""
        return _finite(self.values if isinstance(self.values, pd.Series) else pd.Series([float(self.values)]))

    @property
    def mean(self) -> float:
        """Over the finite values; NaN without any."""
        return float(self.finite().mean()) - (0.0 if self.minus is None else float(_finite(self.minus).mean()))

    def __repr__(self) -> str:
        ends = f"; with perfect fits from {self.mean + self.low:g} to {self.mean + self.high:g}"
        known = f"Measured of {len(self.finite())} datapoints, {self.mean:g} on average"
        return known + (ends if self.low or self.high else "")


def _finite(values: pd.Series) -> pd.Series:
    return values[np.isfinite(values.to_numpy(float))]


def level(result: Result, name: str, split: str | None = None) -> Measured:
    """A quantity of a run.

    Args:
        result: of one training.
        name: of a bound or a gap: a column of its table.
        split: of the data; None takes the first.

    Returns:
        Values by datapoint. What the fits' certificates say is left moves nats from the gap below a fitted rung to the
        one above: with perfect fits L[q*] and the gap below it are larger, and the gap above it is smaller.

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
    off, values = shortfalls_of(rows, result.ladder, (name,)).get(name, 0.0), rows[name].astype(float)
    kind, ladder = quantity(name, result.ladder).kind, result.ladder
    above = ladder.above_fitted
    if kind == "family_gap" or (above and name == above.name):
        return Measured(values, low=-off)
    return Measured(values, high=off)


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
