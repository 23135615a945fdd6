"""Whether claimed errors are as large as real ones: how often intervals of a given level hold what they should."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Coverage", "coverage"]

_LEVELS = np.linspace(0.05, 0.99, 95)
_BAND = 0.95


@dataclass(frozen=True)
class Coverage:
    """Shares of intervals that hold what they should, by their level.

    Attributes:
        levels: what the intervals claim, shape (L,), between 0 and 1.
        shares: how many hold it, shape (L,).
        low: of the shares that 95% of samples of this size would have were the errors right, shape (L,).
        high: the upper end.
        count: how many errors there are.
    """

    levels: np.ndarray
    shares: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: int

    def at(self, level: float) -> tuple[float, float, float]:
        """The share at the level nearest to one, and the ends of its band."""
        place = int(np.abs(self.levels - level).argmin())
        return float(self.shares[place]), float(self.low[place]), float(self.high[place])


def coverage(standard: np.ndarray) -> Coverage:
    """Coverage of two-sided normal intervals.

    Args:
        standard: differences from the truth divided by their claimed standard errors, shape (N,); NaN is left out, and
            no interval holds an infinite one.

    Example:
        >>> found = coverage(stats.norm.ppf((np.arange(1000) + 0.5) / 1000))
        >>> round(found.at(0.95)[0], 2), round(coverage(np.array([3.0, -3.0])).at(0.95)[0], 2)
        (0.95, 0.0)
    """
    size = np.abs(np.asarray(standard, float))
    size = size[~np.isnan(size)]
    limits = stats.norm.ppf(0.5 + _LEVELS / 2.0)
    shares = (size[:, None] <= limits).mean(0) if len(size) else np.full(len(_LEVELS), np.nan)
    tail = (1.0 - _BAND) / 2.0
    low, high = (stats.binom.ppf(end, max(len(size), 1), _LEVELS) / max(len(size), 1) for end in (tail, 1.0 - tail))
    return Coverage(_LEVELS, shares, low, high, len(size))
