"""``gapkit analyze --shard`` runs a share of the units, and ``gapkit merge`` makes one result of all shares."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gapkit.cli.console import print_result
from gapkit.cli.executing import Engine, GpusPerWorker, RayAddress, Workers, executor_of
from gapkit.cli.folder import claim_folder
from gapkit.cli.job import Job
from gapkit.cli.keeping import pinned, use_threads
from gapkit.cli.publish import end_with_failures, publish, tell_made
from gapkit.cli.report import formats_of
from gapkit.cli.saying import answer, answer_of
from gapkit.cli.streams import console
from gapkit.core.errors import InputError
from gapkit.core.phrases import listed

if TYPE_CHECKING:
    from gapkit.engine import Shard

__all__ = ["analyze_shard", "merge", "shard_of"]

_DONE = "done.json"
_NAME = re.compile(r"shard-(\d{1,6})-of-(\d{1,6})", re.ASCII)


def shard_of(word: str | None, paths: Sequence[Path]) -> "Shard | None":
    """The shard that the user asked for, if any.

    Raises:
        InputError: no such shard, or shards of a series.
    """
    if word is None:
        return None
    from gapkit.engine import Shard

    if len(paths) > 1:
        raise InputError(f"--shard {word} of {len(paths)} checkpoints", "a series", "make shards of one at a time")
    return Shard.read(word, os.environ)


def analyze_shard(job: Job, path: Path, out: Path, shard: "Shard") -> None:
    """Run a share of the units, and say what comes next.

    Raises:
        InputError: see :meth:`gapkit.cli.job.Job.run`.
        typer.Exit: with code 3, if some datapoints have no numbers.
    """
    from gapkit.core.files import write_json

    folder = out / shard.folder
    done = job.run_shard(path, console(errors=True), folder, shard)
    write_json(folder / _DONE, {"units": done.units, "datapoints": done.datapoints, "failed": done.failed})
    what = f"{done.datapoints} datapoints in {done.units} unit{'' if done.units == 1 else 's'}"
    if not done.units:
        what = "no unit, because there are fewer units than shards"
    answer(out=str(folder), shard=shard.number, shards=shard.of, datapoints=done.datapoints, failed=list(done.failed))
    typer.echo(f"shard {shard.number} of {shard.of}: {what}, kept in {folder}")
    typer.echo(f"next, when all {shard.of} are done: gapkit merge {out}")
    end_with_failures(done.failed, "done.json")


def merge(
    run: Annotated[Path, typer.Argument(help="The --out folder of the shards, or that of the first of them.")],
    more: Annotated[list[Path] | None, typer.Argument(help="Folders of further shards, from other machines.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write.", show_default="the first one")] = None,
    complete: Annotated[bool, typer.Option("--complete", help="Run here what no shard has run.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run the code that the shards name: a factory, a data function, a bound.")
    ] = False,
    formats: Annotated[
        str, typer.Option("--format", help="Of the report: html, pdf, both with a comma, or none.")
    ] = "html,pdf",
    engine: Engine = "local",
    workers: Workers = 2,
    ray_address: RayAddress = None,
    gpus_per_worker: GpusPerWorker = 0.0,
) -> None:
    """Make one result and report of the shards of an analysis, which gapkit analyze --shard has run.

    The units are not run again. What is of all of them together is made now: the baselines, the certificate, pictures;
    and where the shards together show that modes are missed, the wider search.
    """
    from gapkit.engine import differences, spec_of
    from gapkit.sources import Source

    wanted = () if formats.strip().lower() == "none" else formats_of(formats)
    out = out or run
    claim_folder(out)
    folders = _found((run, *(more or ())), complete=complete)
    requests = [pinned(folder) or {} for folder in folders]
    for folder, request in zip(folders[1:], requests[1:], strict=True):
        others = list(differences(requests[0], request))
        if others:
            found, do = f"shards of different runs: {listed(others)}", "merge shards of the same command"
            raise InputError(f"merge {folders[0]} and {folder}", found, do)
    request = requests[0]
    use_threads(int(request["threads"]))
    source = Source.of({"source": request["source"]})
    code = [*source.model.code(), *(word for word in request["bounds"] if ":" in word)]
    if code and not trust:
        raise InputError(f"merge {run}", f"code that the shards name: {listed(code)}", "look at it, then add --trust")
    job = Job(
        source=source,
        spec=spec_of(request["settings"]),
        device=request["device"],
        allow=tuple(request["allow"]),
        bounds=tuple(request["bounds"]),
        resume=True,
        executor=executor_of(engine, workers, ray_address, gpus_per_worker),
        shards=tuple(folders),
        trust=trust,
    )
    result = job.run(Path(source.model.checkpoint), console(errors=True), out=out)
    publish(result, out, wanted)
    print_result(console(), result)
    answer(**answer_of(result, out))
    tell_made(out, wanted)
    end_with_failures(result.run.get("failed", ()), "run.json")


def _found(places: Sequence[Path], *, complete: bool) -> list[Path]:
    """The folders of all shards, in their order; of one that was run in several places, all of them.

    Raises:
        InputError: none, one that is missing or not finished, or shards of several cuts.
    """
    found: dict[tuple[int, int], list[Path]] = {}
    for place in places:
        inner = sorted(place.glob("shard-*-of-*")) if place.is_dir() else []
        for folder in (place, *inner):
            name = _NAME.fullmatch(folder.resolve().name)
            if name and pinned(folder) is not None:
                there = found.setdefault((int(name[1]), int(name[2])), [])
                if folder.resolve() not in [other.resolve() for other in there]:
                    there.append(folder)
    asked = f"merge the shards in {listed(str(place) for place in places)}"
    if not found:
        raise InputError(asked, "none there", "give the --out folder that the shards were run with")
    counts = {of for _, of in found}
    if len(counts) > 1:
        words = listed(str(count) for count in sorted(counts))
        raise InputError(asked, f"shards of cuts into {words} parts", "give those of one")
    (count,) = counts
    missing = [number for number in range(count) if (number, count) not in found]
    open_ = [number for (number, _), each in sorted(found.items()) if not any((one / _DONE).exists() for one in each)]
    if (missing or open_) and not complete:
        parts = [f"shard {number}/{count} is missing" for number in missing]
        parts += [f"shard {number}/{count} is not finished" for number in open_]
        do = "run them (--shard, with --resume), or add --complete to run here what is missing"
        raise InputError(asked, listed(parts), do)
    return [folder for key in sorted(found) for folder in found[key]]
