"""Readers of data that stay on the disk, a few datapoints at a time; each can be pickled and opens its files again."""

import copy
import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.files import in_words, map_npy
from gapkit.inputs.data.dataset import require_numbers
from gapkit.inputs.data.images import read_image

__all__ = ["Images", "Indexed", "Joined", "Mapped", "Parquet", "bytes_of"]

_LARGEST_GROUP, _GOOD_GROUP = 512 * 10**6, 64 * 10**6  # bytes of a row group in memory


class _Opened:
    """What has a file open, and leaves that out when it is pickled."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_file"}


class Mapped(_Opened):
    """An array of a ``.npy`` file, whose datapoints lie one after the other.

    Args:
        path: the file, which must stay as it is.
        asked: beginning of error messages.

    Raises:
        InputError: damaged, or no array.
    """

    def __init__(self, path: Path, asked: str) -> None:
        self._path, self._asked = path.resolve(), asked
        self.shape = self._file.shape

    def check(self) -> None:
        """Refuse what would be slow.

        Raises:
            InputError: an array in Fortran order.
        """
        if self._file.ndim > 1 and not self._file.flags.c_contiguous:
            found = "a large array in Fortran order, whose datapoints lie everywhere in the file"
            raise InputError(self._asked, found, "store it with numpy.save(path, numpy.ascontiguousarray(x))")

    @cached_property
    def _file(self) -> np.ndarray:
        return map_npy(self._path, self._asked)

    def __len__(self) -> int:
        """Number of datapoints."""
        return len(self._file)

    def read(self, rows: Sequence[int]) -> Tensor:
        """See :class:`gapkit.core.rows.Reader`."""
        whole = len(rows) > 0 and rows[-1] - rows[0] + 1 == len(rows)
        return require_numbers(self._file[rows[0] : rows[-1] + 1] if whole else self._file[list(rows)], self._asked)


class Parquet(_Opened):
    """A table, a row group at a time.

    Args:
        path: the file, which must stay as it is.
        asked: beginning of error messages.

    Raises:
        InputError: damaged.
    """

    def __init__(self, path: Path, asked: str) -> None:
        self._path, self._asked = path.resolve(), asked
        meta = self._file.metadata
        self.columns = list(self._file.schema_arrow.names)
        sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        self._ends, self._largest = np.cumsum(sizes).tolist(), max(sizes, default=0)
        self._recent: OrderedDict[int, np.ndarray] = OrderedDict()

    def without(self, column: str | None) -> "Parquet":
        """The same without a column that is no data, the labels."""
        found = copy.copy(self)
        found.columns = [name for name in self.columns if name != column]
        return found

    def check(self) -> None:
        """Refuse what cannot be read a row group at a time.

        Raises:
            InputError: columns that are no numbers, or large row groups.
        """
        schema = self._file.schema_arrow
        texts = [name for name in self.columns if not _is_number(schema.field(name))]
        if texts:
            do = "drop these columns or turn them into numbers; a column of labels is named with --label-column"
            found = f"columns that are not numbers: {', '.join(texts[:8])} ({len(texts)} in all)"
            raise InputError(self._asked, found, do)
        row = len(self.columns) * 8
        if self._largest * row > _LARGEST_GROUP:
            found = f"row groups of up to {self._largest:,} rows, {in_words(self._largest * row)} of numbers each"
            do = f"write it with smaller ones, which are read one by one (row_group_size={_GOOD_GROUP // row + 1})"
            raise InputError(self._asked, found, do)

    @cached_property
    def _file(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self._path, pre_buffer=False)
        except (pa.ArrowException, OSError, ValueError) as err:
            raise self._damaged(err) from err

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all datapoints."""
        return len(self), len(self.columns)

    def __len__(self) -> int:
        """Number of datapoints."""
        return self._ends[-1] if self._ends else 0

    def column(self, name: str) -> np.ndarray:
        """A column as a whole, shape (N,)."""
        return np.asarray(self._file.read(columns=[name], use_threads=False).column(0).to_pandas().to_numpy())

    def read(self, rows: Sequence[int]) -> Tensor:
        """See :class:`gapkit.core.rows.Reader`."""
        parts = []
        for group, members in groupby(rows, key=lambda row: bisect_right(self._ends, row)):
            first = self._ends[group - 1] if group else 0
            parts.append(self._group(group)[[row - first for row in members]])
        return require_numbers(np.concatenate(parts), self._asked)

    def _group(self, group: int) -> np.ndarray:
        import pyarrow as pa

        found = self._recent.pop(group, None)
        if found is None:
            try:
                table = self._file.read_row_group(group, columns=self.columns, use_threads=False)
            except (pa.ArrowException, OSError, ValueError) as err:
                raise self._damaged(err) from err
            found = table.to_pandas(use_threads=False).to_numpy(np.float64, na_value=np.nan)
        self._recent[group] = found
        while len(self._recent) > 2:  # the last two: a unit may lie across a border
            self._recent.popitem(last=False)
        return found

    def _damaged(self, err: Exception) -> InputError:
        found = f"a truncated or damaged file ({type(err).__name__}: {str(err)[:160]})"
        return InputError(self._asked, found, "copy the file again, or write it again")

    def __getstate__(self) -> dict[str, Any]:
        """Without what was read."""
        return {**super().__getstate__(), "_recent": OrderedDict()}


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


class Indexed:
    """A ``torch.utils.data`` Dataset, or an array, that gives one datapoint after the other.

    Args:
        data: with a length, and datapoints of one shape.
        take: from what it gives to a tensor.
        name: of it, for messages.
    """

    def __init__(self, data: Any, take: Any, name: str) -> None:
        self._data, self._take, self._name = data, take, name
        self.shape = (len(data), *take(data[0]).shape)

    def __len__(self) -> int:
        """Number of datapoints."""
        return len(self._data)

    def read(self, rows: Sequence[int]) -> Tensor:
        """See :class:`gapkit.core.rows.Reader`."""
        return torch.stack(list(self._each(rows)))

    def _each(self, rows: Sequence[int]) -> Iterator[Tensor]:
        for row in rows:
            x = self._take(self._data[row])
            if x.shape != self.shape[1:]:
                found = f"{self._name}, whose datapoint 0 has shape {self.shape[1:]} and {row} {tuple(x.shape)}"
                raise InputError("datapoints of one shape", found, "bring all datapoints to one shape")
            yield x


def bytes_of(shape: Sequence[int], limit: int | None) -> int:
    """What datapoints take in memory as float32."""
    return 4 * math.prod(shape[1:]) * (shape[0] if limit is None else min(limit, shape[0]))


def _is_number(field: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_integer(field.type) or types.is_floating(field.type) or types.is_boolean(field.type))
