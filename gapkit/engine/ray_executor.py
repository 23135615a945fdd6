"""Units on the workers of Ray: on this machine, or on a cluster that is there already. Needs ``gapkit[ray]``.

Every worker holds the model, and runs one unit at a time with the number of threads of the run, so that the numbers are
those of one process. A worker that dies is replaced, and its unit is tried again.
"""

import sys
import sysconfig
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from gapkit.core.errors import InputError
from gapkit.engine.attempt import Attempt, Failure, attempt
from gapkit.engine.crew import Crew, hired
from gapkit.engine.crew import ray_module as _ray
from gapkit.engine.disk import Disk, Union
from gapkit.engine.execute import Executor
from gapkit.engine.outputs import Cost, Output
from gapkit.engine.store import Nothing, Place, Store, StoreError
from gapkit.engine.unit import ROWS
from gapkit.engine.units import Unit
from gapkit.engine.work import Work

__all__ = ["Ray"]

_TRIES = 3
_WAIT = 1.0  # seconds, after which it is looked whether the run was interrupted


class _Worker:
    """Holds what all units share, in a process of its own."""

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)

    def hold(self, work: Work, store: Store) -> None:
        """Take what the units share."""
        self._work, self._store = work, store

    def run(self, held: None, split: str, unit: Unit) -> tuple[Attempt, list[str]]:
        """What became of a unit, and the titles of its stages that are done.

        Args:
            held: what :meth:`hold` gave; its error, where it had one, becomes that of this call.
            split: that the unit belongs to.
            unit: which datapoints.
        """
        told: list[str] = []
        found = attempt(self._work, split, unit, told.append, self._store)
        # Errors of any class may be unknown to the process that hears of them; their words are in the reasons.
        failures = tuple(Failure(part.split, part.unit, part.reason) for part in found.failures)
        return Attempt(found.finished, failures, found.cuts), told


class Ray(Executor):
    """Runs the units on workers of Ray.

    Ray and its workers take seconds to start and to end: they start while an analysis is prepared, and end while it
    goes on after its units.

    Args:
        workers: processes that run units, each with as many threads as this process has.
        address: of a cluster to join, such as ``auto``; None starts Ray here, and ends it when the units are done.
        gpus_per_worker: GPUs of a worker; several may share one.

    Raises:
        InputError: no worker, a number of GPUs below zero, or Ray is not installed.
    """

    def __init__(self, workers: int = 2, *, address: str | None = None, gpus_per_worker: float = 0.0) -> None:
        self.workers, self.address, self.gpus_per_worker = workers, address, gpus_per_worker
        if workers < 1:
            raise InputError(f"{workers} workers of Ray", "nobody to do the work", "use 1 or more (--workers)")
        if gpus_per_worker < 0:
            raise InputError(f"{gpus_per_worker} GPUs for a worker", "less than none", "use 0, 0.5, 1, ...")
        _ray()
        self._crew: Crew | None = None

    @contextmanager
    def session(self) -> Iterator[None]:
        """Ray as it is, or joined, or started; it is left as it was found."""
        with hired(self.workers, self.address, self.gpus_per_worker, _Worker) as crew:
            self._crew = crew
            try:
                yield
            finally:
                self._crew = None

    def start(self) -> None:
        """Start Ray and the workers while the analysis goes on, unless Ray is elsewhere."""
        if self._crew is not None:
            self._crew.start()

    def release(self) -> None:
        """Let the workers of this session end."""
        if self._crew is not None:
            self._crew.dismiss()

    def map(
        self, work: Work, units: Sequence[tuple[str, Unit]], tell: Callable[[str], None], store: Store
    ) -> Iterator[Attempt]:
        """What became of each unit, in the order in which they end; a unit whose workers die three times has failed."""
        if self._crew is not None:
            yield from self._mapped(self._crew, work, units, tell, store)
            return
        with self.session():
            yield from self.map(work, units, tell, store)

    def _mapped(
        self, crew: Crew, work: Work, units: Sequence[tuple[str, Unit]], tell: Callable[[str], None], store: Store
    ) -> Iterator[Attempt]:
        ray = _ray()
        # A store in memory is of this process alone.
        theirs = store if isinstance(store, Disk | Union) else Nothing()
        workers = crew.workers()
        with _by_value(ray):
            shared = ray.put(work)

            def ready(worker: Any) -> tuple[Any, Any]:
                return worker, worker.hold.remote(shared, theirs)

            waiting = deque((split, unit, 1) for split, unit in units)
            idle = [ready(worker) for worker in workers[: len(units)]]
            busy: dict[Any, tuple[tuple[Any, Any], str, Unit, int]] = {}
            while waiting or busy:
                while waiting and idle:
                    split, unit, tries = waiting.popleft()
                    worker, held = idle.pop()
                    busy[worker.run.remote(held, split, unit)] = ((worker, held), split, unit, tries)
                done, _ = ray.wait(list(busy), num_returns=1, timeout=_WAIT)
                for reference in done:
                    used, split, unit, tries = busy.pop(reference)
                    try:
                        found, told = ray.get(reference)
                    except ray.exceptions.RayTaskError as error:
                        if isinstance(error.cause, StoreError):
                            raise error.cause from None
                        idle.append(used)
                        found, told = _lost(split, unit, f"{type(error.cause).__name__}: {error.cause}"), []
                    except ray.exceptions.RayError as error:
                        idle.append(ready(crew.another(used[0])))
                        if tries < _TRIES:
                            waiting.append((split, unit, tries + 1))
                            continue
                        why = f"the worker died {_TRIES} times ({type(error).__name__})"
                        found, told = _lost(split, unit, why), []
                    else:
                        idle.append(used)
                        _kept(store, found)
                    for stage in told:
                        tell(stage)
                    yield found


def _lost(split: str, unit: Unit, why: str) -> Attempt:
    return Attempt((), (Failure(split, unit, why),))


def _kept(store: Store, found: Attempt) -> None:
    """Keep finished units here too: the disk of a worker may be another machine's."""
    for finished in found.finished:
        place = Place(finished.split, finished.unit.number)
        if finished.identity and store.find(place, ROWS, finished.identity) is None:
            store.keep(place, ROWS, Output(finished.identity, finished, Cost()))


@contextmanager
def _by_value(ray: ModuleType) -> Iterator[None]:
    """Send the user's own code along: the processes of the workers may not find its files."""
    theirs = (Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib", "platlib"))
    ours = [Path(__file__).parents[1], *theirs]
    found = {}
    for name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None) or ""
        known = any(root in Path(place).parents for root in ours)
        if place.endswith(".py") and not known and name == module.__name__ != "__main__":  # which is always sent along
            found[name] = module
    for module in found.values():
        ray.cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in found.values():
            ray.cloudpickle.unregister_pickle_by_value(module)
