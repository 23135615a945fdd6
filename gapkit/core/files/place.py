"""What lies at a path: a file that can be read, or why there is none."""

import difflib
import errno
import os
import stat
from pathlib import Path

from gapkit.core.errors import InputError

__all__ = ["kind_of", "neighbours", "require_file"]

_OTHERS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_NO_ACCESS = (errno.EACCES, errno.EPERM)


def kind_of(path: Path, asked: str) -> str:
    """``"file"``, ``"folder"`` or ``"nothing"``.

    Args:
        path: may be a symbolic link, which is followed.
        asked: beginning of the error message.

    Raises:
        InputError: there is something else (a pipe, a device), or it cannot be looked at: a loop of links, a name that
            is too long, no permission.

    Example:
        >>> kind_of(Path("."), "read"), kind_of(Path("absent.pt"), "read")
        ('folder', 'nothing')
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    except ValueError as err:  # a zero byte
        raise InputError(asked, f"no path: {err}", "check the path") from err
    except OSError as err:
        raise InputError(asked, *_why(err)) from err
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISREG(mode):
        return "file"
    what = next((word for test, word in _OTHERS if test(mode)), "something that is no file")
    raise InputError(asked, f"{what}, not a file", "copy its content to a file and pass that")


def require_file(path: Path, asked: str) -> None:
    """Refuse what is not a file that can be opened and has something in it.

    Raises:
        InputError: nothing there, a folder, something else, no permission, or an empty file.
    """
    kind = kind_of(path, asked)
    if kind == "folder":
        raise InputError(asked, "a folder", "pass the path of one file")
    if kind == "nothing":
        if os.path.islink(path):
            found = f"a symbolic link to {os.readlink(path)}, which is not there"
            raise InputError(asked, found, "mend the link, or pass the file itself")
        close = difflib.get_close_matches(path.name, neighbours(path.parent), n=3)
        raise InputError(asked, "no such file", f"did you mean {' or '.join(close)}?" if close else "check the path")
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as err:
        raise InputError(asked, *_why(err)) from err
    if not first:
        raise InputError(asked, "the file is empty (0 bytes)", "copy or download it again")


def neighbours(folder: Path) -> list[str]:
    """Names of what lies in a folder, for hints; none where it cannot be listed."""
    try:
        return sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return []


def _why(err: OSError) -> tuple[str, str]:
    """What an error of the operating system says, and what to do about it."""
    if err.errno in _NO_ACCESS:
        return "no permission to read it", "ask for it (chmod u+r), or copy the file to a folder of your own"
    if err.errno == errno.ELOOP:
        return "a loop of symbolic links", "pass the file itself"
    return err.strerror or type(err).__name__, "check the path"
