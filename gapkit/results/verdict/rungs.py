"""What the sentences ask of a summary's ladder: its ends, whose the gaps are, and which of them is the largest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gapkit.core.means import Mean
from gapkit.core.phrases import listed
from gapkit.ladder import Gap, Ladder
from gapkit.results.records import Summary

__all__ = ["Rival", "rivals", "top", "total", "whose"]


def total(summary: Summary, quantities: Mapping[str, Mean] | None = None) -> Mean:
    """The total gap of a summary, or of some of its quantities."""
    return (quantities or summary.quantities)[summary.ladder.total.name]


def top(summary: Summary, quantities: Mapping[str, Mean] | None = None) -> Mean | None:
    """The rung that stands for log p(x), where there is a mean of it at all."""
    return (quantities or summary.quantities).get(summary.ladder.top.name)


@dataclass(frozen=True)
class Rival:
    """The largest gap and the one that it may least be said to exceed.

    Attributes:
        gap: the largest by its mean.
        second: the other; None on a ladder of two rungs.
        apart: the summary of their difference, None where there is none.
        sign: 1 where ``apart`` is the largest minus the next, -1 where it is the other way round.
    """

    gap: Gap
    second: Gap | None
    apart: Mean | None
    sign: int


def rivals(summary: Summary) -> Rival:
    """The largest gap, of equal ones the lower, and its closest rival: that with the lowest end of their difference.

    What exceeds its closest rival with 95% confidence exceeds each of them with at least that.
    """
    ladder, quantities = summary.ladder, summary.quantities
    from_below = [*reversed(ladder.gaps)]
    gap, *rest = sorted(from_below, key=lambda part: -quantities[part.name].value)
    if not rest:
        return Rival(gap, None, None, 1)
    found = []
    for name, pair in ladder.contrasts().items():
        if gap in pair:
            other, sign = (pair[1], 1) if pair[0] == gap else (pair[0], -1)
            found.append(Rival(gap, other, quantities.get(name), sign))
    return min(found, key=_lead)


def _lead(rival: Rival) -> float:
    """By how much a gap is ahead at least; minus infinity where that is not known."""
    apart = rival.apart
    if apart is None or apart.ci95 is None:
        return -math.inf
    low, high = apart.ci95
    return (low if rival.sign > 0 else -high) - (apart.left_to_gain or 0.0)


def whose(ladder: Ladder) -> str:
    """Whose a gap may be, in words: the encoder's or the posterior family's.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> whose(STANDARD)
        "the encoder's or the posterior family's"
    """
    return listed([gap.whose for gap in reversed(ladder.gaps)]).replace(" and ", " or ")
