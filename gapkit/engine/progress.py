"""How far a run is, and how long its stages took."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["Progress", "Stopwatch"]

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """What a progress callback is given after every stage: ``done`` of ``total`` stage runs, and the stage's name."""

    done: int
    total: int
    stage: str


@dataclass
class Stopwatch:
    """Runs stages, adds up their seconds and reports them."""

    total: int
    report: Callable[[Progress], None] | None
    seconds: dict[str, float] = field(default_factory=dict)
    done: int = 0

    def __call__(self, stage: str, work: Callable[..., T], *args: Any) -> T:
        """Run a stage and return what it gives."""
        start = time.perf_counter()
        out = work(*args)
        self.add({stage: time.perf_counter() - start})
        self.tell(stage)
        return out

    def add(self, seconds: Mapping[str, float]) -> None:
        """Count seconds of stages that ran elsewhere."""
        for stage, spent in seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent

    def tell(self, stage: str) -> None:
        """Report that a stage is done."""
        self.done += 1
        if self.report:
            self.report(Progress(self.done, self.total, stage))
