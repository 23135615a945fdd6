"""NumPy's files: headers first, then no more rows than are needed.

Source: NEP 1, "A simple file format for NumPy arrays", https://numpy.org/neps/nep-0001-npy-format.html; an ``.npz`` is
a zip archive of such files.
"""

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

import numpy as np

from gapkit.core.errors import InputError
from gapkit.core.files.room import check_room, on_disk

__all__ = ["Arrays", "map_npy", "read_npy"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 1 << 16
_LEAST = 4  # bytes of a value in the end, in float32
_AGAIN = "copy the file again, or write it again"
DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    OverflowError,
    SyntaxError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)
_DAMAGED_ARCHIVE = (*DAMAGED, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, KeyError)


class _Header:
    """Shape and type of an array, from the beginning of its file.

    Args:
        file: at the beginning; afterwards at the first value.
        asked: beginning of the error message.

    Raises:
        InputError: not an array, or one of objects.
    """

    def __init__(self, file: IO[bytes], asked: str) -> None:
        start = file.read(8)
        if start[:6] != _MAGIC or len(start) < 8:
            if start[:4] == b"PK\x03\x04":
                raise InputError(asked, "several arrays in a file called .npy", "rename it to .npz")
            if start[:1] == b"\x80":
                raise InputError(
                    asked,
                    "an object array, or another pickle (nothing was executed)",
                    "store arrays of numbers; ragged data must be padded",
                )
            raise InputError(asked, f"no NumPy array: it starts with {start!r}", _AGAIN)
        size = 2 if start[6] == 1 else 4
        length = file.read(size)
        declared = int.from_bytes(length, "little")
        if start[6] not in (1, 2) or declared > _LONGEST_HEADER:
            raise InputError(asked, f"a header of version {start[6]} and {declared:,} bytes", _AGAIN)
        text = io.BytesIO(length + file.read(declared))
        reader = np.lib.format.read_array_header_1_0 if start[6] == 1 else np.lib.format.read_array_header_2_0
        self.shape, self.fortran, self.dtype = reader(text)
        if self.dtype.hasobject:
            found = "an object array, which is a pickle (nothing was executed)"
            raise InputError(asked, found, "store arrays of numbers; ragged data must be padded")
        if any(size < 0 for size in self.shape):
            raise InputError(asked, f"a shape with negative sizes, {self.shape}", _AGAIN)

    def bytes_of(self, rows: int | None = None) -> int:
        """Bytes of the first rows, or of all."""
        shape = self.shape if rows is None or not self.shape else (min(rows, self.shape[0]), *self.shape[1:])
        return math.prod(shape) * self.dtype.itemsize

    def read(self, file: IO[bytes], path: Path, asked: str, limit: int | None) -> np.ndarray:
        """The first rows, or all.

        Raises:
            InputError: they would take too much memory, or there are fewer bytes than the header declares.
        """
        first_axis_last = self.fortran and len(self.shape) > 1  # its first rows lie everywhere in the file
        rows = None if first_axis_last else limit
        values = self.bytes_of(rows) // max(1, self.dtype.itemsize)
        order = " in Fortran order, whose rows lie everywhere in the file" if first_axis_last else ""
        what = f"an array of shape {self.shape} and type {self.dtype}{order}"
        check_room(on_disk(path), asked, values * max(self.dtype.itemsize, _LEAST), limit, what)
        data = file.read(self.bytes_of(rows))
        if len(data) < self.bytes_of(rows):
            found = f"a truncated or damaged file: {len(data):,} bytes of {self.bytes_of(rows):,} in {what}"
            raise InputError(asked, found, _AGAIN)
        shape = self.shape if rows is None or not self.shape else (min(rows, self.shape[0]), *self.shape[1:])
        array = np.frombuffer(data, self.dtype) if self.dtype.itemsize and data else np.zeros(0, self.dtype)
        array = array.reshape(shape, order="F" if self.fortran else "C")
        return array if limit is None or not shape else array[:limit]


