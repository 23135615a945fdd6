"""What a run has done so far, kept in its folder: by one process at a time, and continued as the run that it is."""

import os
import platform
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from gapkit.cli.folder import AGAIN, STORE, going_on
from gapkit.cli.lock import ELSEWHERE, LOCK, REQUEST, claimed
from gapkit.core.errors import InputError
from gapkit.core.phrases import listed

if TYPE_CHECKING:
    from gapkit.engine import Disk

__all__ = ["kept_run", "patient", "pinned", "use_threads"]


@contextmanager
def kept_run(out: Path, request: Mapping[str, Any], *, resume: bool, device: str = "cpu") -> Iterator["Disk"]:
    """Yield the store of a run, which no other process writes to meanwhile.

    Args:
        out: folder of the run.
        request: what it is a run of, see :func:`gapkit.engine.request_of`.
        resume: whether what is there may be continued.
        device: where outputs are put that are there.

    Raises:
        InputError: another process writes there, the folder cannot be written to, or it holds a run of something else.
    """
    from gapkit.engine import Disk, differences

    folder = out / STORE
    if folder.is_symlink():  # whoever made the folder would choose where is written
        found, do = f"a symbolic link to {os.readlink(folder)}", "remove it, or choose another --out"
        raise InputError(f"keep what is done in {folder}", found, do)
    lock, before = claimed(folder), None
    try:
        before = pinned(out)
        others = list(differences(before, request)) if before is not None else []
        if others:
            found, do = f"a run of something else: {listed(others)}", "ask for the same, or choose another --out"
            raise InputError(f"go on with the run in {out}", found, do)
        if before is not None and not resume:
            raise InputError(
                f"the output folder {out}", "another run, which was begun", f"{AGAIN}, or choose another --out"
            )
        _write(folder / REQUEST, {**request, "writer": {"process": os.getpid(), "host": platform.node()}})
        going_on.set(out)
        yield Disk(folder, device)
    except BaseException:
        if before is None:
            _tidied(folder)
        raise
    finally:
        lock.release()


def _write(path: Path, values: Mapping[str, Any]) -> None:
    from gapkit.core.files import write_json

    try:
        write_json(path, values)
    except OSError as error:
        asked = f"keep what is done in {path.parent}"
        raise InputError(asked, error.strerror or type(error).__name__, ELSEWHERE) from error


def _tidied(folder: Path) -> None:
    """Take the folder away again where nothing was kept in it."""
    if any(entry.is_dir() for entry in folder.iterdir()):
        return
    for name in (REQUEST, LOCK):
        (folder / name).unlink(missing_ok=True)
    for empty in (folder, folder.parent):
        with suppress(OSError):  # one that holds something
            empty.rmdir()


def pinned(out: Path) -> dict[str, Any] | None:
    """What the run in a folder is a run of; None where none was begun.

    Raises:
        InputError: it cannot be read.
    """
    from gapkit.core.files import read_json

    path = out / STORE / REQUEST
    if not path.exists():
        return None
    asked, do = f"go on with the run in {out}, {path.name}", "choose another --out"
    found = read_json(path, asked, do)
    parts = found if isinstance(found, dict) else {}
    if not all(fits(parts.get(name)) for name, fits in _PARTS.items()):
        raise InputError(asked, "it does not say what it is a run of: it was damaged", do)
    return parts


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**6


# What a request holds, which somebody may have changed.
_PARTS: dict[str, Callable[[object], bool]] = {
    "source": lambda value: isinstance(value, dict),
    "settings": lambda value: isinstance(value, dict),
    "versions": lambda value: isinstance(value, dict),
    "threads": _count,
    "bounds": _texts,
    "allow": _texts,
    "device": lambda value: isinstance(value, str),
}


def use_threads(asked: int | None, begun: Path | None = None) -> None:
    """Compute with so many threads; without a wish, with as many as the run that was begun in a folder.

    Raises:
        InputError: not at least one.
    """
    import torch

    if asked is not None and asked < 1:
        raise InputError(f"--threads {asked}", "no number of threads", "use 1 or more")
    before = pinned(begun) if begun is not None and asked is None else None
    wanted = before.get("threads") if before else asked
    if isinstance(wanted, int) and wanted > 0:
        torch.set_num_threads(wanted)


@contextmanager
def patient() -> Iterator[Callable[[], None]]:
    """Answer the first Ctrl-C when the stage that runs is done, and the second one at once.

    Yields a function to be called after every stage, which raises ``KeyboardInterrupt`` if it was pressed.
    """
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)
        _said_at_once("gapkit: ends after this stage, which is kept (Ctrl-C again ends at once)\n")

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def _said_at_once(message: str) -> None:
    """Tell it on standard error, past Python's stream: a signal may come while that is in the middle of a line."""
    with suppress(AttributeError, OSError, ValueError):  # nobody reads there, or it is no file
        os.write(sys.stderr.fileno(), message.encode())
