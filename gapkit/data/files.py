"""Readers of data files, one for each suffix; none of them executes anything stored in the file."""

import pickle
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gapkit.checks import InputError
from gapkit.data.dataset import Raw
from gapkit.data.table import read_table
from gapkit.inputs.read import read as read_checkpoint

__all__ = ["READERS", "pick"]

AGAIN = "copy the file again, or write it again"
LABEL_NAMES = ("y", "labels")
DAMAGED = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, SyntaxError)


def pick(arrays: Mapping[str, Any], split: str, key: str | None, asked: str) -> Raw:
    """Choose data and labels among named arrays.

    Args:
        arrays: name -> array.
        split: ``"train"`` or ``"test"``.
        key: the name to take; ``None`` looks for ``x_train`` / ``x_test``, then ``x``, then a single array.
        asked: beginning of the error message.

    Returns:
        The data; labels from ``y_train`` / ``y_test`` or ``y`` where they exist.

    Raises:
        InputError: no array fits.

    Example:
        >>> pick({"x_train": np.zeros((3, 2)), "x_test": np.zeros((1, 2))}, "test", None, "read").x.shape
        (1, 2)
    """
    there = f"the arrays {', '.join(arrays) or '(none)'}"
    if key is not None:
        if key not in arrays:
            raise InputError(f"{asked}, key {key!r}", there, "name one of them with --data-key")
        suffix = key.removeprefix("x_")
        labels = arrays.get("y" if key == "x" else f"y_{suffix}") if key.startswith("x") else None
        return Raw(arrays[key], labels, suffix if suffix in ("train", "test") else "all")
    if f"x_{split}" in arrays:
        return Raw(arrays[f"x_{split}"], arrays.get(f"y_{split}"), split)
    others = [name for name in arrays if name not in LABEL_NAMES]
    if "x" in arrays or (len(others) == 1 and others[0] not in ("x_train", "x_test")):
        labels = next((arrays[name] for name in LABEL_NAMES if name in arrays), None)
        return Raw(arrays["x" if "x" in arrays else others[0]], labels)
    raise InputError(f"{asked}, split {split}", there, f"call one x or x_{split}, or name one with --data-key")


def _npz(path: Path, split: str, key: str | None, asked: str) -> Raw:
    with path.open("rb") as file:  # numpy does not close a file that it opens itself and cannot read
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, Mapping):
            raise InputError(asked, "one array in a file called .npz", "rename it to .npy")
        return pick(archive, split, key, asked)  # arrays are decompressed when they are taken, not before


def _npy(path: Path, split: str, key: str | None, asked: str) -> Raw:
    with path.open("rb") as file:
        array = np.load(file, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise InputError(asked, "several arrays in a file called .npy", "rename it to .npz")
    return Raw(array)


def _pt(path: Path, split: str, key: str | None, asked: str) -> Raw:
    try:
        payload = read_checkpoint(path)
    except InputError as err:
        if "--trust-pickle" not in err.do:
            raise
        do = "save plain tensors: torch.save({'x': x}, 'data.pt') or numpy.savez('data.npz', x=x)"
        raise InputError(asked, err.found, do) from err
    if isinstance(payload, Tensor):
        return Raw(payload)
    if isinstance(payload, Mapping):
        return pick({str(n): v for n, v in payload.items() if isinstance(v, Tensor)}, split, key, asked)
    raise InputError(asked, f"a saved {type(payload).__name__}", "save a tensor, or a dict with the tensors x and y")


def _csv(path: Path, split: str, key: str | None, asked: str) -> Raw:
    import pandas

    frame = pandas.read_csv(path, low_memory=False)
    names = [str(name) for name in frame.columns]
    if names != [str(i) for i in range(len(names))] and all(_is_number(name) for name in names):
        found = f"numbers in the first line ({', '.join(names[:4])}, ...), where the column names belong"
        raise InputError(asked, found, "add a first line with the names of the columns")
    return read_table(frame, asked, key)


def _parquet(path: Path, split: str, key: str | None, asked: str) -> Raw:
    import pandas

    return read_table(pandas.read_parquet(path), asked, key)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _guarded(reader: Callable[[Path, str, str | None, str], Raw]) -> Callable[[Path, str, str | None], Raw]:
    """Turn whatever a library raises on a damaged file into a refusal that names the file."""

    def read(path: Path, split: str, key: str | None) -> Raw:
        asked = f"read data from {path}"
        if path.stat().st_size == 0:
            raise InputError(asked, "the file is empty (0 bytes)", AGAIN)
        try:
            return reader(path, split, key, asked)
        except InputError:
            raise
        except DAMAGED as err:
            if "allow_pickle" in str(err) or "pickled" in str(err):
                found = "an object array, or another pickle (nothing was executed)"
                raise InputError(asked, found, "store arrays of numbers; ragged data must be padded") from err
            found = f"a truncated or damaged file ({type(err).__name__}: {str(err)[:160]})"
            raise InputError(asked, found, AGAIN) from err

    return read


READERS = {
    suffix: _guarded(reader)
    for suffix, reader in {
        ".npz": _npz,
        ".npy": _npy,
        ".pt": _pt,
        ".pth": _pt,
        ".csv": _csv,
        ".parquet": _parquet,
    }.items()
}
