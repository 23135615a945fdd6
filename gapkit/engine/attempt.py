"""One unit, whatever happens in it: cut in halves where it fails, so that few datapoints are lost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from traceback import clear_frames
from typing import Any

import torch

from gapkit.engine.pipeline import pipeline
from gapkit.engine.skipped import out_of_memory, reason
from gapkit.engine.store import Store, StoreError
from gapkit.engine.unit import Finished, run_unit
from gapkit.engine.units import Unit, halves
from gapkit.engine.work import Work

__all__ = ["Attempt", "Failure", "Without", "attempt"]

# Errors in one unit until what is left of it is given up: two bad datapoints among 200 are found with fewer.
_MOST_ERRORS = 24


@dataclass(frozen=True)
class Failure:
    """Datapoints that have no numbers, because the work on them ended in an error.

    Attributes:
        split: that they belong to.
        unit: these datapoints: a unit, or part of one.
        reason: what ended it, in a line.
        error: the error itself, where it was raised in this process.
    """

    split: str
    unit: Unit
    reason: str
    error: Exception | None = field(default=None, compare=False)

    @property
    def where(self) -> str:
        """The datapoints, in words.

        Example:
            >>> Failure("test", Unit(0, (3, 4), 2), "").where, Failure("test", Unit(0, (3,), 1), "").where
            ('datapoints 3 to 4 of test', 'datapoint 3 of test')
        """
        first, last = self.unit.first, self.unit.last
        return (
            f"datapoint {first} of {self.split}" if first == last else f"datapoints {first} to {last} of {self.split}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As ``run.json`` keeps it."""
        return {"split": self.split, "from": self.unit.first, "to": self.unit.last, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Without(Failure):
    """Datapoints that have no q* of a further family.

    Attributes:
        family: its name.
    """

    family: str

    def to_dict(self) -> dict[str, Any]:
        """As ``run.json`` keeps it."""
        return {**super().to_dict(), "family": self.family}


@dataclass(frozen=True)
class Attempt:
    """What became of a unit: parts that finished, parts that did not.

    Attributes:
        finished: the unit, or the parts that it was cut into.
        failures: datapoints without numbers.
        cuts: why it was cut, each with the datapoints that were cut.
    """

    finished: tuple[Finished, ...]
    failures: tuple[Failure, ...] = ()
    cuts: tuple[Failure, ...] = ()


def attempt(work: Work, split: str, unit: Unit, tell: Callable[[str], None], store: Store) -> Attempt:
    """Run a unit; where it fails, run its halves, and so on down to single datapoints.

    Where memory was too small, half as many datapoints need about half of it; where one datapoint ends the work, the
    others are measured without it. Numbers of a part differ from those of the whole unit by rounding. A unit that goes
    on failing is given up after some tries, but not where only memory is short.

    Args:
        work: what all units share.
        split: that it belongs to.
        unit: which datapoints.
        tell: hears the title of each stage that is done.
        store: has what was made before, and keeps what is made.
    """
    finished: list[Finished] = []
    failures: list[Failure] = []
    cuts: list[Failure] = []
    waiting, errors, told = [unit], 0, list[str]()

    def heard(stage: str) -> None:
        told.append(stage)
        try:
            tell(stage)
        except Exception as error:  # of who listens, who may want to stop; no fault of these datapoints
            raise _ListenerError(error) from error

    while waiting:
        part = waiting.pop(0)
        try:
            # The progress is of whole units: the stages of a part are not counted.
            finished.append(run_unit(work, split, part, heard if part is unit else _silent, store))
        except StoreError:  # no fault of these datapoints either
            raise
        except _ListenerError as stopped:
            raise stopped.error from None
        except Exception as error:  # whatever a model does on these datapoints, the others are measured
            clear_frames(error.__traceback__)  # which would hold on to all that the unit had made
            errors += not out_of_memory(error)
            smaller = halves(part) if errors < _MOST_ERRORS else ()
            if smaller:
                cuts.append(Failure(split, part, reason(error)))
            else:
                failures.append(Failure(split, part, reason(error), error))
            waiting[:0] = smaller
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    for stage in pipeline(work, split, unit)[len(told) :]:
        tell(stage.title)
    return Attempt(tuple(finished), tuple(_together(failures)), tuple(cuts))


class _ListenerError(BaseException):
    """Carries an error of the function that hears of the stages past what catches those of the work."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _silent(stage: str) -> None:
    """Tell nobody."""


def _together(failures: list[Failure]) -> Iterator[Failure]:
    """Neighbours that failed for the same reason, as one."""
    held: Failure | None = None
    for failure in sorted(failures, key=lambda failure: failure.unit.first):
        if held and held.reason == failure.reason and held.unit.last + 1 == failure.unit.first:
            indices = (*held.unit.indices[: held.unit.size], *failure.unit.indices[: failure.unit.size])
            held = Failure(held.split, Unit(held.unit.number, indices, len(indices)), held.reason, held.error)
            continue
        if held:
            yield held
        held = failure
    if held:
        yield held
