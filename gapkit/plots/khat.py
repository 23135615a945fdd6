"""Which importance weights can be trusted: Pareto k-hats of a table beside the thresholds they are held to."""

from dataclasses import dataclass

import numpy as np

from gapkit.core.khat_limit import good_k
from gapkit.plots.reading import column, rows_of, setting
from gapkit.results import Result

__all__ = ["KHATS", "Tails", "tails", "trust_limits"]

# Column of the table: where its draws come from, and what they are for.
KHATS = {"pooled_khat": "for log p(x), draws from all modes", "khat": "for IWAE, draws from the encoder's q"}


def trust_limits(samples: np.ndarray) -> np.ndarray:
    """Largest k-hat at which S importance weights can be trusted, shape (N,); where S is unknown (NaN), that of many.

    Example:
        >>> trust_limits(np.array([100.0, 100_000.0, np.nan])).round(3).tolist()
        [0.5, 0.7, 0.7]
    """
    return np.array([good_k(np.inf if np.isnan(count) else count) for count in samples])


@dataclass(frozen=True)
class Tails:
    """K-hats of one kind of importance weights over the datapoints of a split, shape (N,) each.

    Attributes:
        khat: NaN where it is unknown, infinite where one weight outweighs all others.
        limits: the thresholds.
    """

    khat: np.ndarray
    limits: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Where there is a k-hat."""
        return ~np.isnan(self.khat)

    @property
    def trusted(self) -> np.ndarray:
        """Where it is below its threshold, as the choice of the estimate of log p(x) has it."""
        return self.khat < self.limits


def tails(result: Result, name: str, split: str | None = None) -> Tails:
    """The k-hats in a column of the table, one of ``KHATS``; all unknown where the table has no such column.

    Raises:
        InputError: the result has no such split.
    """
    rows = rows_of(result, split)
    khat = column(rows, name).to_numpy(float)
    if name == "pooled_khat" and "pooled_samples" in rows:
        samples = rows["pooled_samples"].to_numpy(float)
    else:
        path = ("evidence", "pooled") if name == "pooled_khat" else ("iwae",)
        samples = np.full(len(rows), setting(result, *path, "num_samples") or np.nan)
    return Tails(khat, trust_limits(samples))
