"""A document in which the top of the ladder is called what it is."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from gapkit.core.phrases import by_its_name

__all__ = ["named"]

Part = TypeVar("Part")
_NO_WORDS = {"svg", "name", "key", "source"}  # drawn already, or names that others look for


def named(part: Part, target: str | None) -> Part:
    """The same document, block or words, written for the target of a result; see :func:`by_its_name`.

    Args:
        part: a document or any part of it.
        target: of the result's summary.
    """
    value: Any = part
    if isinstance(value, str):
        value = by_its_name(value, target)
    elif isinstance(value, tuple):
        found = [named(item, target) for item in value]
        value = type(value)(*found) if hasattr(value, "_fields") else tuple(found)
    elif is_dataclass(value) and not isinstance(value, type):
        words = [each.name for each in fields(value) if each.name not in _NO_WORDS]
        value = replace(value, **{name: named(getattr(value, name), target) for name in words})
    return value
