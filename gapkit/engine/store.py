"""Where finished units are: in memory here; on a disk, or on other machines, behind the same three methods."""

from collections.abc import Iterator
from typing import Protocol

from gapkit.engine.plan import Unit
from gapkit.engine.unit import Finished

__all__ = ["Memory", "Store"]


class Store(Protocol):
    """Keeps finished units. What is in it is not done again."""

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
    """Keeps finished units as long as it lives.

    Example:
        >>> list(Memory())
        []
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Finished] = {}

    def get(self, split: str, unit: Unit) -> Finished | None:
        """The unit, if it is there."""
        return self._kept.get((split, unit.number))

    def put(self, finished: Finished) -> None:
        """Keep a unit; one that is there already is replaced."""
        self._kept[finished.split, finished.unit.number] = finished

    def __iter__(self) -> Iterator[Finished]:
        """All that are there."""
        return iter(self._kept.values())
