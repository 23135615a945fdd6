"""Class labels of the analysed data: a column of the table, without influence on any other number."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["check_labels", "label_column"]

_WHOLE, _REAL = ("integer", "boolean"), ("floating", "mixed-integer-float")
_EXACT = 2.0**53  # beyond it, not every whole number is a float


def check_labels(labels: Any, sizes: Mapping[str, int]) -> dict[str, pd.Series]:
    """Labels by split, of one type in all of them: whole numbers, other numbers, or words.

    Args:
        labels: one for each datapoint, shape (N,); or such arrays by the name of their split, where a split may have
            none; or None. Whole floats become integers; a label that is missing stays so.
        sizes: the number of datapoints of every split.

    Returns:
        Labels of every split, shape (N,); nothing if there is no label at all.

    Raises:
        InputError: labels of another length or of several dimensions, of a split that there is not, or one array for
            several splits.
    """
    if labels is None:
        return {}
    given = labels if isinstance(labels, Mapping) else _of_the_only_split(labels, sizes)
    unknown = [str(split) for split in given if split not in sizes]
    if unknown:
        found = f"labels of {', '.join(unknown)}, and data of {', '.join(sizes)}"
        raise InputError("labels by the names of the splits", found, "name them as the data")
    column = _in_one_type([label for split, size in sizes.items() for label in _listed(given.get(split), split, size)])
    if column.isna().all():
        return {}
    ends = np.cumsum(list(sizes.values()))
    return {split: column.iloc[end - sizes[split] : end] for split, end in zip(sizes, ends, strict=True)}


def label_column(labels: Mapping[str, pd.Series], datapoints: pd.DataFrame) -> pd.Series:
    """The labels of the table's rows, by their split and index."""
    splits = datapoints.groupby("split", sort=False)
    return pd.concat([labels[str(split)].iloc[rows["index"]] for split, rows in splits], ignore_index=True)


def _of_the_only_split(labels: Any, sizes: Mapping[str, int]) -> Mapping[str, Any]:
    if len(sizes) > 1:
        found = f"one array for the splits {', '.join(sizes)}"
        raise InputError("labels of data in several splits", found, "give a mapping from the name of a split to labels")
    return dict.fromkeys(sizes, labels)


def _listed(labels: Any, split: str, size: int) -> list[Any]:
    if labels is None:
        return [None] * size
    try:
        values = labels.detach().cpu() if isinstance(labels, Tensor) else np.asarray(labels)
    except ValueError as error:  # lists of several lengths
        found = f"labels of {split} that make no array ({error})"
        raise InputError("one label for each datapoint", found, f"give labels of shape ({size},)") from error
    if tuple(values.shape) != (size,):
        found = f"labels of shape {tuple(values.shape)} for {size} datapoints of {split}"
        raise InputError("one label for each datapoint", found, f"give labels of shape ({size},), or none")
    if isinstance(values, np.ndarray) and values.dtype.kind not in "fiubSO":
        missing, values = pd.isna(values), values.astype(str).astype(object)
        values[missing] = None
    return [_plain(label) for label in values.tolist()]


def _plain(label: Any) -> Any:
    """Bytes as the words they stand for."""
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else label


def _in_one_type(labels: list[Any]) -> pd.Series:
    column = pd.Series(labels, dtype=object)
    known = column[column.notna()]
    if known.map(lambda label: isinstance(label, bool | np.bool_ | int)).all():
        known = known.map(int)  # truth values mix with numbers
    kind = pd.api.types.infer_dtype(known, skipna=True)
    if kind in _REAL:
        values = known.to_numpy(float)
        if not (np.isfinite(values) & (values == np.round(values)) & (np.abs(values) <= _EXACT)).all():
            return column.astype(float)
    if kind in _REAL or (kind in _WHOLE and known.map(int).between(-(2**63), 2**63 - 1).all()):
        whole = known.map(int).astype("Int64").reindex(column.index)
        return whole if whole.isna().any() else whole.astype("int64")
    return known.map(str).astype("str").reindex(column.index)
