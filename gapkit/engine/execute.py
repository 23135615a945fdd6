"""Who runs the units: this process, one after the other; others stand behind the same method."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from gapkit.engine.attempt import Attempt, attempt
from gapkit.engine.store import Store
from gapkit.engine.units import Unit
from gapkit.engine.work import Work

__all__ = ["Executor", "Local"]


class Executor(Protocol):
    """Runs units, in whatever order and place; every unit gives the same numbers wherever it runs."""

    def map(
        self, work: Work, units: Sequence[tuple[str, Unit]], tell: Callable[[str], None], store: Store
    ) -> Iterator[Attempt]:
        """What became of each unit, in the order in which they end.

        Args:
            work: what all units share.
            units: each with its split.
            tell: hears the title of each stage that is done.
            store: has what was made before, and keeps what is made.
        """
        ...


class Local:
    """Runs the units in this process, one after the other."""

    def map(
        self, work: Work, units: Sequence[tuple[str, Unit]], tell: Callable[[str], None], store: Store
    ) -> Iterator[Attempt]:
        """What became of each unit, in their order."""
        for split, unit in units:
            yield attempt(work, split, unit, tell, store)
