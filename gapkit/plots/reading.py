"""What a picture reads of a result beside the gaps: all rows of a split, and single settings of the run."""

import math
from collections.abc import Mapping

import pandas as pd

from gapkit.plots.selection import split_name
from gapkit.results import Result

__all__ = ["column", "rows_of", "setting"]


def rows_of(result: Result, split: str | None = None) -> pd.DataFrame:
    """All rows of a split, also those that are not finite; None takes the first split.

    Raises:
        InputError: the result has no such split.
    """
    name = split_name(result, split)
    return result.datapoints[result.datapoints["split"].astype(str) == name]


def column(rows: pd.DataFrame, name: str) -> pd.Series:
    """A column of numbers; NaN everywhere where the table has none of that name."""
    return rows[name].astype(float) if name in rows else pd.Series(math.nan, rows.index)


def setting(result: Result, *path: str) -> float | None:
    """A positive number among the settings of the run; None where it is not recorded.

    Example:
        >>> setting(Result(pd.DataFrame(), {}, {"settings": {"fit": {"tolerance": 0.02}}}), "fit", "tolerance")
        0.02
        >>> setting(Result(pd.DataFrame(), {}, {}), "fit", "tolerance") is None
        True
    """
    value: object = result.run.get("settings")
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    return float(value) if known else None  # type: ignore[arg-type]
