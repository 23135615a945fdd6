"""A share of the units, for machines that know nothing of each other; another run puts the shares together."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gapkit.core.errors import InputError
from gapkit.engine.begin import begun
from gapkit.engine.execute import Executor, Local
from gapkit.engine.given import Given
from gapkit.engine.progress import Progress
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.store import Store
from gapkit.models.protocol import LatentModel

__all__ = ["Shard", "ShardDone", "run_shard"]

# Where a cluster tells its processes which they are: the number, how many there are, the first number, the step.
_TOLD_BY = (
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"),
    ("SLURM_PROCID", "SLURM_NTASKS", None, None),
    ("RANK", "WORLD_SIZE", None, None),
)


@dataclass(frozen=True)
class Shard:
    """Every ``of``-th unit, from the number ``number`` on.

    Attributes:
        number: from 0.
        of: how many shards there are.

    Raises:
        InputError: no such shard.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.of:
            found = "no such shard: they are counted from 0"
            raise InputError(f"shard {self.number}/{self.of}", found, "use 0/4, 1/4, 2/4 and 3/4 for four, say")

    @staticmethod
    def read(word: str, environment: Mapping[str, str]) -> "Shard":
        """Read ``i/N``, or ``auto`` for what SLURM or torchrun tell the process.

        Args:
            word: of the user.
            environment: variables of the process.

        Raises:
            InputError: neither, or nobody tells.

        Example:
            >>> Shard.read("1/4", {})
            Shard(number=1, of=4)
            >>> Shard.read("auto", {"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_COUNT": "3",
            ...                     "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_STEP": "2"})
            Shard(number=2, of=3)
        """
        if word.strip().lower() == "auto":
            return _told(environment)
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", word.strip())
        if found is None:
            raise InputError(f"--shard {word}", "no i/N", "use 0/4, 1/4, ..., or auto on a cluster")
        return Shard(int(found[1]), int(found[2]))

    @property
    def folder(self) -> str:
        """Name of its folder within that of the run.

        Example:
            >>> Shard(1, 4).folder
            'shard-1-of-4'
        """
        return f"shard-{self.number}-of-{self.of}"


def _told(environment: Mapping[str, str]) -> Shard:
    for number, count, first, step in _TOLD_BY:
        if number in environment and count in environment:
            try:
                start = int(environment.get(first or "", "0"))
                position = (int(environment[number]) - start) // int(environment.get(step or "", "1"))
                return Shard(position, int(environment[count]))
            except ValueError as error:
                found = f"{number}={environment[number]!r:.40}, {count}={environment[count]!r:.40}"
                raise InputError("--shard auto", found, "give i/N instead") from error
    names = ", ".join(number for number, *_ in _TOLD_BY)
    raise InputError("--shard auto", f"none of the variables {names}", "give i/N instead")


@dataclass(frozen=True)
class ShardDone:
    """What became of a shard.

    Attributes:
        units: how many units it has.
        datapoints: and how many datapoints.
        failed: datapoints whose work ended in an error, and why.
    """

    units: int
    datapoints: int
    failed: Sequence[Mapping[str, Any]]


def run_shard(
    model: LatentModel,
    given: Given,
    spec: AnalysisSpec,
    shard: Shard,
    store: Store,
    *,
    executor: Executor | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ShardDone:
    """Run the units of a shard; what they give is in the store, where an analysis of the whole finds it.

    Args:
        model: an object of the model contract.
        given: data and all else, of the whole analysis.
        spec: settings.
        shard: which of the units.
        store: keeps what they give.
        executor: who runs the units; None runs them here.
        progress: called after every stage.

    Raises:
        InputError: model, data, labels, encoders or bounds cannot be analysed together; or the store cannot be written
            to.
    """
    failed, executor = list[Mapping[str, Any]](), executor or Local()
    only = slice(shard.number, None, shard.of)
    with executor.session(), begun(model, given, spec, progress, only=only, when_ready=executor.start) as run:
        for done in executor.map(run.work, run.units, run.run_stage.tell, store):
            failed += [failure.to_dict() for failure in done.failures]
    return ShardDone(len(run.units), sum(unit.size for _, unit in run.units), failed)