def read_npy(path: Path, asked: str, limit: int | None = None) -> np.ndarray:
    """Read an array, or its first rows.

    Args:
        path: a file.
        asked: beginning of the error message.
        limit: how many rows; None for all.

    Raises:
        InputError: damaged, no array, an array of objects, or too large.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/x.npy", np.arange(8).reshape(4, 2))
        ...     read_npy(Path(folder, "x.npy"), "read x", limit=2).tolist()
        [[0, 1], [2, 3]]
    """
    try:
        with path.open("rb") as file:
            return _checked(file, path, asked).read(file, path, asked, limit)
    except InputError:
        raise
    except DAMAGED as err:
        raise _damaged(asked, err) from err


def map_npy(path: Path, asked: str) -> np.ndarray:
    """An array whose values are read from its file when they are used; nothing can be written.

    Args:
        path: a file, which must stay as it is.
        asked: beginning of the error message.

    Raises:
        InputError: damaged, no array, or one of objects.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/x.npy", np.arange(8).reshape(4, 2))
        ...     map_npy(Path(folder, "x.npy"), "read x")[2:].tolist()
        [[4, 5], [6, 7]]
    """
    try:
        with path.open("rb") as file:
            header, begin = _checked(file, path, asked), file.tell()
        order: Literal["F", "C"] = "F" if header.fortran else "C"
        return np.memmap(path, header.dtype, "r", begin, header.shape, order)
    except InputError:
        raise
    except DAMAGED as err:
        raise _damaged(asked, err) from err


def _checked(file: IO[bytes], path: Path, asked: str) -> _Header:
    """The header, where the file is as long as it says."""
    header = _Header(file, asked)
    if header.bytes_of() > path.stat().st_size:  # before memory is taken for a part of it
        found = f"a truncated or damaged file: {path.stat().st_size:,} bytes for an array of shape "
        raise InputError(asked, f"{found}{header.shape} and type {header.dtype}", _AGAIN)
    return header


class Arrays(Mapping[str, np.ndarray]):
    """The arrays of an ``.npz`` file, each read when it is taken, and no more of it than its first rows.

    Args:
        path: a file.
        asked: beginning of the error message.
        limit: how many rows of each array; None for all.

    Raises:
        InputError: on opening and on taking: damaged, encrypted, compressed in an odd way, too large.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/data.npz", x=np.eye(3), y=np.arange(3))
        ...     with Arrays(Path(folder, "data.npz"), "read", limit=1) as arrays:
        ...         list(arrays), arrays["x"].tolist(), arrays.shape("x")
        (['x', 'y'], [[1.0, 0.0, 0.0]], (3, 3))
    """

    def __init__(self, path: Path, asked: str, limit: int | None = None) -> None:
        self._path, self._asked, self._limit = path, asked, limit
        with path.open("rb") as file:
            if file.read(6) == _MAGIC:
                raise InputError(asked, "one array in a file called .npz", "rename it to .npy")
        try:
            self._archive = zipfile.ZipFile(path)
        except _DAMAGED_ARCHIVE as err:
            raise _damaged(asked, err) from err
        self._members = {name.removesuffix(".npy"): name for name in self._archive.namelist() if name.endswith(".npy")}

    def __enter__(self) -> "Arrays":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> np.ndarray:
        return self._opened(name, values=True)[1]

    @property
    def declared(self) -> int:
        """Bytes that all arrays together say they have."""
        return sum(info.file_size for info in self._archive.infolist())

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of the whole array, of which nothing but the header is read."""
        shape: tuple[int, ...] = self._opened(name, values=False)[0].shape
        return shape

    def _opened(self, name: str, values: bool) -> tuple[_Header, np.ndarray]:
        asked = f"{self._asked}, array {name!r}"
        info = self._archive.getinfo(self._members[name])
        if info.flag_bits & 1:
            raise InputError(asked, "an encrypted member of the archive", "write it again without a password")
        try:
            with self._archive.open(info) as file:
                header = _Header(file, asked)
                if header.bytes_of() > info.file_size:
                    found = f"a truncated or damaged file: {info.file_size:,} bytes for an array of shape "
                    raise InputError(asked, f"{found}{header.shape} and type {header.dtype}", _AGAIN)
                return header, header.read(file, self._path, asked, self._limit) if values else np.zeros(0)
        except InputError:
            raise
        except _DAMAGED_ARCHIVE as err:
            raise _damaged(asked, err) from err


def _damaged(asked: str, err: Exception) -> InputError:
    return InputError(asked, f"a truncated or damaged file ({type(err).__name__}: {str(err)[:160]})", _AGAIN)
