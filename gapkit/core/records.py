"""Frozen dataclasses that files keep as JSON: written by their fields, and read back by the types of these."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Self, Union, get_args, get_origin, get_type_hints

__all__ = ["Record"]


@dataclass(frozen=True)
class Record:
    """A frozen dataclass of what JSON can hold: plain values, further records, mappings by text, and tuples of these.

    A field without a default is always written, and one with a default only where it holds something else. What a file
    lacks has its default, or else is empty: None, nothing in a mapping or tuple, or a record of what is empty. What a
    file has beside the fields is not looked at. A field may also hold another class with ``to_dict`` and ``of``.

    Example:
        >>> @dataclass(frozen=True)
        ... class Level(Record):
        ...     name: str
        ...     ends: tuple[float, float] | None
        ...     note: str = ""
        >>> Level("elbo", (1.0, 2.0)).to_dict(), Level("elbo", None, "none").to_dict()
        ({'name': 'elbo', 'ends': [1.0, 2.0]}, {'name': 'elbo', 'ends': None, 'note': 'none'})
        >>> Level.of({"name": "elbo", "ends": [1.0, 2.0], "of a later version": 3}), Level.of({"name": "iwae"})
        (Level(name='elbo', ends=(1.0, 2.0), note=''), Level(name='iwae', ends=None, note=''))
    """

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, in the order of the fields."""
        values = ((part, getattr(self, part.name)) for part in fields(self))
        return {part.name: _written(value) for part, value in values if value != _default(part)}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """What :meth:`to_dict` gave; numbers and words are taken as they are.

        Raises:
            TypeError: another structure, or something is missing that cannot be empty; the words say what.
        """
        found = {}
        for name, (kind, default) in _parts(cls).items():
            if name in stored:
                found[name] = _read(kind, stored[name], name)
            elif default is MISSING:
                found[name] = _nothing(kind, name)
        return cls(**found)


def _written(value: Any) -> Any:
    if hasattr(value, "to_dict"):  # a record, or what writes itself
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    return value


def _default(part: Field[Any]) -> Any:
    return part.default if part.default_factory is MISSING else part.default_factory()


def _parts(kind: type[Any]) -> dict[str, tuple[Any, Any]]:
    """The type and the default of each field."""
    hints = get_type_hints(kind)
    return {part.name: (hints[part.name], _default(part)) for part in fields(kind)}


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _read(kind: Any, value: Any, name: str) -> Any:
    if value is None:
        return _nothing(kind, name)
    choices = [choice for choice in _choices(kind) if choice is not type(None)]
    records, items = [choice for choice in choices if hasattr(choice, "of")], get_args(choices[0])
    shape = get_origin(choices[0])
    if records or shape is Mapping:
        if not isinstance(value, Mapping):
            raise TypeError(f"{name}: {value!r:.60} and no object")
        if records:
            fitting = (choice for choice in records[:-1] if all(part in value for part in _needed(choice)))
            return next(fitting, records[-1]).of(value)
        return {str(key): _read(items[1], item, f"{name}.{key}") for key, item in value.items()}
    return _read_tuple(items, value, name) if shape is tuple else value


def _read_tuple(items: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    """Of any length where the items end with ``...``, else of their number."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"{name}: {value!r:.60} and no list")
    kinds = [items[0]] * len(value) if items[-1] is ... else list(items)
    if len(kinds) != len(value):
        raise TypeError(f"{name}: a list of {len(value)} and not of {len(kinds)}")
    return tuple(_read(kind, item, name) for kind, item in zip(kinds, value, strict=True))


def _needed(kind: type[Record]) -> list[str]:
    """What is always written of a record: of several kinds, it is the first that has all of its own."""
    return [name for name, (_, default) in _parts(kind).items() if default is MISSING]


def _nothing(kind: Any, name: str) -> Any:
    """What stands for a field that a file lacks."""
    choices = _choices(kind)
    if type(None) in choices or kind is Any:
        return None
    if hasattr(choices[0], "of"):
        return choices[0].of({})
    empty = {Mapping: dict, tuple: tuple}.get(get_origin(choices[0]))
    if empty is None:
        raise TypeError(f"no {name}")
    return empty()
