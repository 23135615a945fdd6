"""Readers of data files, one for each suffix; none of them executes anything stored in the file."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.files import Arrays, read_csv, read_npy, read_parquet, require_file
from gapkit.inputs.data.dataset import Raw
from gapkit.inputs.data.h5ad import read_h5ad
from gapkit.inputs.data.table import read_table
from gapkit.inputs.read import WantsCode
from gapkit.inputs.read import read as read_checkpoint

__all__ = ["READERS", "Reader", "pick"]

LABEL_NAMES = ("y", "labels")
CLASS_NAMES = "class_names"
_ENOUGH = 100  # rows that tell pixels from zeros and ones, however few are asked for
Reader = Callable[[Path, str, str | None, int | None], Raw]


def pick(arrays: Mapping[str, Any], split: str, key: str | None, asked: str) -> Raw:
    """Choose data and labels among named arrays.

    Args:
        arrays: name -> array.
        split: ``"train"`` or ``"test"``.
        key: the name to take; ``None`` looks for ``x_train`` / ``x_test``, then ``x``, then a single array.
        asked: beginning of the error message.

    Returns:
        The data; labels from ``y_train`` / ``y_test`` or ``y`` where they exist, and what they stand for from
        ``class_names``.

    Raises:
        InputError: no array fits.

    Example:
        >>> import numpy as np
        >>> pick({"x_train": np.zeros((3, 2)), "x_test": np.zeros((1, 2))}, "test", None, "read").x.shape
        (1, 2)
    """
    name, labels, own_split = _names(arrays, split, key, asked)
    classes = _classes(arrays[CLASS_NAMES], asked) if labels is not None and CLASS_NAMES in arrays else None
    return Raw(arrays[name], None if labels is None else arrays[labels], own_split, classes=classes)


def _classes(names: Any, asked: str) -> tuple[str, ...]:
    """The names of classes 0, 1, ... as words.

    Raises:
        InputError: not a list of words, each once.
    """
    try:
        words = np.asarray(names)
    except ValueError:  # lists of unequal lengths
        words = np.asarray([names], object)
    found = tuple(str(word) for word in words.tolist()) if words.ndim == 1 and words.dtype.kind in "UT" else ()
    if not found or len(set(found)) < len(found):
        shown = f"an array of type {words.dtype} and shape {words.shape}" if not found else "the same name twice"
        raise InputError(f"{asked}, {CLASS_NAMES}", shown, "store the name of each class as text, once each")
    return found


def _names(arrays: Collection[str], split: str, key: str | None, asked: str) -> tuple[str, str | None, str]:
    """Names of the data and of their labels, if there are any, and the split they are."""
    there = f"the arrays {', '.join(arrays) or '(none)'}"
    if key is not None:
        if key not in arrays:
            do = "name one of them with --data-key (key= in Python)"
            raise InputError(f"{asked}, key {key!r}", there, do)
        suffix = key.removeprefix("x_")
        labels = ("y" if key == "x" else f"y_{suffix}") if key.startswith("x") else None
        return key, _known(labels, arrays), suffix if suffix in ("train", "test") else "all"
    if f"x_{split}" in arrays:
        return f"x_{split}", _known(f"y_{split}", arrays), split
    others = [name for name in arrays if name not in (*LABEL_NAMES, CLASS_NAMES)]
    if "x" in arrays or (len(others) == 1 and others[0] not in ("x_train", "x_test")):
        labels = next((name for name in LABEL_NAMES if name in arrays), None)
        return "x" if "x" in arrays else others[0], labels, "all"
    do = f"call one x or x_{split}, or name one with --data-key (key= in Python)"
    raise InputError(f"{asked}, split {split}", there, do)


def _known(name: str | None, arrays: Collection[str]) -> str | None:
    return name if name in arrays else None


def _npz(path: Path, split: str, key: str | None, limit: int | None) -> Raw:
    asked = _asked(path)
    with Arrays(path, asked, _at_least(limit)) as arrays:
        name, labels, _ = _names(arrays, split, key, asked)
        sizes = [arrays.shape(each)[:1] for each in (name, labels) if each is not None]
        if len(set(sizes)) > 1:  # of the whole arrays, of which only the first rows are read
            found = f"{sizes[0][0] if sizes[0] else 0} datapoints and labels of shape {arrays.shape(str(labels))}"
            raise InputError(asked, found, "store one label for each datapoint, or none")
        raw = pick(arrays, split, key, asked)
    if raw.classes is None or limit is None:
        return raw
    with Arrays(path, asked) as whole:  # all names, however few datapoints are read
        return replace(raw, classes=_classes(whole[CLASS_NAMES], asked))


def _npy(path: Path, split: str, key: str | None, limit: int | None) -> Raw:
    return Raw(read_npy(path, _asked(path), _at_least(limit)))


def _at_least(limit: int | None) -> int | None:
    return None if limit is None else max(limit, _ENOUGH)


def _pt(path: Path, split: str, key: str | None, limit: int | None) -> Raw:
    asked = _asked(path)
    try:
        payload = read_checkpoint(path)
    except WantsCode as err:
        do = "save plain tensors: torch.save({'x': x}, 'data.pt') or numpy.savez('data.npz', x=x)"
        raise InputError(asked, err.found, do) from err
    if isinstance(payload, Tensor):
        return Raw(payload)
    if isinstance(payload, Mapping):
        return pick(
            {str(n): v for n, v in payload.items() if isinstance(v, Tensor) or n == CLASS_NAMES}, split, key, asked
        )
    raise InputError(asked, f"a saved {type(payload).__name__}", "save a tensor, or a dict with the tensors x and y")


def _csv(path: Path, split: str, key: str | None, limit: int | None) -> Raw:
    asked = _asked(path)
    frame = read_csv(path, asked, _at_least(limit))
    names = [str(name) for name in frame.columns]
    if names != [str(i) for i in range(len(names))] and all(_is_number(name) for name in names):
        found = f"numbers in the first line ({', '.join(names[:4])}, ...), where the column names belong"
        raise InputError(asked, found, "add a first line with the names of the columns")
    return read_table(frame, asked, key)


def _parquet(path: Path, split: str, key: str | None, limit: int | None) -> Raw:
    asked = _asked(path)
    return read_table(read_parquet(path, asked, _at_least(limit)), asked, key)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _asked(path: Path) -> str:
    return f"read data from {path}"


def _of_a_file(reader: Reader) -> Reader:
    """A reader that first looks whether there is a file to read."""

    def read(path: Path, split: str, key: str | None, limit: int | None) -> Raw:
        require_file(path, _asked(path))
        return reader(path, split, key, limit)

    return read


READERS: dict[str, Reader] = {
    suffix: _of_a_file(reader)
    for suffix, reader in {
        ".npz": _npz,
        ".npy": _npy,
        ".pt": _pt,
        ".pth": _pt,
        ".csv": _csv,
        ".parquet": _parquet,
        ".h5ad": read_h5ad,
    }.items()
}
