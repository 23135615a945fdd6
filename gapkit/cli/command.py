"""The command line that runs, as it was given, for the files that it leaves."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["command", "given"]

_words: ContextVar[tuple[str, ...]] = ContextVar("words", default=())
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


def command() -> list[str]:
    """The command that runs, word by word, as it was given; only a password in an address is hidden.

    Example:
        >>> with given(["analyze", "vae.pt", "--track", "mlflow:https://me:secret@host"]):
        ...     command()
        ['gapkit', 'analyze', 'vae.pt', '--track', 'mlflow:https://me:***@host']
    """
    return ["gapkit", *(_PASSWORD.sub(r"\1:***@", word) for word in _words.get())]
