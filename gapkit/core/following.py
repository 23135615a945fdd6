"""``progress=``: a callback, or True for the bar that suits where one works; what is shown ends where the work does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from gapkit.core.views import view

__all__ = ["followed"]

T = TypeVar("T")


@contextmanager
def followed(progress: Callable[[T], None] | bool | None) -> Iterator[Callable[[T], None] | None]:
    """Yield what is to be called with every report; a bar is told where the work ends before its time.

    Args:
        progress: a callback; True for a bar of its own, see ``gapkit.progress_bar``; False and None for nothing.

    Example:
        >>> with followed(print) as show:
        ...     show("half")
        half
        >>> with followed(False) as show:
        ...     print(show)
        None
    """
    show: Any = view("progress_bar")() if progress is True else progress or None
    try:
        yield show
    except BaseException:
        stopped = getattr(show, "stopped", None)
        if callable(stopped):
            stopped()
        raise
