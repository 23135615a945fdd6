"""What the sentences ask of a summary's ladder: its ends, whose the gaps are, and which of them is the largest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gapkit.ladder import Gap, Ladder
from gapkit.verdict.words import listed

__all__ = ["Rival", "rivals", "top", "total", "whose"]


def total(summary: Mapping[str, Any], quantities: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The total gap of a summary, or of some of its quantities."""
    found: Mapping[str, Any] = (quantities or summary["quantities"])[Ladder.of(summary).total.name]
    return found


def top(summary: Mapping[str, Any], quantities: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The rung that stands for log p(x); empty where it has no mean."""
    found: Mapping[str, Any] = (quantities or summary["quantities"]).get(Ladder.of(summary).top.name) or {}
    return found


@dataclass(frozen=True)
class Rival:
    """The largest gap and the one that comes next.

    Attributes:
        gap: the largest by its mean.
        second: the next one; None on a ladder of two rungs.
        apart: the summary of their difference, None where there is none.
        sign: 1 where ``apart`` is the largest minus the next, -1 where it is the other way round.
    """

    gap: Gap
    second: Gap | None
    apart: Mapping[str, Any] | None
    sign: int


def rivals(summary: Mapping[str, Any]) -> Rival:
    """The two largest gaps; of equal ones the lower."""
    ladder, quantities = Ladder.of(summary), summary["quantities"]
    from_below = [*reversed(ladder.gaps)]
    gap, *rest = sorted(from_below, key=lambda part: -quantities[part.name]["mean"])
    if not rest:
        return Rival(gap, None, None, 1)
    for name, pair in ladder.contrasts().items():
        if set(pair) == {gap, rest[0]}:
            return Rival(gap, rest[0], quantities.get(name), 1 if pair[0] == gap else -1)
    raise AssertionError("a ladder has the contrast of every two gaps")


def whose(ladder: Ladder) -> str:
    """Whose a gap may be, in words: the encoder's or the posterior family's.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> whose(STANDARD)
        "the encoder's or the posterior family's"
    """
    return listed([gap.whose for gap in reversed(ladder.gaps)]).replace(" and ", " or ")
