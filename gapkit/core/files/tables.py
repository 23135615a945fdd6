"""Tables: no more rows than are needed, after a look at how many there are."""

from pathlib import Path
from typing import TYPE_CHECKING

from gapkit.core.errors import InputError
from gapkit.core.files.room import check_room, on_disk

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_csv", "read_note", "read_parquet"]

_AGAIN = "copy the file again, or write it again"
_BYTES = 8  # of a value: tables are read as float64
_LONGEST_LINE = 4 * 10**6  # bytes: 64x64x3 floating-point pixels take a tenth of it
_PER_VALUE = 2  # bytes of a value in a CSV file, at least: a digit and a comma
_MOST_ALIKE = 100  # columns that share their names; each is compared with each
_ROWS_AT_ONCE = 4096


def read_parquet(path: Path, asked: str, limit: int | None = None) -> "pd.DataFrame":
    """Read a table, or its first rows.

    Args:
        path: a file.
        asked: beginning of the error message.
        limit: how many rows; None for all.

    Raises:
        InputError: damaged, or too large.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            columns, total = file.metadata.num_columns, file.metadata.num_rows
            rows = total if limit is None else min(limit, total)
            what = f"{rows:,} rows of {columns:,} columns"
            check_room(on_disk(path), asked, max(rows, 0) * columns * _BYTES, limit, what)
            batches, seen = [], 0
            for batch in file.iter_batches(batch_size=max(1, min(rows, _ROWS_AT_ONCE)), use_threads=False):
                batches.append(batch.slice(0, rows - seen))
                seen += len(batches[-1])
                if seen >= rows:
                    break
            return pa.Table.from_batches(batches, file.schema_arrow).to_pandas(use_threads=False)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError, OverflowError) as err:
        found = f"a truncated or damaged file ({type(err).__name__}: {str(err)[:160]})"
        raise InputError(asked, found, _AGAIN) from err


def read_note(path: Path, asked: str, name: str) -> str:
    """A word of a table's metadata; empty where there is none.

    Raises:
        InputError: a damaged file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        notes = pq.read_schema(path).metadata or {}
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError, OverflowError) as err:
        found = f"a truncated or damaged file ({type(err).__name__}: {str(err)[:160]})"
        raise InputError(asked, found, _AGAIN) from err
    return notes.get(name.encode(), b"")[:100].decode("utf-8", "replace")


def read_csv(path: Path, asked: str, limit: int | None = None) -> "pd.DataFrame":
    """Read a table of text, or its first rows.

    Args:
        path: a file.
        asked: beginning of the error message.
        limit: how many rows; None for all.

    Raises:
        InputError: damaged, no table, lines without end, or too large.
    """
    import pandas as pd

    with path.open("rb") as file:
        first = file.readline(_LONGEST_LINE)
    if len(first) == _LONGEST_LINE:
        raise InputError(asked, f"a first line of more than {_LONGEST_LINE:,} bytes", "write one row on each line")
    names = first.split(b",")
    if len(names) - len(set(names)) > _MOST_ALIKE:
        raise InputError(asked, f"{len(names):,} columns with {len(set(names)):,} names", "give each its own name")
    if limit is None:
        size = path.stat().st_size
        check_room(on_disk(path), asked, size // _PER_VALUE * _BYTES, None, f"{size:,} bytes of text")
    try:
        return pd.read_csv(path, low_memory=False, nrows=limit)
    except (OSError, ValueError, TypeError, MemoryError, OverflowError) as err:
        found = f"a truncated or damaged file ({type(err).__name__}: {str(err)[:160]})"
        raise InputError(asked, found, _AGAIN) from err
