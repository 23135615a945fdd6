"""Tables that print a value with its error: ``-18.44 ± 0.25`` instead of two columns far apart."""

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["WithErrors", "as_printed"]

_UNKNOWN = 3  # decimals of a value whose error is not known
_MOST = 9  # decimals of the smallest errors
_FEW = 12  # columns that are printed side by side, however narrow the window is
_MEAN, _OVER_DATAPOINTS, _INTERVAL, _RANGE = "mean", "se_datapoints", "ci95", ("min", "max")


class WithErrors(pd.DataFrame):
    """A table that is printed with its errors beside the values; all else is as in any DataFrame.

    Printed, as text and as HTML, a column ``NAME`` holds ``value ± error`` where there is a column ``NAME_se``, the
    column ``mean`` where there is ``se_datapoints``, and ``NAME_low`` and ``NAME_high`` become ``low to high``; where
    an interval is unknown, the range from ``min`` to ``max`` stands in its place. Errors are shown with two digits, and
    values with as many decimals as their error. The columns themselves keep their names and all digits, and what is
    taken from the table (rows, columns, a copy) is an ordinary DataFrame.

    Args:
        data: a DataFrame, which is copied.
        note: a few words for the corner of what is printed, such as the unit.

    Example:
        >>> table = WithErrors(pd.DataFrame({"elbo": [-18.4372, -95.0], "elbo_se": [0.0213, 1.5]}), "nats")
        >>> table
        nats            elbo
        0     -18.437 ± 0.021
        1         -95.0 ± 1.5
        >>> table["elbo"].tolist(), type(table.head(1)).__name__
        ([-18.4372, -95.0], 'DataFrame')
    """

    _metadata = ["note"]  # noqa: RUF012 - the name and the type are those that pandas looks for

    def __init__(self, data: pd.DataFrame, note: str = "") -> None:
        super().__init__(data, copy=True)
        self.note = note

    def __repr__(self) -> str:
        return self._printed(repr, "x")

    def _repr_html_(self) -> str | None:
        return self._printed(lambda shown: shown._repr_html_(), "×")

    def _printed(self, show: Callable[[pd.DataFrame], Any], times: str) -> Any:
        """What pandas prints of the table of texts; where it tells the size of a long one, that of this one."""
        shown = as_printed(self)
        whole = ("display.max_columns", None, "display.expand_frame_repr", False) if shown.shape[1] <= _FEW else ()
        with pd.option_context("display.precision", _UNKNOWN, *whole):
            text = show(shown)
        size = [f" rows {times} {count} columns" for count in (shown.shape[1], self.shape[1])]
        return text and text.replace(*size)


def as_printed(table: WithErrors) -> pd.DataFrame:
    """The table as it is printed: pairs of columns as one column of texts."""
    rows = _rows(len(table))
    columns: dict[Hashable, Any] = {}
    for place, name in enumerate(table.columns):
        words = str(name)
        stem = words.removesuffix("_low")
        if _error_of(words, table):
            columns[name] = _texts(_value_text, rows, table, words, _error_of(words, table))
        elif words.startswith("se_") and words != _hidden_error(table) and _is_number(words, table):
            columns[name] = _texts(_error_text, rows, table, words)
        elif stem != words and _is_interval(stem, table):
            instead = _RANGE if stem == _INTERVAL and _has_range(table) else ()
            columns[stem] = _texts(_interval_text, rows, table, words, f"{stem}_high", *instead)
        elif not _is_told(words, table):
            columns[name] = table.iloc[:, place].array
    shown = pd.DataFrame(columns, index=table.index)
    if getattr(table, "note", ""):
        shown = shown.rename_axis(index=[None] * shown.index.nlevels, columns=table.note)
    return shown


def _rows(count: int) -> list[int]:
    """The rows that pandas may show: only these are put into words."""
    most = pd.get_option("display.max_rows") or count
    return [*range(min(most, count)), *range(max(count - most, most), count)]


def _texts(text: Callable[..., str], rows: list[int], table: pd.DataFrame, *names: str) -> np.ndarray:
    """A text for each of the rows, from the numbers in the columns of these names."""
    numbers = [table[name].to_numpy(float, na_value=math.nan) for name in names]
    found = np.full(len(table), "", dtype=object)
    for row in rows:
        found[row] = text(*(column[row] for column in numbers))
    return found


def _value_text(value: float, error: float) -> str:
    if not math.isfinite(value):
        return _number_text(value, 0)
    decimals = _decimals(error)
    text = _number_text(value, decimals)
    return text if math.isnan(error) else f"{text} ± {_number_text(error, decimals)}"


def _error_text(error: float) -> str:
    return _number_text(error, _decimals(error))


def _interval_text(low: float, high: float, least: float = math.nan, most: float = math.nan) -> str:
    if math.isnan(low) or math.isnan(high):
        return _number_text(math.nan, 0) if math.isnan(least) else f"{_interval_text(least, most)} (range)"
    decimals = _decimals((high - low) / 4)  # an interval of 95% is about four errors long
    return f"{_number_text(low, decimals)} to {_number_text(high, decimals)}"


def _number_text(number: float, decimals: int) -> str:
    return "NaN" if math.isnan(number) else f"{number:z.{decimals}f}"


def _decimals(error: float) -> int:
    """How many decimals show two digits of an error."""
    if not math.isfinite(error) or error <= 0:
        return _UNKNOWN
    return min(max(1 - math.floor(math.log10(error)), 0), _MOST)


def _is_number(name: str, table: pd.DataFrame) -> bool:
    """Whether there is one column of that name, of numbers."""
    return list(table.columns).count(name) == 1 and bool(pd.api.types.is_numeric_dtype(table[name]))


def _is_interval(stem: str, table: pd.DataFrame) -> bool:
    """Whether the table has both ends of an interval, and no other column of its name."""
    return stem not in table and _is_number(f"{stem}_low", table) and _is_number(f"{stem}_high", table)


def _has_range(table: pd.DataFrame) -> bool:
    return all(_is_number(name, table) for name in _RANGE)


def _hidden_error(table: pd.DataFrame) -> str:
    """The error that is told beside the mean."""
    return _OVER_DATAPOINTS if _is_number(_MEAN, table) and _is_number(_OVER_DATAPOINTS, table) else ""


def _error_of(name: str, table: pd.DataFrame) -> str:
    """The column of a column's errors; empty where there is none."""
    error = _hidden_error(table) if name == _MEAN else f"{name}_se"
    return error if error and _is_number(name, table) and _is_number(error, table) else ""


def _is_told(name: str, table: pd.DataFrame) -> bool:
    """Whether the printed column of another name has these numbers too."""
    value, low = name.removesuffix("_se"), name.removesuffix("_high")
    return (
        name == _hidden_error(table)
        or (value != name and _error_of(value, table) == name)
        or (low != name and _is_interval(low, table))
        or (name in _RANGE and _has_range(table) and _is_interval(_INTERVAL, table))
    )
