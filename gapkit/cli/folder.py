"""Where a command writes: tried before the work, made wholly or not at all, and told truly when it is interrupted."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from gapkit.cli.lock import STORE, refuse_if_busy
from gapkit.cli.replacing import set_aside
from gapkit.core.errors import InputError

__all__ = [
    "AGAIN",
    "STORE",
    "claim_file",
    "claim_folder",
    "claim_new_folder",
    "going_on",
    "kept",
    "new_folder",
    "watched_claims",
]

_Files = set[tuple[str, int]]
# Where the running command writes, and what was there before.
_claims: ContextVar[list[tuple[Path, _Files]] | None] = ContextVar("claims", default=None)
_LAST = "run.json"  # without it a folder is no result
_MADE = ("details.npz", "report.html", "report.pdf")
AGAIN = "add --resume to go on with it"
# The folder of the run that is at work and could be gone on with.
going_on: ContextVar[Path | None] = ContextVar("going_on", default=None)


def claim_new_folder(out: Path, *, resume: bool = False, overwrite: bool = False) -> None:
    """Try, before any work, whether a new folder of results can be written.

    Args:
        out: the folder.
        resume: whether it may hold a run that was begun, or finished.
        overwrite: whether it may hold results, which are then set aside until there are new ones.

    Raises:
        InputError: it holds something, it cannot be made or written, or its name is a broken link; or both wishes.
    """
    if resume and overwrite:
        found = "--resume as well, which goes on with what is there"
        raise InputError("--overwrite", found, "drop one of both")
    if overwrite:
        set_aside(out)
    asked, do = f"the output folder {out}", "choose another --out"
    try:
        _check(out, resume=resume)
    except OSError as error:
        raise InputError(asked, _said(error), do) from error
    claim_folder(out)


def _check(out: Path, *, resume: bool) -> None:
    """Refuse to write over another run, unless this one goes on with it.

    Raises:
        InputError: the folder holds something.
    """
    from gapkit.results import check_folder

    begun = any(any(out.glob(name)) for name in (STORE, f"*/{STORE}"))  # of a run; of shards, or of a series
    if begun and not resume:
        refuse_if_busy(out / STORE)
        found = f"another run, which {'is finished' if (out / _LAST).exists() else 'was begun'}"
        do = f"{AGAIN}, replace it with --overwrite, or choose another --out"
        raise InputError(f"the output folder {out}", found, do)
    if not begun:
        check_folder(out)


def claim_folder(out: Path) -> None:
    """Try, before any work, whether files can be written to a folder that may hold others.

    Raises:
        InputError: it cannot be made or written, or its name is a broken link.
    """
    asked, do = f"the output folder {out}", "choose another --out"
    if os.path.islink(out) and not os.path.exists(out):
        raise InputError(asked, f"a symbolic link to {os.readlink(out)}, which is not there", do)
    place = next(folder for folder in (out, *out.absolute().parents) if os.path.lexists(folder))
    if not os.path.isdir(place):
        raise InputError(asked, f"{place} is a file, not a folder" if place != out else "a file of that name", do)
    missing = out.absolute().relative_to(place.absolute()).parts
    _try(place, missing, asked, do)
    _remember(out)


def claim_file(out: Path, asked: str, *, replaced: bool = False) -> None:
    """Try, before any work, whether a file can be written.

    Args:
        out: the file.
        asked: beginning of the error message.
        replaced: whether a file that is there may be replaced.

    Raises:
        InputError: a file or folder of that name, no folder to write it to, or one that cannot be written to.
    """
    do = "choose another --out"
    if os.path.isdir(out):
        raise InputError(asked, "a folder of that name", do)
    if os.path.lexists(out) and not replaced:
        raise InputError(asked, "a file of that name", f"{do}, or replace it with --overwrite")
    if not os.path.isdir(out.parent):
        raise InputError(asked, f"no folder {out.parent} that can be written to", f"make the folder, or {do}")
    _try(out.parent, (out.name,), asked, do)
    _remember(out)


def _try(place: Path, missing: tuple[str, ...], asked: str, do: str) -> None:
    """Make what is missing, and take it away again."""
    try:
        with tempfile.TemporaryDirectory(dir=place, prefix=".gapkit.") as trial:
            Path(trial, *missing).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(asked, f"{place} cannot be written to ({_said(error)})", do) from error


def _said(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _remember(out: Path) -> None:
    claims = _claims.get()
    if claims is not None:
        claims.append((out, _files(out)))


@contextmanager
def watched_claims() -> Iterator[None]:
    """Remember, while a command runs, the places that it claims and what is there before."""
    token, other = _claims.set([]), going_on.set(None)
    try:
        yield
    finally:
        _claims.reset(token)
        going_on.reset(other)


def kept() -> str:
    """What an interrupted command has written so far to the places that it claimed."""
    folder = going_on.get()
    if folder is not None and (folder / STORE).is_dir():
        how = "run the same command with --resume to go on (and without --overwrite)"
        return f"what is done is kept in {folder}: {how}"
    written = {out: sorted({name for name, _ in _files(out) - before}) for out, before in _claims.get() or ()}
    told = [f"{out}: {', '.join(names)}" for out, names in written.items() if names]
    return f"written, and whole, in {'; '.join(told)}" if told else "nothing was written"


def _files(out: Path) -> _Files:
    """The file, or the files in a folder but for temporary ones, each with when it was last written."""
    paths = [out] if os.path.isfile(out) else []
    for folder, inner, names in os.walk(out):
        inner[:] = [name for name in inner if not name.startswith(".") and name != STORE]
        paths += [Path(folder, name) for name in names if not name.startswith(".")]
    return {(os.path.relpath(path, out) if path != out else path.name, path.lstat().st_mtime_ns) for path in paths}


@contextmanager
def new_folder(out: Path, *, begun: bool = False) -> Iterator[Path]:
    """Yield a folder to write to, which becomes ``out`` in the end, or vanishes if anything goes wrong.

    A folder that is there, and empty, may be one that cannot be replaced: then its files are moved into it one by one,
    and ``run.json`` is the last of them. So it is with the folder of a run that was ``begun`` and is kept there.

    Raises:
        InputError: ``out`` holds something already, or cannot be written.
    """
    _check(out, resume=begun)
    try:
        there = out.is_dir()
        place = out if there else out.parent
        place.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=place, prefix=f".{out.name[:60]}."))
    except OSError as error:
        raise InputError(f"write the results to {out}", str(error), "choose another --out") from error
    try:
        yield staging
        if there:
            for name in (_LAST, *_MADE) if begun else ():  # of the result before, whose rest would not fit this one
                (out / name).unlink(missing_ok=True)
            for path in sorted(staging.iterdir(), key=lambda path: path.name == _LAST):
                path.rename(out / path.name)
        else:
            staging.chmod(0o755)
            staging.rename(out)
    except OSError as error:
        raise InputError(f"write the results to {out}", str(error), "choose another --out") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
