"""One entrance for all data: a name, a file, a folder of images, or a function of the user's."""

import difflib
import os
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gapkit.checks import InputError
from gapkit.data.dataset import Dataset, Raw, finish
from gapkit.data.files import READERS, pick
from gapkit.data.images import read_folder
from gapkit.data.named import NAMED
from gapkit.files import kind_of, neighbours
from gapkit.inputs.usercode import call_user, load_attribute

__all__ = ["SPLITS", "load"]

SPLITS = ("train", "test")


def load(source: str | Path, *, split: str = "test", key: str | None = None, limit: int | None = None) -> Dataset:
    """Load data from any source.

    Args:
        source: a name (``digits``, ``mnist``, ``fashion_mnist``, ``cifar10``); a file ``.npz``, ``.npy``, ``.pt``,
            ``.csv`` or ``.parquet``; a folder of images; or ``path/to/file.py:function`` or
            ``package.module:function``, called with ``split=`` and returning ``x`` or ``(x, labels)``.
        split: ``"train"`` or ``"test"``. Sources that make no difference give all they have.
        key: name of the array in an ``.npz`` or ``.pt`` file.
        limit: keep only the first ``limit`` datapoints.

    Returns:
        x of shape (N, *x_shape), float32, with labels (positions of the words in ``classes``, where they are words) and
        provenance. uint8 is taken for pixels and divided by 255, unless nothing in it exceeds 1; other integers stay
        counts.

    Raises:
        InputError: unknown name, missing or damaged file, no numbers, NaN or Inf, unknown split, limit below 1.

    Example:
        >>> digits = load("digits", limit=5)
        >>> digits.x.shape, digits.x.max().item(), digits.labels
        (torch.Size([5, 1, 8, 8]), 1.0, tensor([1, 7, 4, 6, 3]))
    """
    source = str(source)
    if split not in SPLITS:
        raise InputError(f"load the split {split!r} of {source}", "no such split", f"use {' or '.join(SPLITS)}")
    if limit is not None and limit < 1:
        raise InputError(f"load {limit} datapoints of {source}", "a limit below 1", "use 1 or more, or no limit")
    path = Path(os.path.expanduser(source))
    kind = "nothing" if source in NAMED else kind_of(path, f"load data from {source!r}")
    if key is not None and path.suffix not in (".npz", ".pt", ".pth"):
        do = "drop --data-key (key=), or pass a .npz or .pt file"
        raise InputError(f"load the array {key!r} of {source}", "a source without named arrays", do)
    if source in NAMED:
        raw = NAMED[source](split)
    elif kind == "folder":
        raw = read_folder(path, split, limit)
    elif kind == "file" and path.suffix in READERS:
        raw = READERS[path.suffix](path, split, key, limit)
    elif ":" in source and kind == "nothing":
        raw = _from_function(source, split)
    else:
        raise _unknown(source, path)
    return finish(raw, source, limit)


def _from_function(spec: str, split: str) -> Raw:
    """Call the user's function; a finished array or tensor is taken as it is."""
    target = load_attribute(spec)
    result = call_user(target, spec, {"split": split}) if callable(target) else target
    asked = f"read data from {spec}"
    if isinstance(result, dict):
        return pick(result, split, None, asked)
    x, labels = result if isinstance(result, tuple) and len(result) == 2 else (result, None)
    for value in (x, labels):
        if value is not None and not isinstance(value, Tensor | np.ndarray):
            do = "return an array or tensor x, or the tuple (x, labels)"
            raise InputError(asked, f"it returned {_describe(result)}", do)
    return Raw(x, labels, split if callable(target) else "all")


def _describe(result: Any) -> str:
    if isinstance(result, tuple):
        return f"a tuple of {', '.join(type(value).__name__ for value in result) or 'nothing'}"
    return type(result).__name__


def _unknown(source: str, path: Path) -> InputError:
    """Choose the message: a file of an unknown kind, a missing file, or an unknown name."""
    asked = f"load data from {source!r}"
    if os.path.isfile(path):
        return InputError(asked, f"a file of kind {path.suffix or 'without suffix'}", f"use {', '.join(READERS)}")
    if path.suffix in READERS or len(path.parts) > 1:
        close = difflib.get_close_matches(path.name, neighbours(path.parent), n=3)
        return InputError(asked, "no such file", f"did you mean {' or '.join(close)}?" if close else "check the path")
    close = difflib.get_close_matches(source.lower().replace("-", "_"), NAMED, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    ways = f"names are {', '.join(NAMED)}; or pass a file ({', '.join(READERS)}), a folder of images, file.py:function"
    return InputError(asked, "no such name, file or folder", hint + ways)
