"""One entrance for all data: a name, a file, a folder of images, or a function of the user's."""

import inspect
import os
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from gapkit.core.errors import InputError
from gapkit.core.files import kind_of, require_file
from gapkit.inputs.data.arrow import is_saved, read_saved
from gapkit.inputs.data.dataset import Dataset, Raw, finish
from gapkit.inputs.data.files import READERS, pick
from gapkit.inputs.data.given import unpacked
from gapkit.inputs.data.images import read_folder, read_images
from gapkit.inputs.data.named import NAMED
from gapkit.inputs.data.scaling import Scale
from gapkit.inputs.data.shards import SUFFIXES, parts_of
from gapkit.inputs.data.streamed import Streamed, streamed
from gapkit.inputs.known import unknown
from gapkit.inputs.usercode import call_user, load_attribute

__all__ = ["SPLITS", "load", "load_streamed", "names_function"]

SPLITS = ("train", "test")
TABLES = (".csv", ".parquet")


def load(
    source: str | Path,
    *,
    split: str = "test",
    key: str | None = None,
    limit: int | None = None,
    scale: str | None = None,
    label_column: str | None = None,
    counts: bool = False,
) -> Dataset:
    """Load data from any source.

    Args:
        source: a name (``digits``, ``mnist``, ``fashion_mnist``, ``cifar10``); a file ``.npz``, ``.npy``, ``.pt``,
            ``.csv`` or ``.parquet``; a folder of images (also in folders below), or of ``.npy`` or
            ``.parquet`` files that belong together, or one that ``datasets.Dataset.save_to_disk`` wrote; or
            ``path/to/file.py:function`` or ``package.module:function``, called with ``split=`` if it takes that, and
            returning ``x``, ``(x, labels)`` or a ``torch.utils.data`` Dataset.
        split: ``"train"`` or ``"test"``. Sources that make no difference give all they have.
        key: name of the array in an ``.npz`` or ``.pt`` file.
        limit: keep only the first ``limit`` datapoints.
        scale: of pixels: ``unit`` for [0, 1], ``LOW,HIGH`` for a model trained on another range (``-1,1``), ``none`` to
            leave them as stored; None divides those of 8 bits by 255.
        label_column: of a table, the column that holds the labels, ``none`` for none; None takes the one that is called
            label, class, target (also in the plural) or y.
        counts: the data are counts or classes, so that whole numbers stay as they are unless ``scale`` is given.

    Returns:
        x of shape (N, *x_shape), float32, with labels (positions of the words in ``classes``, where they are words) and
        provenance. 8-bit pixels (uint8 arrays in which something exceeds 1, and tables of whole numbers up to 255 that
        look like images) are divided by 255 unless ``scale`` or ``counts`` say otherwise; other integers stay counts.
        ``scaling`` says what was done.

    Raises:
        InputError: unknown name, missing or damaged file, no numbers, NaN or Inf, unknown split, limit below 1, no
            such scale or column.

    Example:
        >>> digits = load("digits", limit=5)
        >>> digits.x.shape, digits.x.max().item(), digits.labels
        (torch.Size([5, 1, 8, 8]), 1.0, tensor([1, 7, 4, 6, 3]))
    """
    found = _found(source, split, key, limit, scale, label_column, counts, stream=False)
    assert isinstance(found, Dataset)
    return found


def load_streamed(
    source: str | Path,
    *,
    split: str = "test",
    key: str | None = None,
    limit: int | None = None,
    scale: str | None = None,
    label_column: str | None = None,
    counts: bool = False,
) -> Dataset | Streamed:
    """As :func:`load`, but large data stay where they lie, and are read a few at a time when they are wanted.

    That is so from 256 MB (as float32) on, in ``.npy`` and ``.parquet`` files, folders of such, and folders of images.
    Form and scale of the values are decided on a sample, and what does not agree with it is refused when it is read.

    Args:
        source: see :func:`load`, as all others.
        split: of the two.
        key: of an array.
        limit: keep only the first ``limit`` datapoints.
        scale: of pixels.
        label_column: of a table.
        counts: whether whole numbers stay as they are.

    Raises:
        InputError: as :func:`load`; or large data that cannot be read a few at a time.

    Example:
        >>> len(load_streamed("digits", limit=5))
        5
    """
    return _found(source, split, key, limit, scale, label_column, counts, stream=True)


