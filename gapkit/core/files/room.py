"""How much memory data may take: asked before it is taken, because a small file can declare a great deal."""

from pathlib import Path

from gapkit.core.errors import InputError

__all__ = ["ROOM", "check_room", "in_words", "on_disk"]

ROOM = 2 * 10**9  # bytes of one array or table, as the file has it or as float32, that are taken unasked
_SMALL = 5 * 10**8  # bytes that even a tiny file may unpack to
_UNPACKED = 40  # times the bytes on the disk: what compresses well, as float32


def check_room(held: int, asked: str, needed: int, limit: int | None, what: str) -> None:
    """Refuse data that would take more memory than is meant.

    A limit says that the user knows how much there is, so that large files are read with one; what a small file swells
    to is bounded all the same.

    Args:
        held: bytes on the disk, see :func:`on_disk`.
        asked: beginning of the error message.
        needed: bytes of the rows that would be read.
        limit: how many rows the user asked for; None for all.
        what: the rows in words, such as "9,000,000 rows of 64 values".

    Raises:
        InputError: too many bytes.
    """
    swollen = max(_SMALL, _UNPACKED * held)
    room = swollen if limit is not None else min(ROOM, swollen)
    if needed <= room:
        return
    known = f" from {in_words(held)} on the disk" if room == swollen else " unasked"
    found = f"{what}, which would take {in_words(needed)} of memory; at most {in_words(room)} are taken{known}"
    fewer = "say how many rows to read from the first (--limit, limit=)" if limit is None else "use a smaller limit"
    raise InputError(asked, found, f"{fewer}, or store the data uncompressed, as .npy" if room == swollen else fewer)


def in_words(count: float) -> str:
    """A number of bytes.

    Example:
        >>> in_words(384), in_words(3_072_000_000), in_words(2.56e13)
        ('384 bytes', '3.1 GB', '25,600 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            value = count / size
            return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"
    return f"{count:.0f} bytes"


def on_disk(path: Path) -> int:
    """Bytes that a file takes on the disk: a sparse one takes fewer than its size says."""
    status = path.stat()
    blocks = getattr(status, "st_blocks", None)  # not on Windows
    return status.st_size if blocks is None else min(status.st_size, 512 * blocks)
