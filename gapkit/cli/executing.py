"""Options that say who runs the units: this process, or workers of Ray."""

from typing import TYPE_CHECKING, Annotated

import typer

from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.engine import Executor

__all__ = ["Engine", "GpusPerWorker", "RayAddress", "Workers", "executor_of"]

Engine = Annotated[str, typer.Option(help="Who runs the units: local, or ray (the extra ray of gapkit).")]
Workers = Annotated[int, typer.Option(help="Processes of Ray, each with --threads threads (1 unless given).")]
RayAddress = Annotated[
    str | None, typer.Option(help="Ray to join, such as auto.", show_default="one that is started for the run")
]
GpusPerWorker = Annotated[float, typer.Option(help="GPUs of each process of Ray; 0.5 lets two share one.")]


def executor_of(engine: str, workers: int, address: str | None, gpus_per_worker: float) -> "Executor | None":
    """Who runs the units; None is this process.

    Raises:
        InputError: an unknown word, no worker, or Ray is not installed.
    """
    if engine == "local":
        return None
    if engine != "ray":
        raise InputError(f"--engine {engine}", "no such engine", "use local or ray")
    from gapkit.engine import Ray

    return Ray(workers, address=address, gpus_per_worker=gpus_per_worker)
