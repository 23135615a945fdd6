"""A part of a summary that could not be made."""

from dataclasses import dataclass
from typing import TypeVar

from gapkit.core.records import Record

__all__ = ["Skipped", "known"]

Part = TypeVar("Part")


@dataclass(frozen=True)
class Skipped(Record):
    """In the place of a part that could not be made.

    Attributes:
        skipped: why.
    """

    skipped: str


def known(part: Part | Skipped | None) -> Part | None:
    """The part; None where it was skipped, or not asked for.

    Example:
        >>> known(Skipped("q(z|x) is not Gaussian")), known("a part")
        (None, 'a part')
    """
    return None if isinstance(part, Skipped) else part
