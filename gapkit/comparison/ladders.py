"""The ladder that runs must share to be compared."""

from collections.abc import Mapping
from dataclasses import replace

from gapkit.core.errors import InputError
from gapkit.ladder import Further, Ladder
from gapkit.results import Result

__all__ = ["common_ladder"]


def common_ladder(runs: Mapping[str, Result]) -> Ladder:
    """The ladder of all runs, in the words of the first; with the estimates and families of one's own that all have.

    Args:
        runs: by name; all are compared with the first.

    Raises:
        InputError: a run has other rungs or gaps.
    """
    (first, reference), *others = runs.items()
    for name, result in others:
        if _outline(result.ladder) != _outline(reference.ladder):
            one, other = _told_apart(reference.ladder, result.ladder)
            found = f"different ladders: {one} in {first}, {other} in {name}"
            do = "compare runs whose rungs and gaps are the same"
            raise InputError(f"compare {name} with {first}", found, do)
    shared = [
        part
        for part in reference.ladder.further
        if all(_alike(part, result.ladder.own(part.kind, part.name)) for _, result in others)
    ]
    return replace(reference.ladder, further=tuple(shared))


def _alike(one: Further, other: Further | None) -> bool:
    """Estimates of one's own are the same where name and side are; the words may differ."""
    return other is not None and one.side == other.side


def _outline(ladder: Ladder) -> list[tuple[str, ...]]:
    """What must agree; sentences about rungs and gaps may differ, as between versions."""
    rungs = [(rung.name, rung.label, rung.shortfall) for rung in ladder.rungs]
    return [*rungs, *((gap.name, gap.label, gap.part) for gap in ladder.all_gaps)]


def _told_apart(*ladders: Ladder) -> list[str]:
    """Their rungs and gaps by label; by the names of the columns too where the labels are the same."""
    words = [", ".join(part.label for part in ladder.steps()) for ladder in ladders]
    if words[0] != words[1]:
        return words
    return [", ".join(f"{part.label} ({part.name})" for part in ladder.steps()) for ladder in ladders]
