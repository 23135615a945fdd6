"""``--overwrite``: results are set aside while new ones are made, and go when these are whole.

Nothing that gapkit did not write is ever moved or deleted: a folder with anything else in it is refused. Where the new
run fails or is interrupted, the old results are put back, or it is said where they are.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import typer

from gapkit.cli.lock import LOCK, REQUEST, STORE, refuse_if_busy
from gapkit.core.errors import InputError, printable

__all__ = ["replacing", "require_ours", "set_aside", "sparing"]

_MARKS = ("run.json", "comparison.json", "score.json", "refit.json", "amortization.json", "done.json")
_WRITTEN = {
    *_MARKS,
    *("datapoints.parquet", "datapoints.csv", "summary.json", "details.npz", "report.html", "report.pdf"),
    *("compare.html", "compare.pdf", "score.html", "score.pdf", "scores.parquet", "scores.csv", "pictures.npz"),
    *("model.pt", "encoder.pt"),
}
_STORED = re.compile(r".+\.safetensors")
_HALF = re.compile(r"\.(.+)\.[0-9a-f]{8}")  # a file on its way, which a process that was killed leaves
_KEPT = (LOCK, REQUEST)


@dataclass(frozen=True)
class _Aside:
    out: Path
    before: Path


_aside: ContextVar[list[_Aside] | None] = ContextVar("aside", default=None)
_spared: ContextVar[tuple[Path, ...]] = ContextVar("spared", default=())


def set_aside(out: Path) -> None:
    """Move earlier results out of the way, for as long as the command runs that is to replace them.

    Args:
        out: a folder of results; one that is not there, or that is empty, stays as it is.

    Raises:
        InputError: it has something that gapkit did not write, another process writes there, or it cannot be moved.
    """
    if not os.path.lexists(out) or (out.is_dir() and not out.is_symlink() and not any(out.iterdir())):
        return
    asked = f"--overwrite {out}"
    foreign = _foreign(out)
    if foreign is not None:
        raise InputError(asked, foreign, "choose another --out, or remove it yourself")
    if Path.cwd().is_relative_to(os.path.realpath(out)):
        raise InputError(asked, "the folder that you are in", "go to another one first, or choose another --out")
    for place in _spared.get():
        if Path(os.path.realpath(place)).is_relative_to(os.path.realpath(out)):
            raise InputError(asked, f"{place}, which is to be read", "choose another --out")
    for store in (out / STORE, *out.glob(f"*/{STORE}")):
        refuse_if_busy(store)
    before = next(name for name in _names(out) if not os.path.lexists(name))
    aside = _aside.get()
    assert aside is not None, "results are set aside while a command runs"
    try:
        out.rename(before)
    except OSError as error:
        raise InputError(asked, error.strerror or type(error).__name__, "choose another --out") from error
    aside.append(_Aside(out, before))


def require_ours(out: Path, is_ours: Callable[[Path], bool]) -> None:
    """Refuse to replace a single file that gapkit did not write; the old one stays until the new one is whole.

    Args:
        out: the file; one that is not there is no obstacle.
        is_ours: tells by its content whether it is what the command writes.

    Raises:
        InputError: it is something else, or a link.
    """
    if not os.path.lexists(out) or out.is_dir():
        return
    if out.is_symlink():
        found = f"a symbolic link to {os.readlink(out)}"
    elif is_ours(out):
        return
    else:
        found = "a file that gapkit did not write, or that was changed"
    raise InputError(f"--overwrite {out}", found, "choose another --out, or remove it yourself")


def _names(out: Path) -> Iterator[Path]:
    """Where to: beside it, by a name that tells what it is if it stays there."""
    yield out.with_name(f"{out.name}.replaced")
    yield from (out.with_name(f"{out.name}.replaced-{number}") for number in range(2, 10_000))


@contextmanager
def sparing(read: tuple[Path, ...]) -> Iterator[None]:
    """For the time of a command: refuse to set aside what it is to read."""
    token = _spared.set(read)
    try:
        yield
    finally:
        _spared.reset(token)


@contextmanager
def replacing() -> Iterator[None]:
    """For the time of a command: in the end, what was set aside goes if there is something whole in its place."""
    aside: list[_Aside] = []
    token = _aside.set(aside)
    well = False
    try:
        yield
        well = True
    except (SystemExit, typer.Exit) as end:
        well = not (end.code if isinstance(end, SystemExit) else end.exit_code)
        raise
    finally:
        _aside.reset(token)
        for each in aside:
            _settle(each, well=well)


def _settle(aside: _Aside, *, well: bool) -> None:
    out, before = aside.out, aside.before
    kept = f"the results before are in {before}"
    try:
        if well and _is_whole(out):
            foreign = _foreign(before)
            if foreign is None:
                shutil.rmtree(before)
                return
            kept = f"{kept}, which stays: {foreign}"
        elif not out.exists() or (out.is_dir() and not any(out.iterdir())):
            if out.exists():
                out.rmdir()
            before.rename(out)
            return
    except OSError as error:
        kept = f"{kept} ({error.strerror})"
    typer.secho(printable(f"gapkit: {kept}"), err=True, fg=typer.colors.YELLOW)


def _is_whole(out: Path) -> bool:
    return any((out / name).is_file() for name in _MARKS)


def _foreign(folder: Path, *, inner: bool = False) -> str | None:
    """What speaks against deleting a folder: None if it holds results, and nothing else."""
    if folder.is_symlink():
        return f"a symbolic link to {os.readlink(folder)}"
    if not folder.is_dir():
        return "a file of that name"
    known = any(_is_ours(folder / name) for name in _MARKS) or (folder / STORE).is_dir()
    parts = _parts(folder)
    for entry in sorted(folder.iterdir()):
        found = _foreign_entry(entry)
        if found is None and entry.is_dir() and entry.name != STORE and entry.name not in parts:
            found = f"{entry.name} in it, a folder that is none of its parts"
        if found is not None:
            return found
    return None if known else f"a folder without results of gapkit{'' if inner else ', so it is none of its own'}"


def _parts(folder: Path) -> set[str]:
    """The runs of a series, by what its comparison says of them; other folders inside are somebody's own."""
    try:
        values = json.loads((folder / "comparison.json").read_text("utf-8"))
        return {*values.get("runs", ()), *values.get("failed", ())}
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return set()


def _foreign_entry(entry: Path) -> str | None:
    told = f"{entry.name} in it, which gapkit did not write"
    if entry.is_symlink():
        return f"a symbolic link in it, {entry.name}"
    if entry.is_dir():
        return _foreign_store(entry) if entry.name == STORE else _foreign(entry, inner=True) and told
    return None if entry.is_file() and _name(entry.name) in _WRITTEN else told


def _foreign_store(store: Path) -> str | None:
    for folder, inner, names in os.walk(store):
        for name in (*inner, *names):
            path = Path(folder, name)
            known = _name(name) in _KEPT or _STORED.fullmatch(_name(name))
            if path.is_symlink() or (not path.is_dir() and not known):
                return f"{path.relative_to(store.parent)} in it, which gapkit did not write"
    return None


def _name(name: str) -> str:
    """The name of a file, also of one that is not finished.

    Example:
        >>> _name("run.json"), _name(".run.json.0f3a9c21")
        ('run.json', 'run.json')
    """
    half = _HALF.fullmatch(name)
    return half[1] if half else name


def _is_ours(path: Path) -> bool:
    """Whether a file is JSON with what gapkit writes into it: the form's version, its command, or its parts."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and bool(_KEYS & set(values))


_KEYS = {"format", "command", "splits", "failed", "units", "verdict", "sentences"}
