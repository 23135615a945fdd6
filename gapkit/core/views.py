"""What the upper storeys make of a result: pictures, reports, arrays of other tools, each loaded when first asked for.

A result knows none of them, so that it can be read and sent around without matplotlib. The root package, which stands
above them all, says where they are; :func:`view` brings them.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["register_view", "view"]

_LOADERS: dict[str, Callable[[], Any]] = {}


def register_view(name: str, load: Callable[[], Any]) -> None:
    """Say what brings a view: a function without arguments, called each time the view is asked for.

    Example:
        >>> register_view("length", lambda: len)
        >>> view("length")([1, 2])
        2
    """
    _LOADERS[name] = load


def view(name: str) -> Any:
    """The view of that name.

    Raises:
        LookupError: nothing was registered under it.
    """
    if name not in _LOADERS:
        raise LookupError(f"no view {name!r} of results is registered; there are {', '.join(_LOADERS) or 'none'}")
    return _LOADERS[name]()
