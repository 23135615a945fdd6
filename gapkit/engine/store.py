"""Where finished units are: in memory here; on a disk, or on other machines, behind the same three methods."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from gapkit.engine.chosen import joined
from gapkit.engine.plan import Unit
from gapkit.engine.unit import Finished

__all__ = ["Memory", "Store"]


class Store(Protocol):
    """Keeps finished units. What is in it is not computed again."""

    def get(self, split: str, unit: Unit) -> Finished | None:
        """The unit, if it is there."""
        ...

    def put(self, finished: Finished) -> None:
        """Keep a unit; one that is there already is replaced."""
        ...

    def __iter__(self) -> Iterator[Finished]:
        """All that are there."""
        ...


class Memory:
    """Keeps finished units as long as it lives; of what they offer for pictures, only what would be chosen by now.

    Args:
        num_chosen: how many datapoints are shown in detail; None keeps all that is offered.

    Example:
        >>> list(Memory())
        []
    """

    def __init__(self, num_chosen: int | None = None) -> None:
        self._kept: dict[tuple[str, int], Finished] = {}
        self._num_chosen = num_chosen

    def get(self, split: str, unit: Unit) -> Finished | None:
        """The unit, if it is there."""
        return self._kept.get((split, unit.number))

    def put(self, finished: Finished) -> None:
        """Keep a unit; one that is there already is replaced."""
        self._kept[finished.split, finished.unit.number] = finished
        if self._num_chosen is None or not finished.chosen.worst:
            return
        best = {id(kept) for kept in joined((part.chosen for part in self), self._num_chosen).worst}
        for place, part in self._kept.items():
            worst = tuple(kept for kept in part.chosen.worst if id(kept) in best)
            if len(worst) < len(part.chosen.worst):
                self._kept[place] = replace(part, chosen=replace(part.chosen, worst=worst))

    def __iter__(self) -> Iterator[Finished]:
        """All that are there."""
        return iter(self._kept.values())
