"""Names as they were written, and the folder that they were written in: together they mean the same anywhere."""

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from gapkit.core.errors import InputError

__all__ = ["as_plain", "require_trust", "resolved", "resolved_spec", "working_in"]


def as_plain(value: Any, texts: Sequence[str], words: Sequence[str]) -> None:
    """Make the fields of a new value plain: paths become text, lists and single words tuples, the folder absolute.

    Args:
        value: a frozen dataclass with a field ``folder``, while it is made.
        texts: fields that hold a name, or None.
        words: fields that hold several.

    Example:
        >>> from pathlib import Path
        >>> from gapkit.sources import DataSource
        >>> plain = DataSource(source=Path("x.npz"), splits=["test"], folder="/data/..")
        >>> plain.source, plain.splits, plain.folder
        ('x.npz', ('test',), '/')
    """
    for name in texts:
        given = getattr(value, name)
        object.__setattr__(value, name, None if given is None else str(given))
    for name in words:
        given = getattr(value, name)
        object.__setattr__(value, name, (given,) if isinstance(given, str) else tuple(given))
    object.__setattr__(value, "folder", os.path.abspath(os.path.expanduser(value.folder)))


def resolved(name: str, folder: str) -> str:
    """A file's name as it is found from the working directory; unchanged where that is the folder.

    Example:
        >>> resolved("x.npz", "/data"), resolved("/tmp/x.npz", "/data"), resolved("x.npz", os.getcwd())
        ('/data/x.npz', '/tmp/x.npz', 'x.npz')
    """
    return name if folder == os.getcwd() else os.path.join(folder, os.path.expanduser(name))


def resolved_spec(spec: str, folder: str) -> str:
    """The same for ``file.py:name``, and for ``module:name`` where the folder has a file of the module.

    By its file a module of the folder is never taken for one of the same name that was imported from elsewhere.
    Those of packages stay as they are: they are found from :func:`working_in`.

    Example:
        >>> resolved_spec("net.py:build", "/code"), resolved_spec("package.net:build", "/code")
        ('/code/net.py:build', 'package.net:build')
    """
    place, colon, name = spec.rpartition(":")
    if folder == os.getcwd():
        return spec
    if not place.endswith(".py") and "." not in place and os.path.isfile(os.path.join(folder, f"{place}.py")):
        place = f"{place}.py"
    return f"{resolved(place, folder)}{colon}{name}" if place.endswith(".py") else spec


def working_in(folder: str, code: Sequence[str]) -> contextlib.AbstractContextManager[None]:
    """Go to the folder while code of the user's runs, which may import and read what lies there.

    Without code the working directory stays: Python may import what lies in it.

    Args:
        folder: an absolute path.
        code: what will run, in words; empty for nothing.

    Raises:
        InputError: the folder is not there.

    Example:
        >>> with working_in("/", ["a function"]):
        ...     os.getcwd()
        '/'
    """
    if not code or folder == os.getcwd():
        return contextlib.nullcontext()
    if not os.path.isdir(folder):
        asked, do = f"run {' and '.join(code)} in {folder}", "say where its files are now: Source.of(run, folder=...)"
        raise InputError(asked, "no such folder", do)
    return contextlib.chdir(folder)


def require_trust(asked: str, code: Sequence[str], *, recorded: bool, trust: bool) -> None:
    """Refuse to run code that nobody here has named: a file did.

    Args:
        asked: beginning of the error message.
        code: what would run, in words; empty for nothing.
        recorded: whether a file names it.
        trust: whether the user has said that it may run.

    Raises:
        InputError: recorded code without trust.

    Example:
        >>> require_trust("open a model", ["the factory net.py:build"], recorded=True, trust=False)
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: open a model
        found: a file that names code to run: the factory net.py:build (nothing was executed)
        to do: look at that code; if you know who wrote it, name it yourself (--data, --model) or pass trust=True
    """
    if code and recorded and not trust:
        found = f"a file that names code to run: {' and '.join(code)} (nothing was executed)"
        do = "look at that code; if you know who wrote it, name it yourself (--data, --model) or pass trust=True"
        raise InputError(asked, found, do)
