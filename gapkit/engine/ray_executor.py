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
from gapkit.engine.disk import Disk, Union
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

    def __init__(self, work: Work, store: Store, threads: int) -> None:
        torch.set_num_threads(threads)
        self._work, self._store = work, store

    def run(self, split: str, unit: Unit) -> tuple[Attempt, list[str]]:
        """What became of a unit, and the titles of its stages that are done."""
        told: list[str] = []
        found = attempt(self._work, split, unit, told.append, self._store)
        # Errors of any class may be unknown to the process that hears of them; their words are in the reasons.
        failures = tuple(Failure(part.split, part.unit, part.reason) for part in found.failures)
        return Attempt(found.finished, failures, found.cuts), told


class Ray:
    """Runs the units on workers of Ray.

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

    def map(
        self, work: Work, units: Sequence[tuple[str, Unit]], tell: Callable[[str], None], store: Store
    ) -> Iterator[Attempt]:
        """What became of each unit, in the order in which they end; a unit whose workers die three times has failed."""
        ray, threads = _ray(), torch.get_num_threads()
        # A store in memory is of this process alone.
        theirs = store if isinstance(store, Disk | Union) else Nothing()
        with self._session(ray, threads), _by_value(ray):
            kind = ray.remote(_Worker).options(num_cpus=threads, num_gpus=self.gpus_per_worker)
            shared = ray.put(work)

            def started() -> Any:
                return kind.remote(shared, theirs, threads)

            waiting = deque((split, unit, 1) for split, unit in units)
            idle = [started() for _ in range(min(self.workers, len(units)))]
            busy: dict[Any, tuple[Any, str, Unit, int]] = {}
            while waiting or busy:
                while waiting and idle:
                    split, unit, tries = waiting.popleft()
                    worker = idle.pop()
                    busy[worker.run.remote(split, unit)] = (worker, split, unit, tries)
                done, _ = ray.wait(list(busy), num_returns=1, timeout=_WAIT)
                for reference in done:
                    worker, split, unit, tries = busy.pop(reference)
                    try:
                        found, told = ray.get(reference)
                    except ray.exceptions.RayTaskError as error:
                        if isinstance(error.cause, StoreError):
                            raise error.cause from None
                        idle.append(worker)
                        found, told = _lost(split, unit, f"{type(error.cause).__name__}: {error.cause}"), []
                    except ray.exceptions.RayError as error:
                        idle.append(started())
                        if tries < _TRIES:
                            waiting.append((split, unit, tries + 1))
                            continue
                        why = f"the worker died {_TRIES} times ({type(error).__name__})"
                        found, told = _lost(split, unit, why), []
                    else:
                        idle.append(worker)
                        _kept(store, found)
                    for stage in told:
                        tell(stage)
                    yield found

    @contextmanager
    def _session(self, ray: ModuleType, threads: int) -> Iterator[None]:
        """Ray as it is, or joined, or started for as long as the units run."""
        if ray.is_initialized():
            yield
            return
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        if self.address is not None:
            try:
                ray.init(address=self.address, **quiet)
            except (ConnectionError, ValueError, RuntimeError) as error:
                asked, do = f"join Ray at {self.address}", "start it there (ray start --head), or leave the address out"
                raise InputError(asked, str(error).partition("\n")[0], do) from error
        else:
            ray.init(num_cpus=self.workers * threads, include_dashboard=False, **quiet)
        try:
            yield
        finally:
            ray.shutdown()


def _lost(split: str, unit: Unit, why: str) -> Attempt:
    return Attempt((), (Failure(split, unit, why),))


def _kept(store: Store, found: Attempt) -> None:
    """Keep finished units here too: the disk of a worker may be another machine's."""
    for finished in found.finished:
        place = Place(finished.split, finished.unit.number)
        if finished.identity and store.find(place, ROWS, finished.identity) is None:
            store.keep(place, ROWS, Output(finished.identity, finished, Cost()))


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise InputError("run units on Ray", "ray is not installed", "pip install 'gapkit[ray]'") from error
    return ray


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
