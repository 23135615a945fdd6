"""Tables: which column holds the labels, and whether the others are the pixels of images."""

import difflib
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from gapkit.core.errors import InputError
from gapkit.inputs.data.dataset import Raw

__all__ = ["are_pixels", "bright", "label_column", "like_pixels", "read_table", "require_names"]

LABELS = ("class", "classes", "label", "labels", "target", "targets")  # whatever their case
_PIXEL = re.compile(r"(pixel|px|p)?[ _]?\d+(x\d+)?", re.IGNORECASE)
_BRIGHT = 128  # 8-bit images have pixels at least that bright


def read_table(frame: Any, asked: str, wanted: str | None = None) -> Raw:
    """Columns become the last dimension, but for the labels; whole numbers of pixels become uint8.

    Args:
        frame: a ``pandas.DataFrame``.
        asked: beginning of the error message.
        wanted: the column of the labels, ``none`` for none; None takes the one that is named so.

    Raises:
        InputError: no such column, several that are named like labels, a saved index, or columns of no numbers.
    """
    frame.columns = [str(name) for name in frame.columns]
    name = label_column(list(frame.columns), asked, wanted)
    labels = None if name is None else frame.pop(name).to_numpy()
    require_names(frame.columns, asked)
    texts = [column for column, dtype in frame.dtypes.items() if getattr(dtype, "kind", "O") not in "fiub"]
    if texts:
        do = "drop these columns or turn them into numbers; a column of labels is named with --label-column"
        raise InputError(asked, f"columns that are not numbers: {', '.join(texts[:8])} ({len(texts)} in all)", do)
    notes = () if name is None else (f"labels from the column {name}",)
    if are_pixels(frame):
        return Raw(frame.to_numpy(dtype=np.uint8), labels, images=True, notes=notes)
    return Raw(frame.to_numpy(dtype=np.float64, na_value=np.nan), labels, notes=notes)


def label_column(columns: list[str], asked: str, wanted: str | None) -> str | None:
    """The column of the labels, if there is one.

    Args:
        columns: their names.
        asked: beginning of the error message.
        wanted: see :func:`read_table`.

    Raises:
        InputError: no such column, or several that are named like labels.
    """
    if wanted is not None:
        if wanted in columns:
            return wanted
        if wanted == "none":
            return None
        close = difflib.get_close_matches(wanted, columns, n=1)
        do = f"did you mean {close[0]}?" if close else "name a column, or none"
        raise InputError(f"{asked}, labels from the column {wanted}", f"the columns {_some(columns)}", do)
    named = [column for column in columns if column.lower() in LABELS]
    if len(named) > 1:
        do = f"say which with --label-column {named[0]}; the others then stay among the data, unless you drop them"
        raise InputError(asked, f"several columns that are named like labels: {', '.join(named)}", do)
    return named[0] if named else next((column for column in columns if column == "y"), None)


def are_pixels(frame: Any) -> bool:
    """Whole numbers from 0 to 255 in columns that are named like pixels, or as many as a square image has."""
    if not frame.size or any(getattr(dtype, "kind", "O") not in "iu" for dtype in frame.dtypes):
        return False
    if frame.isna().to_numpy().any():
        return False
    values = frame.to_numpy()
    return like_pixels(list(frame.columns)) and bright(float(values.min()), float(values.max()))


def like_pixels(columns: Sequence[str]) -> bool:
    """Whether columns of whole numbers may be pixels: they are named so, or as many as a square image has."""
    side = max(math.isqrt(len(columns)), math.isqrt(len(columns) // 3))
    square = side >= 8 and len(columns) in (side**2, 3 * side**2)
    return square or all(_PIXEL.fullmatch(column) for column in columns)


def bright(low: float, high: float) -> bool:
    """Whether these are the least and the largest of many pixels of 8 bits."""
    return low >= 0 and _BRIGHT <= high <= 255


def require_names(columns: Sequence[str], asked: str) -> None:
    """Refuse a saved index among the columns.

    Raises:
        InputError: there is one.
    """
    if any(column.startswith("Unnamed: ") for column in columns):
        found = "a column without a name, probably a saved row index"
        raise InputError(asked, found, "write the table with index=False, or name the column")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more
