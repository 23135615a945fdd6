"""Which rows of a result a picture shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from gapkit.comparison import Comparison
from gapkit.core.errors import InputError
from gapkit.core.means import Mean
from gapkit.ladder import Ladder
from gapkit.plots.names import shortened
from gapkit.results import Result
from gapkit.results.summary import summarise

__all__ = ["Selection", "select", "split_name", "thinned", "title_of"]

_MOST = 20_000  # marks side by side: a picture has fewer pixels


@dataclass(frozen=True)
class Selection:
    """The datapoints of one split whose gaps are all finite.

    Attributes:
        split: its name.
        rows: those datapoints; may be empty.
        left_out: how many datapoints of the split are not finite.
        quantities: means and intervals over ``rows``, so that differences of levels are the gaps; empty without rows.
        ladder: which rungs and gaps they have.
    """

    split: str
    rows: pd.DataFrame
    left_out: int
    quantities: Mapping[str, Mean]
    ladder: Ladder

    @property
    def title(self) -> str:
        """The split and how many datapoints are shown, in words."""
        return title_of(self.split, len(self.rows), self.left_out)


def select(result: Result, split: str | None = None) -> Selection:
    """Select the finite datapoints of a split; None takes the first split.

    Raises:
        InputError: the result has no such split.
    """
    return _select(result, split_name(result, split))


@lru_cache(maxsize=8)
def _select(result: Result, name: str) -> Selection:
    """Every figure and every alt text asks for the same, and new intervals take a second for 10,000 datapoints."""
    whole = result.datapoints[result.datapoints["split"].astype(str) == name]
    gaps = [gap.name for gap in result.ladder.all_gaps]
    finite = np.isfinite(whole[gaps].to_numpy(float)).all(axis=1)
    rows = whole[finite]
    if finite.all():
        quantities = result.summary_values.splits[name].quantities
    else:
        quantities = summarise(rows, ladder=result.ladder).quantities if len(rows) else {}
    return Selection(name, rows, int((~finite).sum()), quantities, result.ladder)


def split_name(result: Result | Comparison, split: str | None = None) -> str:
    """The name of a split that the result has, or the compared runs share; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    splits = result.summary_values.splits
    name = next(iter(splits)) if split is None else split
    if name not in splits:
        raise InputError(f"split {name!r}", f"the splits {', '.join(splits)}", "use one of these")
    return name


def thinned(count: int) -> np.ndarray:
    """Positions to draw, of many side by side: all, or 20,000 evenly spaced ones with the first and the last.

    Example:
        >>> len(thinned(1000)), len(thinned(10**6)), thinned(10**6)[[0, 1, -1]]
        (1000, 20000, array([     0,     50, 999999]))
    """
    return np.unique(np.linspace(0, count - 1, min(count, _MOST)).round().astype(int))


def title_of(split: str, count: int, left_out: int) -> str:
    """A split and how many of its datapoints are shown, in words.

    Example:
        >>> title_of("test", 1000, 2)
        'test: 1,000 datapoints (2 not finite, left out)'
    """
    shown = f"{count:,} datapoint{'' if count == 1 else 's'}"
    return f"{shortened(split)}: {shown}" + (f" ({left_out:,} not finite, left out)" if left_out else "")
