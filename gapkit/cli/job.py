"""One checkpoint analysed as the options of ``gapkit analyze`` say, the same way for every checkpoint of a series."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from gapkit.cli.bounds import bounds_of
from gapkit.cli.command import command
from gapkit.cli.console import gathered_warnings, progress_bar, tell
from gapkit.cli.folder import STORE
from gapkit.cli.keeping import kept_run, patient
from gapkit.cli.log import logged
from gapkit.cli.saying import note
from gapkit.core.errors import GapkitWarning, InputError, printable
from gapkit.sources import DataSource, Opened, OpenedData, Source

if TYPE_CHECKING:
    from gapkit.checkpoints import Loaded
    from gapkit.engine import AnalysisSpec, Checked, Disk, Executor, Plan, Progress, Shard, ShardDone
    from gapkit.results import Result

__all__ = ["Job"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to do with a checkpoint.

    Attributes:
        source: what to analyse, but for the checkpoint.
        spec: all settings of the analysis.
        device: where to compute.
        allow: names of checks that may fail.
        bounds: further estimators, as the command line names them.
        resume: whether a run that was begun is gone on with.
        executor: who runs the units; None runs them here.
        shards: folders of shards, whose outputs are used.
        trust: whether code runs that a file names, and not the user.
        log: a file for events, a line each.
        threads: of this process; None for all cores.
        workers: processes that run units.
    """

    source: Source
    spec: "AnalysisSpec"
    device: str = "cpu"
    allow: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()
    resume: bool = False
    executor: "Executor | None" = None
    shards: tuple[Path, ...] = ()
    trust: bool = False
    log: Path | None = None
    threads: int | None = None
    workers: int = 1
    _read: dict[DataSource, OpenedData] = field(default_factory=dict, repr=False, compare=False)

    def run(
        self, checkpoint: Path, console: Console, *, out: Path | None = None, like: "Result | None" = None
    ) -> "Result":
        """Analyse a checkpoint.

        Args:
            checkpoint: the trained model's file.
            console: where progress and warnings are shown.
            out: folder of the results, where all that is done is kept as soon as it is; None keeps nothing.
            like: an earlier result, whose data are used again.

        Raises:
            InputError: the checkpoint or the data cannot be used, the checkpoint is of other data than ``like``, or the
                folder has a run of something else.
        """
        from gapkit.engine import Disk, Union, analyze

        with self._begun(checkpoint, console, out, like) as (arguments, progress, store, messages):
            shared = [Disk(folder / STORE, self.device, reads_only=True) for folder in self.shards]
            result = analyze(
                **arguments,
                spec=self.spec,
                allow=self.allow,
                bounds=bounds_of(self.bounds),
                device=self.device,
                progress=progress,
                store=store and Union([store, *shared]),
                executor=self.executor,
            )
            for path in (path for part in (store, *shared) if part for path in part.damaged):
                warnings.warn(f"{path} was damaged, and was made again", GapkitWarning, stacklevel=2)
        return replace(result, run={**result.run, "warnings": messages})

    def run_shard(self, checkpoint: Path, console: Console, out: Path, shard: "Shard") -> "ShardDone":
        """Run a share of the units; what they give is kept in the folder.

        Args:
            checkpoint: the trained model's file.
            console: where progress and warnings are shown.
            out: folder of the shard.
            shard: which of the units.

        Raises:
            InputError: as :meth:`run`.
        """
        from gapkit.engine import Given, run_shard

        with self._begun(checkpoint, console, out, None) as (arguments, progress, store, _):
            model, _ = arguments.pop("model"), arguments.pop("provenance")
            given = Given(**arguments, allow=self.allow, bounds=bounds_of(self.bounds), device=self.device)
            assert store is not None
            return run_shard(model, given, self.spec, shard, store, executor=self.executor, progress=progress)

    def plan(self, checkpoint: Path, console: Console, seconds: float) -> "Plan":
        """What the analysis of a checkpoint will take.

        Args:
            checkpoint: the trained model's file.
            console: where warnings are shown.
            seconds: for the probe.

        Raises:
            InputError: as :meth:`run`.
        """
        from gapkit.engine import Given, plan

        with self._begun(checkpoint, console, None, None) as (arguments, _, _, _):
            model, _ = arguments.pop("model"), arguments.pop("provenance")
            given = Given(**arguments, allow=self.allow, bounds=bounds_of(self.bounds), device=self.device)
            return plan(model, given, self.spec, seconds)

    def checkup(self, checkpoint: Path, console: Console) -> "list[Checked]":
        """What the checks before an analysis of a checkpoint find.

        Args:
            checkpoint: the trained model's file.
            console: where warnings are shown.

        Raises:
            InputError: the checkpoint or the data cannot be read.
        """
        from gapkit.engine import Given, checkup

        with self._begun(checkpoint, console, None, None) as (arguments, _, _, _):
            model, _ = arguments.pop("model"), arguments.pop("provenance")
            given = Given(**arguments, allow=self.allow, bounds=bounds_of(self.bounds), device=self.device)
            return checkup(model, given, self.spec)

    @contextmanager
    def _begun(
        self, checkpoint: Path, console: Console, out: Path | None, like: "Result | None"
    ) -> "Iterator[tuple[dict[str, Any], Callable[[Progress], None], Disk | None, list[str]]]":
        """Yield what to analyse, whom to tell the progress, where outputs are kept, and the warnings as they come."""
        from gapkit.engine import request_of
        from gapkit.models.freeze import frozen

        source = replace(self.source, model=self.source.model.at(checkpoint))
        opened = source.open(trust=self.trust, read=lambda data, loaded: self._data(data, loaded, like))
        if opened.loaded.told:
            note(printable(f"model: {opened.loaded.name}, {opened.loaded.told}"))
        arguments = self._with_support(opened)
        arguments["provenance"] |= {"command": command()}
        request = request_of(arguments["provenance"], self.spec, self.device, self.allow, self.bounds)
        with (
            logged(self.log, command=command(), checkpoint=str(checkpoint), out=str(out) if out else None) as log,
            gathered_warnings(log) as messages,
            frozen(opened.model),
            patient() as check,
            nullcontext() if out is None else kept_run(out, request, resume=self.resume, device=self.device) as store,
            progress_bar(console) as progress,
        ):

            def stage_is_done(step: "Progress") -> None:
                progress(step)
                log.progress(step)
                check()

            yield arguments, stage_is_done, store, messages

    def _with_support(self, opened: "Opened") -> dict[str, Any]:
        """What to analyse; of a model of many data sets with support sets, and the best encoder of each data set."""
        from gapkit.meta import require_context, with_support

        require_context(opened.model, opened.source.data.context_size)
        return with_support(opened, self.spec.seed, self.trust, told=note)

    def _data(self, data: DataSource, loaded: "Loaded", like: "Result | None") -> OpenedData:
        """The data for a model; read once, however many checkpoints there are."""
        wanted = data.of_model(loaded)
        if like is not None:
            used = like.run["data"]
            if wanted.source != used["source"]:
                found = f"it was trained on {wanted.source}, and the series is analysed on {used['source']}"
                raise InputError(f"analyse {loaded.name}", found, "pass --data to analyse all on the same data")
            wanted = replace(wanted, binarize=used["binarize"])
        if wanted not in self._read:
            self._read[wanted] = wanted.read(trust=self.trust, told=tell)
        return self._read[wanted]
