"""Who runs the units: this process, one after the other; others stand behind the same method."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from gapkit.engine.attempt import Attempt, attempt
from gapkit.engine.store import Store
from gapkit.engine.units import Unit
from gapkit.engine.work import Work

__all__ = ["Executor", "Local"]


class Executor(ABC):
    """Runs units, in whatever order and place; every unit gives the same numbers wherever it runs."""

    @contextmanager
    def session(self) -> Iterator[None]:
        """What lasts as long as an analysis: workers may start while its units are prepared."""
        yield

    def start(self) -> None:  # noqa: B027 - as below
        """Units will come soon: nothing is refused any more."""

    def release(self) -> None:  # noqa: B027 - most executors have nothing to end
        """No further units come in this session: workers may end while the analysis goes on."""

    @abstractmethod
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


class Local(Executor):
    """Runs the units in this process, one after the other."""

    def map(
        self, work: Work, units: Sequence[tuple[str, Unit]], tell: Callable[[str], None], store: Store
    ) -> Iterator[Attempt]:
        """What became of each unit, in their order."""
        for split, unit in units:
            yield attempt(work, split, unit, tell, store)
