"""Tables that stay on the disk, a row group at a time."""

import copy
import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.files import in_words
from gapkit.inputs.data.dataset import require_numbers
from gapkit.inputs.data.table import require_names
from gapkit.inputs.data.unchanged import Unchanged

__all__ = ["Parquet", "Recent"]

_LARGEST_GROUP, _GOOD_GROUP = 512 * 10**6, 64 * 10**6  # bytes of a row group in memory


class Recent:
    """The row groups that were read last, of all parts of a table together; none of them when it is pickled."""

    def __init__(self) -> None:
        self._groups: OrderedDict[tuple[Path, int, int], np.ndarray] = OrderedDict()

    def get(self, key: tuple[Path, int, int], make: Callable[[], np.ndarray]) -> np.ndarray:
        """A row group, read where it is not at hand."""
        found = self._groups.pop(key, None)
        found = make() if found is None else found
        self._groups[key] = found
        while len(self._groups) > 2:  # the last two: a unit may lie across a border
            self._groups.popitem(last=False)
        return found

    def __reduce__(self) -> tuple[type["Recent"], tuple[()]]:
        """Sent elsewhere, it begins anew."""
        return Recent, ()


class Parquet(Unchanged):
    """A table, a row group at a time; its file is open only while it is read.

    Args:
        path: the file.
        asked: beginning of error messages.
        recent: groups that were read, shared by all parts of a table.

    Attributes:
        columns: names, without those of a saved index.
        whole: whether all columns hold whole numbers.

    Raises:
        InputError: damaged.
    """

    def __init__(self, path: Path, asked: str, recent: Recent) -> None:
        super().__init__(path, asked)
        self._recent = recent
        with self._open() as file:
            schema, meta = file.schema_arrow, file.metadata
            index = (schema.pandas_metadata or {}).get("index_columns", [])
            self.columns = [name for name in schema.names if name not in [i for i in index if isinstance(i, str)]]
            self._types = {field.name: field.type for field in schema}
            sizes = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
        self._ends, self._largest = np.cumsum(sizes).tolist(), max(sizes, default=0)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                yield file
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as err:
            found = f"a truncated or damaged file ({type(err).__name__}: {str(err)[:160]})"
            raise InputError(self._asked, found, "copy the file again, or write it again") from err

    @property
    def whole(self) -> bool:
        """Whether all columns hold whole numbers."""
        import pyarrow.types as types

        return all(types.is_integer(self._types[name]) for name in self.columns)

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
        require_names(self.columns, self._asked)
        texts = [name for name in self.columns if not _is_number(self._types[name])]
        if texts:
            do = "drop these columns or turn them into numbers; a column of labels is named with --label-column"
            found = f"columns that are not numbers: {', '.join(texts[:8])} ({len(texts)} in all)"
            raise InputError(self._asked, found, do)
        row = len(self.columns) * 8
        if self._largest * row > _LARGEST_GROUP:
            found = f"row groups of up to {self._largest:,} rows, {in_words(self._largest * row)} of numbers each"
            do = f"write it with smaller ones, which are read one by one (row_group_size={_GOOD_GROUP // row + 1})"
            raise InputError(self._asked, found, do)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all datapoints."""
        return len(self), len(self.columns)

    def __len__(self) -> int:
        """Number of datapoints."""
        return self._ends[-1] if self._ends else 0

    def column(self, name: str) -> np.ndarray:
        """A column as a whole, shape (N,)."""
        with self._open() as file:
            return np.asarray(file.read(columns=[name], use_threads=False).column(0).to_pandas().to_numpy())

    def extremes(self) -> tuple[float, float] | None:
        """The least and the largest value of all columns, from what the file says of its parts; None where it does not.

        Raises:
            InputError: damaged.
        """
        low, high = math.inf, -math.inf
        with self._open() as file:
            meta = file.metadata
            for group in range(meta.num_row_groups):
                for at in range(meta.num_columns):
                    column = meta.row_group(group).column(at)
                    if column.path_in_schema not in self.columns:
                        continue
                    told = column.statistics
                    if told is None or not told.has_min_max:
                        return None
                    low, high = min(low, float(told.min)), max(high, float(told.max))
        return low, high

    def read(self, rows: Sequence[int]) -> Tensor:
        """See :class:`gapkit.core.rows.Reader`."""
        self.require_unchanged()
        parts = []
        for group, members in groupby(rows, key=lambda row: bisect_right(self._ends, row)):
            first = self._ends[group - 1] if group else 0
            key = (self._path, group, len(self.columns))
            found = self._recent.get(key, lambda group=group: self._group(group))  # type: ignore[misc]
            parts.append(found[[row - first for row in members]])
        return require_numbers(np.concatenate(parts), self._asked)

    def _group(self, group: int) -> np.ndarray:
        with self._open() as file:
            table = file.read_row_group(group, columns=self.columns, use_threads=False)
            frame = table.to_pandas(use_threads=False, ignore_metadata=True)
            return np.asarray(frame.to_numpy(np.float64, na_value=np.nan))


def _is_number(kind: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
