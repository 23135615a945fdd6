"""Datapoints that are read when they are wanted, so that data may be larger than memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

__all__ = ["Placed", "Reader", "Rows", "some"]

_PLACES, _IN_A_ROW = 8, 128  # of a sample: blocks of neighbours, because many files are read in such
_SAMPLE = 2**28  # bytes of a sample as float32, at most

Step = Callable[[Tensor, Sequence[int]], Tensor]


class Reader(Protocol):
    """Where datapoints lie. It can be pickled; then it opens its files again."""

    def __len__(self) -> int:
        """Number of datapoints N."""
        ...

    def read(self, rows: Sequence[int]) -> Tensor:
        """Some datapoints as they lie there, shape (P, ...), of ascending rows most often.

        Raises:
            InputError: they cannot be read any more.
        """
        ...


class Rows:
    """Datapoints of shape (N, *x_shape), read anew whenever they are taken; used like a tensor by its first axis.

    Args:
        reader: where they lie.
        steps: what is done to what is read, row by row, given the datapoints and their places in the data.
        limit: no more than so many of the first datapoints.

    Example:
        >>> class Squares:
        ...     def __len__(self):
        ...         return 4
        ...
        ...     def read(self, rows):
        ...         return torch.tensor([[float(row**2)] for row in rows])
        >>> x = Rows(Squares()).map(lambda part, rows: part + 1.0)
        >>> x.shape, x[1:3].tolist(), x[[3]].tolist(), [len(part) for part in x.split(3)]
        (torch.Size([4, 1]), [[2.0], [5.0]], [[10.0]], [3, 1])
    """

    def __init__(self, reader: Reader, steps: tuple[Step, ...] = (), limit: int | None = None) -> None:
        self._reader, self._steps = reader, steps
        self._size = len(reader) if limit is None else min(limit, len(reader))

    def __len__(self) -> int:
        """Number of datapoints N."""
        return self._size

    def __getitem__(self, rows: "int | slice | Sequence[int] | Tensor") -> Tensor:
        """One datapoint, shape (*x_shape), or several, shape (P, *x_shape), by their places or by a mask.

        Raises:
            IndexError: there is no such datapoint.
        """
        everyone = range(self._size)
        if isinstance(rows, slice):
            return self._read(everyone[rows])
        chosen = np.asarray(rows)
        if chosen.dtype == bool:
            if chosen.shape != (self._size,):
                raise IndexError(f"a mask of shape {chosen.shape} for {self._size} datapoints")
            chosen = chosen.nonzero()[0]
        if chosen.ndim == 0:
            return self._read([everyone[int(chosen)]])[0]
        return self._read([everyone[row] for row in chosen.tolist()])

    def _read(self, rows: Sequence[int]) -> Tensor:
        if not len(rows):
            return self._one[:0]
        # A unit repeats its last datapoint where it is not full.
        wanted = sorted(set(rows))
        x = self._reader.read(wanted)
        for step in self._steps:
            x = step(x, wanted)
        if list(rows) == wanted:
            return x
        place = {row: at for at, row in enumerate(wanted)}
        return x[[place[row] for row in rows]]

    @cached_property
    def _one(self) -> Tensor:
        return self[:1]

    @property
    def shape(self) -> torch.Size:
        """Shape of all datapoints, (N, *x_shape)."""
        return torch.Size((self._size, *self._one.shape[1:]))

    @property
    def dtype(self) -> torch.dtype:
        """Of the datapoints as they are taken."""
        return self._one.dtype

    @property
    def device(self) -> torch.device:
        """Where they are taken to."""
        return self._one.device

    def numel(self) -> int:
        """Number of values of all datapoints."""
        return self.shape.numel()

    def map(self, step: Step) -> "Rows":
        """The same with a step more."""
        return Rows(self._reader, (*self._steps, step), self._size)

    def split(self, size: int) -> Iterator[Tensor]:
        """All datapoints, so many at a time, in their order."""
        for start in range(0, self._size, size):
            yield self[start : start + size]

    def sample(self) -> Tensor:
        """Some datapoints, a thousand (fewer of large ones) or all: blocks of neighbours, evenly spread."""
        return self[self.sampled]

    @property
    def sampled(self) -> list[int]:
        """The places of the datapoints of :meth:`sample`."""
        room = _SAMPLE // (_PLACES * 4 * max(1, self._one.numel()))
        return sample_rows(self._size, max(1, min(_IN_A_ROW, room)))

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read."""
        return {name: value for name, value in vars(self).items() if name != "_one"}


def sample_rows(size: int, together: int = _IN_A_ROW) -> list[int]:
    """The rows of :meth:`Rows.sample`: eight blocks of so many neighbours, from the first to the last.

    Example:
        >>> rows = sample_rows(10**6)
        >>> len(rows), rows[0], rows[128], rows[-1]
        (1024, 0, 142838, 999999)
    """
    if size <= _PLACES * together:
        return list(range(size))
    starts = [at * (size - together) // (_PLACES - 1) for at in range(_PLACES)]
    return [start + row for start in starts for row in range(together)]


def some(x: "Tensor | Rows") -> Tensor:
    """What is looked at to tell what data are: all that are in memory, else a sample, shape (M, *x_shape)."""
    return x.sample() if isinstance(x, Rows) else x


@dataclass(frozen=True)
class Placed:
    """A step that brings datapoints to a device, type and shape.

    Attributes:
        device: where to.
        dtype: the type.
        shape: of a datapoint.
    """

    device: torch.device
    dtype: torch.dtype
    shape: tuple[int, ...]

    def __call__(self, x: Tensor, rows: Sequence[int]) -> Tensor:
        """Datapoints as they are wanted, shape (P, *shape)."""
        return x.to(self.device).to(self.dtype).reshape(len(x), *self.shape)
