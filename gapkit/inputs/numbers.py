"""NumPy scalars in checkpoints (``best_loss``, a Lightning callback's score), read as plain numbers; arrays if allowed.

A pickle names ``numpy.core.multiarray.scalar`` and ``numpy.dtype`` for them. Neither is called: two small functions of
ours stand in their place, which know numbers and nothing else, so that no more than bytes of a few fixed sizes is read.
An array is made the same way, of the bytes that the file has for it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ARRAYS", "NUMBERS"]

_NUMBERS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


class _NumberType:
    """What ``numpy.dtype`` is to such a pickle: the name of a kind of number and its byte order."""

    def __init__(self, name: object, *_: object) -> None:
        if name not in _NUMBERS:
            raise ValueError(f"a NumPy scalar of type {name!r:.40}, which is no number")
        self.name, self.order = str(name), "<"

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.order = state[1]


def _scalar(kind: object, raw: object = b"") -> int | float | bool:
    if not isinstance(kind, _NumberType) or not isinstance(raw, bytes):
        raise ValueError("a NumPy scalar that is no number")
    dtype = np.dtype(kind.order + kind.name)
    if len(raw) != dtype.itemsize:
        raise ValueError(f"a NumPy scalar of {len(raw)} bytes, where {dtype.itemsize} belong")
    value: int | float | bool = np.frombuffer(raw, dtype)[0].item()
    return value


class _Array(np.ndarray[Any, Any]):
    """An array of numbers, read from a pickle; one of anything else cannot be made."""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, raw = state
        if not isinstance(kind, _NumberType) or not isinstance(raw, bytes):
            raise ValueError("an array of something else than numbers")
        super().__setstate__((1, tuple(shape), np.dtype(kind.order + kind.name), bool(fortran), raw))  # type: ignore[arg-type]


def _array(*_: object) -> _Array:
    return _Array((0,))


# For torch.serialization.safe_globals: what is called, and the name in the pickle that it stands for.
NUMBERS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_NumberType, "numpy.dtype"),
    (_scalar, "numpy.core.multiarray.scalar"),
    (_scalar, "numpy._core.multiarray.scalar"),
]
ARRAYS: list[tuple[Callable[..., Any], str]] = [
    (_array, "numpy.core.multiarray._reconstruct"),
    (_array, "numpy._core.multiarray._reconstruct"),
    (_Array, "numpy.ndarray"),
]