def _found(
    source: str | Path,
    split: str,
    key: str | None,
    limit: int | None,
    scale: str | None,
    label_column: str | None,
    counts: bool,
    stream: bool,
) -> Dataset | Streamed:
    source = str(source)
    if split not in SPLITS:
        raise InputError(f"load the split {split!r} of {source}", "no such split", f"use {' or '.join(SPLITS)}")
    if limit is not None and limit < 1:
        raise InputError(f"load {limit} datapoints of {source}", "a limit below 1", "use 1 or more, or no limit")
    path = Path(os.path.expanduser(source))
    kind = "nothing" if source in NAMED else kind_of(path, f"load data from {source!r}")
    saved = kind == "folder" and is_saved(path)
    if key is not None and path.suffix not in (".npz", ".pt", ".pth") and not saved:
        do = "drop --data-key (key=), or pass a .npz or .pt file"
        raise InputError(f"load the array {key!r} of {source}", "a source without named arrays", do)
    if label_column is not None and kind != "folder" and path.suffix not in TABLES:
        do = f"drop --label-column, or pass a table ({' or '.join(TABLES)})"
        raise InputError(f"load labels from the column {label_column!r} of {source}", "a source without columns", do)
    if scale is not None:
        Scale.parse(scale)
    if saved:
        return finish(read_saved(path, split, key, limit, label_column), source, limit, scale, counts=counts)
    if stream and (kind == "folder" or (kind == "file" and path.suffix in SUFFIXES)):
        if kind == "file":
            require_file(path, f"read data from {path}")
        parts = parts_of(path, kind, split, f"read data from {source}")
        left = parts and streamed(parts, source, limit, scale, label_column, counts=counts)
        if left:
            return left
    if source in NAMED:
        raw = NAMED[source](split)
    elif kind == "folder":
        raw = _from_folder(path, split, limit, label_column)
    elif kind == "file" and path.suffix in READERS:
        raw = READERS[path.suffix](path, split, label_column if path.suffix in TABLES else key, limit)
    elif names_function(source):
        raw = _from_function(source, split)
    else:
        raise unknown(source)
    return finish(raw, source, limit, scale, counts=counts)


def names_function(source: str) -> bool:
    """Whether :func:`load` would run code of that name: no data set, file or folder is called so.

    Example:
        >>> names_function("data.py:make"), names_function("digits"), names_function("absent.npz")
        (True, False, False)
    """
    if source in NAMED or ":" not in source:
        return False
    return kind_of(Path(os.path.expanduser(source)), f"load data from {source!r}") == "nothing"


def _from_folder(path: Path, split: str, limit: int | None, label_column: str | None) -> Raw:
    """Images, images of the folders in it, or files of numbers that belong together."""
    asked = f"read data from {path}"
    parts = parts_of(path, "folder", split, asked)
    if parts is not None:
        parts.require_columns(asked, label_column)
    if parts is None or (parts.images and not parts.notes):
        return read_folder(path, split, limit)
    if parts.images:
        return read_images(list(parts.paths), asked, parts.split, limit, parts.notes)
    return parts.read(asked, limit, label_column)


def _from_function(spec: str, split: str) -> Raw:
    """Call the user's function, with the split if it takes one; a finished array or tensor is taken as it is."""
    target = load_attribute(spec)
    asked = f"read data from {spec}"
    splits = callable(target) and _takes_split(target)
    do = "write it as def function(split): ..., with split 'train' or 'test', or without parameters"
    result = call_user(target, spec, {"split": split} if splits else {}, do) if callable(target) else target
    if isinstance(result, TorchDataset | DataLoader):
        return Raw(*unpacked(result, None), split if splits else "all")
    if isinstance(result, dict):
        return pick(result, split, None, asked)
    x, labels = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    for value in (x, labels):
        if value is not None and not isinstance(value, Tensor | np.ndarray):
            do = "return an array, tensor or Dataset x, or the tuple (x, labels)"
            raise InputError(asked, f"it returned {_describe(result)}", do)
    return Raw(x, labels, split if splits else "all")


def _takes_split(function: Any) -> bool:
    """Whether a function can be called with ``split=``."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have none
        return True
    return "split" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _describe(result: Any) -> str:
    if isinstance(result, tuple):
        return f"a tuple of {', '.join(type(value).__name__ for value in result) or 'nothing'}"
    return type(result).__name__
