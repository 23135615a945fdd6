"""Files written wholly or not at all, and values as JSON."""

import json
import math
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_json", "write_arrays", "write_atomically", "write_json", "write_table", "write_text"]


def write_atomically(path: Path, write: Callable[[str], object], *, durable: bool = False) -> None:
    """Write a file under a temporary name in the same folder, then move it into place.

    Args:
        path: the file.
        write: is given the temporary name.
        durable: whether it is on the disk itself before this returns, so that it outlives a machine that goes down.
    """
    name = _made_beside(path)
    try:
        write(name)
        if durable:
            _sync(name)
        os.replace(name, path)
        if durable and os.name == "posix":  # elsewhere a folder cannot be opened
            _sync(path.parent)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _made_beside(path: Path) -> str:
    """An empty file of a name of its own, as readable as any other file; those of ``tempfile`` are private."""
    while True:
        name = path.parent / f".{path.name}.{secrets.token_hex(4)}"
        try:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            continue
        return str(name)


def _sync(path: str | Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_arrays(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name as one compressed file (NPZ)."""
    named: dict[str, Any] = dict(arrays)
    with open(path, "wb") as file:  # given a name, numpy would append a suffix to it
        np.savez_compressed(file, **named)


def write_table(path: Path, table: "pd.DataFrame", notes: Mapping[str, str]) -> None:
    """Write a table as Parquet, wholly or not at all, with words in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = pa.Table.from_pandas(table, preserve_index=False)
    kept = whole.schema.metadata | {name.encode(): word.encode() for name, word in notes.items()}
    write_atomically(path, lambda name: pq.write_table(whole.replace_schema_metadata(kept), name))


def write_text(path: Path, text: str) -> None:
    """Write a text file wholly or not at all."""
    write_atomically(path, lambda name: Path(name).write_text(text, "utf-8"))


def write_json(path: Path, values: object) -> None:
    """Write a JSON file wholly or not at all; numbers that are not finite become null."""
    write_text(path, as_json(values) + "\n")


def as_json(values: object) -> str:
    """Values as JSON text; numbers that are not finite become null."""
    return json.dumps(_plain(values), indent=2, allow_nan=False)


def _plain(value: object) -> object:
    """JSON has no NaN and no tuples; NumPy's numbers become Python's, paths and types become text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
