"""Labels of datapoints in tables: words and whole numbers as such, other numbers as numbers."""

from collections.abc import Sequence

import pandas as pd

from gapkit.report.blocks import Column
from gapkit.report.statuses import number_or_none

__all__ = ["label_cell", "label_columns"]


def label_columns(labels: pd.Series | Sequence[object]) -> tuple[Column, ...]:
    """The column of the labels; none where there are none.

    Args:
        labels: shape (N,).
    """
    if not len(labels):
        return ()
    targets = pd.api.types.is_float_dtype(pd.Series(labels))
    return (Column("label", "Label", "number" if targets else "text"),)


def label_cell(value: object) -> str | float | None:
    """A label as a cell; None where it is missing."""
    if isinstance(value, float) or pd.isna(value):
        return number_or_none(value)
    return str(value)
