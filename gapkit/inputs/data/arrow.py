"""A folder that ``datasets.Dataset.save_to_disk`` of Hugging Face wrote, read without that library.

Its rows lie in Arrow files, whose names ``state.json`` has; what the columns are stands in ``dataset_info.json``. A
folder of several splits (``DatasetDict``) has one such folder for each. Nothing in them is executed, and no file
outside the folder is opened, whatever their names are.
"""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gapkit.core.errors import InputError
from gapkit.core.files import check_room, kind_of, on_disk
from gapkit.inputs.data.dataset import Raw
from gapkit.inputs.data.images import read_image
from gapkit.inputs.data.table import LABELS, read_table
from gapkit.inputs.folder import Folder

__all__ = ["is_saved", "read_saved"]

_STATE, _INFO, _SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
_NAME = re.compile(r"[\w-][\w.-]*\.arrow", re.ASCII)
_USUAL = ("x", "image", "images", "img", "pixel_values", "input", "inputs", "data", "features")
_AGAIN = "save the data set again: dataset.save_to_disk(folder)"
_BYTES = 4  # of a value, as float32


def is_saved(path: Path) -> bool:
    """Whether a folder is one that ``save_to_disk`` wrote."""
    # Of a folder that may not be read, pathlib raises where os.path says no; who reads it next says why.
    return os.path.isfile(path / _STATE) or os.path.isfile(path / _SPLITS)


def read_saved(path: Path, split: str, key: str | None, limit: int | None, wanted: str | None) -> Raw:
    """Read a data set, or its first rows.

    Args:
        path: the folder.
        split: ``"train"`` or ``"test"``, where it has splits.
        key: name of the column of the data; None takes one of a usual name, else the only one, else all numbers.
        limit: how many rows; None for all.
        wanted: name of the column of the labels, ``none`` for none; None takes a class label, or one named so.

    Returns:
        Images or arrays as they are stored, or a table; labels are words where the data set names its classes.

    Raises:
        InputError: no such split or column, a damaged file, rows of several shapes, missing values, or too much.
    """
    asked = f"read data from {path}"
    own = False
    if (path / _SPLITS).is_file():
        if kind_of(path / split, asked) != "folder":
            there = sorted(each.name for each in path.iterdir() if each.is_dir())
            do = "pass the folder of one split as --data"
            raise InputError(f"{asked}, split {split}", f"the splits {', '.join(there[:8]) or '(none)'}", do)
        path, own = path / split, True
    folder = Folder.of(path)
    features = folder.json(_INFO).get("features")
    table = _table(folder, asked, limit)
    features = features if isinstance(features, Mapping) else {}
    name, column = _chosen(list(table.column_names), features, asked, key, wanted)
    labels = None if name is None else _labels(table.column(name), features.get(name))
    notes = () if name is None else (f"labels from the column {name}",)
    split = split if own else "all"
    if column is None:
        rest = table.drop_columns([] if name is None else [name])
        raw = read_table(rest.to_pandas(), asked, "none")
        return Raw(raw.x, labels, split, raw.images, notes=notes)
    notes = (f"data from the column {column}", *notes)
    stored = table.column(column)
    if stored.null_count:
        first = next(row for row, each in enumerate(stored) if not each.is_valid)
        found = f"{stored.null_count} of {len(stored)} values of the column {column} missing, the first in row {first}"
        raise InputError(asked, found, "remove or replace them")
    kind = features.get(column)
    if isinstance(kind, Mapping) and kind.get("_type") == "Image":
        return Raw(_images(stored, asked, limit), labels, split, images=True, notes=notes)
    return Raw(_stacked(stored, column, asked), labels, split, notes=notes)


def _table(folder: Folder, asked: str, limit: int | None) -> Any:
    import pyarrow as pa

    files = folder.json(_STATE).get("_data_files")
    listed = files if isinstance(files, list) else []
    names = [str(each.get("filename")) if isinstance(each, Mapping) else "" for each in listed]
    odd = [name for name in names if not _NAME.fullmatch(name) or name not in folder.names]
    if odd or not names:
        found = f"{_STATE} names {', '.join(f'{name!s:.60}' for name in odd[:4]) or 'no files'}, which are not there"
        raise InputError(asked, found, _AGAIN)
    batches, rows = [], 0
    try:
        for name in names:
            place = folder.path / name
            held = on_disk(place)
            with pa.memory_map(str(place)) as source, pa.ipc.open_stream(source) as stream:
                for batch in stream:
                    batch.validate(full=True)
                    batches.append(batch if limit is None else batch.slice(0, limit - rows))
                    rows += len(batches[-1])
                    size = sum(each.nbytes for each in batches)
                    check_room(max(held, size), asked, size, limit, f"{rows:,} rows of {name}")
                    if limit is not None and rows >= limit:
                        return pa.Table.from_batches(batches)
        return pa.Table.from_batches(batches)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError, OverflowError) as err:
        found = f"a truncated or damaged file ({type(err).__name__}: {str(err)[:160]})"
        raise InputError(asked, found, _AGAIN) from err


