"""Readers of data that stay on the disk, a few datapoints at a time; each can be pickled and opens its files again."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.files import map_npy
from gapkit.inputs.data.dataset import require_numbers
from gapkit.inputs.data.images import read_image
from gapkit.inputs.data.row_groups import Parquet
from gapkit.inputs.data.unchanged import Unchanged

__all__ = ["Images", "Joined", "Mapped", "bytes_of"]


class Mapped(Unchanged):
    """An array of a ``.npy`` file, whose datapoints lie one after the other; it is open only while it is read.

    Args:
        path: the file.
        asked: beginning of error messages.

    Raises:
        InputError: damaged, or no array.
    """

    def __init__(self, path: Path, asked: str) -> None:
        super().__init__(path, asked)
        array = map_npy(self._path, asked)
        self.shape, self.dtype, self._ordered = array.shape, array.dtype, bool(array.flags.c_contiguous)

    def check(self) -> None:
        """Refuse what would be slow.

        Raises:
            InputError: an array in Fortran order.
        """
        if not self._ordered:
            found = "a large array in Fortran order, whose datapoints lie everywhere in the file"
            raise InputError(self._asked, found, "store it with numpy.save(path, numpy.ascontiguousarray(x))")

    def __len__(self) -> int:
        """Number of datapoints."""
        return self.shape[0] if self.shape else 0

    def read(self, rows: Sequence[int]) -> Tensor:
        """See :class:`gapkit.core.rows.Reader`."""
        self.require_unchanged()
        array = map_npy(self._path, self._asked)
        whole = rows[-1] - rows[0] + 1 == len(rows)
        return require_numbers(array[rows[0] : rows[-1] + 1] if whole else array[list(rows)], self._asked)


class Images:
    """Image files of one size, all grey or all colour, in the order of their names.

    Args:
        paths: of the files.
        asked: beginning of error messages.
    """

    def __init__(self, paths: Sequence[Path], asked: str) -> None:
        self._paths, self._asked = [path.resolve() for path in paths], asked
        self.shape = (len(paths), *read_image(self._paths[0], asked).shape)

    def check(self) -> None:
        """Nothing is refused before it is read."""

    def __len__(self) -> int:
        """Number of datapoints."""
        return len(self._paths)

    def read(self, rows: Sequence[int]) -> Tensor:
        """See :class:`gapkit.core.rows.Reader`."""
        images = []
        for row in rows:
            image = read_image(self._paths[row], self._asked)
            if image.shape != self.shape[1:]:
                found = f"{self._paths[0].name} of shape {self.shape[1:]}, {self._paths[row].name} of {image.shape}"
                raise InputError(self._asked, found, "bring all images to one size, all grey or all colour")
            images.append(torch.from_numpy(image.copy()))
        return torch.stack(images)


class Joined:
    """Several parts, one after the other.

    Args:
        parts: of datapoints of one shape, by the name of each.
        asked: beginning of error messages.

    Raises:
        InputError: datapoints of several shapes.
    """

    def __init__(self, parts: "Mapping[str, Mapped | Parquet | Images]", asked: str) -> None:
        self._parts = list(parts.values())
        first, *names = parts
        for name in names:
            if parts[name].shape[1:] != parts[first].shape[1:]:
                shapes = [tuple(parts[one].shape[1:]) for one in (first, name)]
                found = f"datapoints of shape {shapes[0]} in {first} and of {shapes[1]} in {name}"
                raise InputError(asked, found, "bring all parts to one shape")
        kinds = {str(part.dtype) for part in self._parts if isinstance(part, Mapped)}
        if len(kinds) > 1:
            found = f"parts of the types {' and '.join(sorted(kinds))}"
            raise InputError(asked, found, "store all parts in one type")
        self._ends = np.cumsum([len(part) for part in self._parts]).tolist()
        self.shape = (len(self), *self._parts[0].shape[1:])

    def check(self) -> None:
        """Refuse what a part refuses."""
        for part in self._parts:
            part.check()

    def __len__(self) -> int:
        """Number of datapoints."""
        return int(self._ends[-1])

    def read(self, rows: Sequence[int]) -> Tensor:
        """See :class:`gapkit.core.rows.Reader`."""
        found = []
        for part, members in groupby(rows, key=lambda row: bisect_right(self._ends, row)):
            first = self._ends[part - 1] if part else 0
            found.append(self._parts[part].read([row - first for row in members]))
        return torch.cat(found)


def bytes_of(shape: Sequence[int], limit: int | None) -> int:
    """What datapoints take in memory as float32."""
    return 4 * math.prod(shape[1:]) * (shape[0] if limit is None else min(limit, shape[0]))
