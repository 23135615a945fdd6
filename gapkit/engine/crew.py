"""Workers of Ray, which start and end in a thread, while an analysis goes on with something else."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

from gapkit.core.errors import InputError

__all__ = ["Crew", "hired", "ray_module"]

# One for all: a crew starts when the one before has ended, and the process ends after the last.
_THREAD = ThreadPoolExecutor(1, "gapkit-ray")
_QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}


def ray_module() -> ModuleType:
    """Ray itself.

    Raises:
        InputError: it is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise InputError("run units on Ray", "ray is not installed", "pip install 'gapkit[ray]'") from error
    return ray


class Crew:
    """So many workers of one kind; made by :func:`hired`.

    Args:
        count: how many.
        address: of a cluster to join; None starts Ray here.
        gpus: of each worker.
        kind: their class, given the number of threads.
    """

    def __init__(self, count: int, address: str | None, gpus: float, kind: type[Any]) -> None:
        self._count, self._address, self._gpus, self._kind = count, address, gpus, kind
        self._threads, self._ours, self._ended = torch.get_num_threads(), False, False
        self._starting: Future[list[Any]] | None = None
        self._hired: list[Any] | None = None

    def start(self) -> None:
        """Begin to start Ray here; one that is elsewhere is joined when it is needed, because that may take long."""
        if self._address is None and self._starting is None:
            self._starting = _THREAD.submit(self._start)

    def workers(self) -> list[Any]:
        """All of them, when they are there.

        Raises:
            InputError: Ray cannot be joined.
        """
        if self._hired is None:
            self.start()
            self._hired = self._start() if self._starting is None else self._starting.result()
        return self._hired

    def another(self, lost: Any) -> Any:
        """One more, in the place of one that died."""
        workers = self.workers()
        workers[workers.index(lost)] = found = self._one()
        return found

    def dismiss(self) -> None:
        """End them, and Ray where it was started for them: in the thread, soon after."""
        if not self._ended and (self._starting is not None or self._hired is not None):
            _THREAD.submit(self._stop)
        self._ended = True

    def _start(self) -> list[Any]:
        ray = ray_module()
        if not ray.is_initialized():
            if self._address is None:
                ray.init(num_cpus=self._count * self._threads, include_dashboard=False, **_QUIET)
            else:
                try:
                    ray.init(address=self._address, **_QUIET)
                except (ConnectionError, ValueError, RuntimeError) as error:
                    asked = f"join Ray at {self._address}"
                    do = "start it there (ray start --head), or leave the address out"
                    raise InputError(asked, str(error).partition("\n")[0], do) from error
            self._ours = True
        return [self._one() for _ in range(self._count)]

    def _one(self) -> Any:
        kind = ray_module().remote(self._kind).options(num_cpus=self._threads, num_gpus=self._gpus)
        return kind.remote(self._threads)

    def _stop(self) -> None:
        if self._ours:
            ray_module().shutdown()
            return
        found = self._hired or (self._starting.result() if self._starting and not self._starting.exception() else [])
        for worker in found:
            ray_module().kill(worker)


@contextmanager
def hired(count: int, address: str | None, gpus: float, kind: type[Any]) -> Iterator[Crew]:
    """Workers for as long as the context lasts; Ray is left as it was found, a second or two after.

    Args:
        count: how many.
        address: of a cluster to join; None starts Ray here, unless it runs in this process already.
        gpus: of each worker.
        kind: their class, given the number of threads.
    """
    crew = Crew(count, address, gpus, kind)
    try:
        yield crew
    finally:
        crew.dismiss()
