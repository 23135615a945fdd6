"""Values of a source read back from JSON, which somebody may have changed: each is of its kind, or refused."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from gapkit.core.errors import InputError

__all__ = [
    "AGAIN",
    "COUNT",
    "DIGESTS",
    "FLAG",
    "MAYBE_COUNT",
    "MAYBE_FLAG",
    "MAYBE_TEXT",
    "TEXT",
    "TRUST",
    "WORDS",
    "taken",
]

AGAIN = "run the analysis again, or copy its folder again"
_TRUST = re.compile(r"[0-9a-f]{8,64}(,[0-9a-f]{8,64})*|ask")
Kind = tuple[str, Callable[[Any], bool], Callable[[Any], Any]]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**128


def _same(value: Any) -> Any:
    return value


def _or_none(kind: Kind) -> Kind:
    return f"{kind[0]} or null", lambda value: value is None or kind[1](value), kind[2]


TEXT: Kind = ("a text", _is_text, _same)
COUNT: Kind = ("a whole number", _is_count, _same)
TRUST: Kind = (
    "true or false, and no digits of a sha256",
    lambda value: isinstance(value, bool) or (isinstance(value, str) and bool(_TRUST.fullmatch(value))),
    _same,
)
FLAG: Kind = ("true or false", lambda value: isinstance(value, bool), _same)
WORDS: Kind = ("a list of texts", lambda v: isinstance(v, list | tuple) and all(map(_is_text, v)), tuple)
DIGESTS: Kind = (
    "texts by name",
    lambda v: isinstance(v, Mapping) and all(_is_text(key) and _is_text(value) for key, value in v.items()),
    dict,
)
MAYBE_TEXT, MAYBE_COUNT, MAYBE_FLAG = _or_none(TEXT), _or_none(COUNT), _or_none(FLAG)


def taken(values: object, kinds: Mapping[str, Kind], asked: str, folder: str | None) -> dict[str, Any]:
    """Entries of known names, each of its kind; others are not looked at, and those that are missing stay out.

    Args:
        values: what the file holds.
        kinds: what each entry must be.
        asked: beginning of the error message.
        folder: goes before the entry ``folder``, which else must be an absolute path.

    Raises:
        InputError: no mapping, an entry of another kind, or no folder.

    Example:
        >>> taken({"seed": 3, "colour": "red"}, {"seed": COUNT}, "read", "/data")
        {'seed': 3, 'folder': '/data'}
        >>> taken({"seed": "three"}, {"seed": COUNT}, "read", "/data")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: read
        found: seed is no whole number
        to do: run the analysis again, or copy its folder again
    """
    if not isinstance(values, Mapping):
        raise InputError(asked, f"a {type(values).__name__} in the place of a mapping", AGAIN)
    found = {}
    for name, (words, fits, made) in kinds.items():
        if name in values:
            if not fits(values[name]):
                raise InputError(asked, f"{name} is no {words.removeprefix('a ')}", AGAIN)
            found[name] = made(values[name])
    place = values.get("folder") if folder is None else os.path.abspath(os.path.expanduser(folder))
    # A relative one would mean another folder from everywhere.
    if not _is_text(place) or not os.path.isabs(str(place)):
        raise InputError(asked, "no absolute folder that its names are from", AGAIN)
    return {**found, "folder": place}