def _chosen(
    columns: list[str], features: Mapping[str, Any], asked: str, key: str | None, wanted: str | None
) -> tuple[str | None, str | None]:
    """The columns of the labels and of the data; None for none, and for all others."""
    there = f"the columns {', '.join(columns[:12])}"
    for each, option in ((key, "--data-key"), (None if wanted == "none" else wanted, "--label-column")):
        if each is not None and each not in columns:
            raise InputError(f"{asked}, column {each!r}", there, f"name one of them with {option}")
    label = None if wanted == "none" else wanted
    if wanted is None:
        typed = [name for name in columns if _names(features.get(name)) is not None]
        named = [name for name in columns if name.lower() in LABELS or name == "y"]
        label = next((name for name in (*typed, *named) if name != key), None)
    rest = [name for name in columns if name != label]
    if key is not None:
        return label, key
    usual = next((name for name in _USUAL if name in rest), None)
    return label, rest[0] if len(rest) == 1 else usual


def _names(feature: object) -> list[str] | None:
    """The names of the classes of a class label."""
    names = feature.get("names") if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" else None
    return names if isinstance(names, list) and all(isinstance(each, str) for each in names) else None


def _labels(column: Any, feature: object) -> np.ndarray:
    values, names = column.to_pylist(), _names(feature)
    if names is None:
        return np.array(values)
    words = [names[v] if isinstance(v, int) and 0 <= v < len(names) else None for v in values]
    return np.array(words, dtype=object)


def _stacked(column: Any, name: str, asked: str) -> np.ndarray:
    """Numbers, or lists of such of one length at every depth, as one array (N, ...)."""
    import pyarrow as pa

    values, shape = column.combine_chunks(), [len(column)]
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    values = values.storage if isinstance(values, pa.ExtensionArray) else values
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type) or _fixed(values.type):
        lengths = {values.type.list_size} if _fixed(values.type) else set(values.value_lengths().to_pylist())
        if len(lengths) != 1 or None in lengths:
            found = f"a column {name} of rows of {len(lengths)} lengths"
            raise InputError(asked, found, "bring all datapoints to one shape")
        shape.append(int(lengths.pop()))
        values = values.flatten()
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        do = "name a column of numbers or images with --data-key"
        raise InputError(asked, f"a column {name} of type {values.type}, which are no numbers", do)
    if values.null_count:
        place = int(np.flatnonzero(np.asarray(values.is_null()))[0]) // max(1, int(np.prod(shape[1:])))
        found = f"{values.null_count} missing values in the column {name}, the first in row {place}"
        raise InputError(asked, found, "remove or replace them")
    return values.to_numpy(zero_copy_only=False).reshape(shape)


def _fixed(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(kind))


def _images(column: Any, asked: str, limit: int | None) -> np.ndarray:
    images: list[np.ndarray] = []
    for row, each in enumerate(column.to_pylist()):
        content = each.get("bytes") if isinstance(each, dict) else None
        if not isinstance(content, bytes):
            found = f"an image in row {row} that is not in the file, but only named by its path"
            raise InputError(
                asked, found, "save it with a newer version of datasets, which puts the images into the file"
            )
        images.append(read_image(io.BytesIO(content), asked, f"the image in row {row}"))
        if row == 0:
            what = f"{len(column):,} images, the first one of shape {images[0].shape}"
            check_room(column.nbytes, asked, len(column) * images[0].size * _BYTES, limit, what)
        if images[row].shape != images[0].shape:
            found = f"images of several sizes: {images[0].shape} in row 0 and {images[row].shape} in row {row}"
            raise InputError(asked, found, "bring all images to one size, all grey or all colour")
    return np.stack(images)
