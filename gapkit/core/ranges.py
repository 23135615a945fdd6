"""Ranges of settings: a table says what each setting may be, and one function refuses what is outside of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from gapkit.core.errors import InputError

__all__ = ["Range", "above", "check_ranges", "each", "even", "one_of", "optional", "share", "whole"]


@dataclass(frozen=True)
class Range:
    """What a setting may be.

    Attributes:
        holds: whether a value of any type is inside; NaN never is.
        words: what is inside, after "not", for the message.
        do: what to do about a value outside, for the message.
    """

    holds: Callable[[Any], bool]
    words: str
    do: str


def check_ranges(asked: str, settings: object, table: Mapping[str, Range]) -> None:
    """Refuse settings that are outside of their ranges.

    Args:
        asked: what the settings are for, for the message.
        settings: an object with the attributes that the table names, e.g. a frozen dataclass in ``__post_init__``.
        table: the name of each setting and its range.

    Raises:
        InputError: the first setting of the table that is outside of its range.

    Example:
        >>> from types import SimpleNamespace
        >>> check_ranges("AIS", SimpleNamespace(num_chains=0), {"num_chains": whole(1)})
        Traceback (most recent call last):
        gapkit.core.errors.InputError: asked: AIS with num_chains=0
        found: 0, not a whole number of at least 1
        to do: use 1 or more
    """
    for name, allowed in table.items():
        value = getattr(settings, name)
        if not allowed.holds(value):
            raise InputError(f"{asked} with {name}={value!r}", f"{value!r}, not {allowed.words}", allowed.do)


def whole(least: int, *, or_zero: str = "") -> Range:
    """Whole numbers from ``least`` on.

    Args:
        least: the smallest of them.
        or_zero: what 0 does, where it is also allowed (or is the smallest), e.g. ``for none``.

    Example:
        >>> whole(1).holds(1), whole(1).holds(0), whole(1).holds(1.5), whole(2, or_zero="for none").holds(0)
        (True, False, False, True)
    """
    zero = bool(or_zero) and least > 0
    words = f"{'0 or ' if zero else ''}a whole number of at least {least}"
    do = f"use 0 {or_zero}, or {max(least, 1)} or more" if or_zero else f"use {least} or more"
    return Range(lambda value: _is_whole(value) and (value >= least or (zero and value == 0)), words, do)


def even(least: int) -> Range:
    """Even numbers from ``least`` on, of draws that come in pairs.

    Example:
        >>> even(2).holds(4), even(2).holds(3), even(2).holds(0)
        (True, False, False)
    """
    words = f"an even number of at least {least} (draws come in pairs)"
    return Range(
        lambda value: _is_whole(value) and value >= least and value % 2 == 0,
        words,
        f"use an even number, {least} or more",
    )


def above(least: float, example: str = "", *, or_zero: str = "") -> Range:
    """Finite numbers above a limit.

    Args:
        least: the limit, itself outside.
        example: a usual value, for the message.
        or_zero: what 0 does, where it is also allowed, e.g. ``for none``.

    Example:
        >>> above(0).holds(1e-9), above(0).holds(0.0), above(0).holds(float("nan")), above(1).holds(float("inf"))
        (True, False, False, False)
    """
    words = "a positive number" if least == 0 else f"a number above {least:g}"
    end = f", e.g. {example}" if example else ""
    if or_zero:
        zero, do = f"0 or {words}", f"use 0 {or_zero}, or {words}{end}"
        return Range(lambda value: _is_finite(value) and (value > least or value == 0), f"{zero} that is finite", do)
    return Range(lambda value: _is_finite(value) and value > least, f"{words} that is finite", f"use {words}{end}")


def share(*, zero: bool, one: bool) -> Range:
    """Shares: numbers between 0 and 1.

    Args:
        zero: whether 0 itself is one.
        one: whether 1 itself is one.

    Example:
        >>> share(zero=False, one=True).holds(1.0), share(zero=False, one=True).holds(0.0)
        (True, False)
    """
    if zero and one:
        words = "a number from 0 to 1"
    else:
        words = f"a number {'of at least' if zero else 'above'} 0 and {'at most' if one else 'below'} 1"
    return Range(
        lambda value: _is_finite(value) and 0 <= value <= 1 and (zero or value > 0) and (one or value < 1),
        words,
        f"use {words}",
    )


def one_of(*names: str) -> Range:
    """One of some names.

    Example:
        >>> one_of("adam", "adagrad").do
        'use one of adam, adagrad'
    """
    listed = ", ".join(names)
    return Range(lambda value: isinstance(value, str) and value in names, "a known name", f"use one of {listed}")


def optional(inner: Range) -> Range:
    """None, or what another range says.

    Example:
        >>> optional(whole(1)).holds(None), optional(whole(1)).holds(0)
        (True, False)
    """
    return Range(lambda value: value is None or inner.holds(value), f"None or {inner.words}", inner.do)


def each(inner: Range) -> Range:
    """A tuple or list, perhaps empty, all of whose entries are in a range.

    Example:
        >>> each(whole(1)).holds((200, 200)), each(whole(1)).holds((200, 0)), each(whole(1)).holds(200)
        (True, False, False)
    """
    return Range(
        lambda value: isinstance(value, Sequence) and not isinstance(value, str) and all(map(inner.holds, value)),
        f"a tuple in which each entry is {inner.words}",
        f"{inner.do} for each entry",
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
