"""The command line that runs, for the files that it leaves: as it was given, but with what a settings file added."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["command", "given", "written_out"]

_words: ContextVar[tuple[str, ...]] = ContextVar("words", default=())
_CONFIG = "--config"
# user:password@ in the address of a tracking server, say: results are passed on
_PASSWORD = re.compile(r"(://[^/@:\s]*):[^/@\s]*@")


@contextmanager
def given(words: Sequence[str]) -> Iterator[None]:
    """Remember the arguments of a command while it runs."""
    token = _words.set(tuple(words))
    try:
        yield
    finally:
        _words.reset(token)


@contextmanager
def written_out(settings: Sequence[str]) -> Iterator[None]:
    """Remember the same command with the settings of its file in the place of ``--config FILE``.

    So it can be repeated when the file is gone, or says something else.

    Args:
        settings: those of the file that hold, as words of a command line.

    Example:
        >>> with given(["analyze", "--config", "run.toml", "--limit", "5"]), written_out(["vae.pt", "--seed", "1"]):
        ...     command()
        ['gapkit', 'analyze', 'vae.pt', '--seed', '1', '--limit', '5']
    """
    words, last = list[str](), 0
    rest = iter(_words.get())
    for word in rest:
        if word == _CONFIG:
            next(rest, None)
        if word == _CONFIG or word.startswith(f"{_CONFIG}="):
            last = len(words)
        else:
            words.append(word)
    with given([*words[:last], *settings, *words[last:]]):
        yield


def command() -> list[str]:
    """The command that runs, word by word; only a password in an address is hidden.

    Example:
        >>> with given(["analyze", "vae.pt", "--track", "mlflow:https://me:secret@host"]):
        ...     command()
        ['gapkit', 'analyze', 'vae.pt', '--track', 'mlflow:https://me:***@host']
    """
    return ["gapkit", *(_PASSWORD.sub(r"\1:***@", word) for word in _words.get())]
