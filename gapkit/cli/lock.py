"""The lock of a folder that a run keeps what it has done in: one process at a time, and it ends with its process."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = ["ELSEWHERE", "LOCK", "REQUEST", "STORE", "claimed", "refuse_if_busy"]

STORE = "units"  # beside the results: what a run has done so far
REQUEST = "request.json"
LOCK = ".lock"
ELSEWHERE = "make room or writing possible there, or choose another --out"


def claimed(folder: Path) -> "FileLock":
    """The lock of a folder, which is made where it is missing.

    Raises:
        InputError: another process has it, or the folder cannot be written to.
    """
    from filelock import FileLock, Timeout  # here, because help need not wait for it

    asked = f"keep what is done in {folder}"
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        found = f"another process that writes there ({_told_writer(folder)})"
        raise InputError(asked, found, "wait for it or end it, or choose another --out") from None
    except FileExistsError:
        raise InputError(asked, "a file of that name", "move it away, or choose another --out") from None
    except OSError as error:
        raise InputError(asked, error.strerror or type(error).__name__, ELSEWHERE) from error
    return lock


def refuse_if_busy(folder: Path) -> None:
    """Refuse a folder that another process writes to.

    Raises:
        InputError: as :func:`claimed`.
    """
    if (folder / LOCK).is_file():
        claimed(folder).release()


def _told_writer(folder: Path) -> str:
    try:
        writer = json.loads((folder / REQUEST).read_text("utf-8"))["writer"]
        return f"process {int(writer['process'])} on {str(writer['host'])!s:.60}"
    except (OSError, ValueError, KeyError, TypeError):
        return "which one is not told"
