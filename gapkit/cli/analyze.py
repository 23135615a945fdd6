"""``gapkit analyze``: from a checkpoint to a folder with a table, a summary and a report."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gapkit.cli.bounds import bounds_of
from gapkit.cli.console import print_result
from gapkit.cli.executing import Engine, GpusPerWorker, RayAddress, Workers, executor_of
from gapkit.cli.folder import claim_new_folder
from gapkit.cli.job import Job
from gapkit.cli.keeping import use_threads
from gapkit.cli.options import Allow, DataKey, Device, Effort, LabelColumn, ScaleOption, Seed
from gapkit.cli.publish import end_with_failures, publish
from gapkit.cli.reading import reads_model
from gapkit.cli.report import formats_of
from gapkit.cli.series import analyze_series, default_folder, find_checkpoints, told_step
from gapkit.cli.shards import analyze_shard, shard_of
from gapkit.cli.streams import console
from gapkit.cli.tracking import tracking
from gapkit.core.errors import InputError
from gapkit.sources import DataSource, ModelSource, Source

if TYPE_CHECKING:
    pass

__all__ = ["analyze"]


@reads_model
def analyze(
    checkpoint: Annotated[
        list[str], typer.Argument(help="The trained model's file; several files, or a pattern, make a series.")
    ],
    reading: ModelSource,
    data: Annotated[
        str | None, typer.Option(help="Name, file, image folder or file.py:function.", show_default="as in training")
    ] = None,
    data_key: DataKey = None,
    label_column: LabelColumn = None,
    split: Annotated[list[str] | None, typer.Option(help="test or train; both give the generalisation gap.")] = None,
    limit: Annotated[int | None, typer.Option(help="Analyse only the first datapoints of each split.")] = None,
    scale: ScaleOption = None,
    binarize: Annotated[
        str | None, typer.Option(help="none, threshold or sample.", show_default="as in training, else none")
    ] = None,
    encode_from: Annotated[
        str | None,
        typer.Option(
            help="What the encoder is given where data are binarised: binary, or original (trained on grey pixels).",
            show_default="binary",
        ),
    ] = None,
    effort: Effort = "standard",
    family: Annotated[
        list[str] | None,
        typer.Option(
            help="Family of q*: mean_field, full_rank, low_rank, flow or auxiliary; repeat for further rungs.",
            show_default="the encoder's own",
        ),
    ] = None,
    log_px: Annotated[
        str, typer.Option(help="How log p(x) is estimated: auto, or ais for every datapoint.", show_default="auto")
    ] = "auto",
    target_se: Annotated[
        float | None,
        typer.Option(help="Standard error of log p(x) to reach for every datapoint, in nats.", show_default="0.1"),
    ] = None,
    semi_amortized: Annotated[
        int, typer.Option(help="Make the curve of L[q] after local steps on so many datapoints; 0 leaves it out.")
    ] = 0,
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH: another encoder of the same decoder, such as gapkit refit writes; repeat."),
    ] = None,
    bound: Annotated[
        list[str] | None,
        typer.Option(help="Further bound as a column: reciprocal (an upper one), or file.py:name of your own; repeat."),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(help="Send the results to tensorboard:FOLDER, mlflow:URI or wandb:PROJECT as well; repeat."),
    ] = None,
    allow: Allow = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder to write.", show_default="gapkit-CHECKPOINT")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder, or begin it: what is done stays.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(help="Of this process; the last bits of the numbers depend on it.", show_default="all cores"),
    ] = None,
    log_json: Annotated[
        Path | None, typer.Option(help="Add what happens to this file, an event a line, for programs that watch.")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(help="i/N: only every N-th unit from the i-th on, or auto on a cluster; then gapkit merge."),
    ] = None,
    engine: Engine = "local",
    workers: Workers = 2,
    ray_address: RayAddress = None,
    gpus_per_worker: GpusPerWorker = 0.0,
    formats: Annotated[
        str,
        typer.Option(
            "--format", help="Of the report: html, pdf, both with a comma, or none (gapkit report makes it later)."
        ),
    ] = "html,pdf",
) -> None:
    """Estimate log p(x), fit q* for every datapoint, and split the gap into the encoder's and the family's part.

    Several checkpoints, or a pattern in quotes such as 'ckpts/*.pt', are analysed alike and compared with the first.
    """
    data_source = DataSource(
        source=data,
        key=data_key,
        limit=limit,
        scale=scale,
        label_column=label_column,
        splits=tuple(split or ["test"]),
        binarize=binarize,
        encode_from=encode_from,
        seed=seed,
    )
    data_source.check()
    wanted = () if formats.strip().lower() == "none" else formats_of(formats)
    from gapkit.engine import checked_device, spec_for

    paths = find_checkpoints(checkpoint)
    out = out or default_folder(paths)
    share = shard_of(shard, paths)
    place = out / share.folder if share else out
    claim_new_folder(place, resume=resume)
    use_threads(1 if threads is None and engine == "ray" else threads, place if resume and len(paths) == 1 else None)
    spec = spec_for(effort, seed=seed, families=tuple(family or ()))
    policy = replace(
        spec.evidence, method=log_px, target_se=spec.evidence.target_se if target_se is None else target_se
    )
    spec = replace(spec, evidence=policy, semi_amortized=semi_amortized)
    checked_device(device)
    encoders = {name: reading.of_encoder(path) for name, path in _encoder_paths(encoder or ()).items()}
    source = Source(model=reading, data=replace(data_source, bank_data=spec.bank_data), encoders=encoders)
    bounds_of(bound or ())  # what cannot be read is refused before any work
    job = Job(
        source=source,
        spec=spec,
        device=device,
        allow=tuple(allow or ()),
        bounds=tuple(bound or ()),
        resume=resume,
        executor=executor_of(engine, workers, ray_address, gpus_per_worker),
        log=log_json,
    )
    if share is not None:
        analyze_shard(job, paths[0], out, share)
        return
    told = console(errors=True)
    with tracking(track or (), out) as trackers:
        if len(paths) > 1:
            published = partial(publish, formats=wanted)
            analyze_series(
                paths,
                out,
                lambda path, folder, like: job.run(path, told, out=folder, like=like),
                published,
                trackers.send,
            )
            return
        result = job.run(paths[0], told, out=out)
        publish(result, out, wanted)
        print_result(console(), result)
        made = f"report: {out / f'report.{wanted[0]}'}" if wanted else f"results: {out} (gapkit report makes a report)"
        typer.echo(made)
        trackers.send(result, out, told_step(result))
    end_with_failures(result.run.get("failed", ()), "run.json")


def _encoder_paths(pairs: Sequence[str]) -> dict[str, Path]:
    """Read NAME=PATH pairs; what a name may be is checked with the columns it makes.

    Raises:
        InputError: no such pair, or a name that comes twice.
    """
    from gapkit.engine import check_encoder_names

    paths: dict[str, Path] = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        if not path:
            raise InputError(f"--encoder {pair}", "no NAME=PATH", "write --encoder refit=folder/model.pt, say")
        if name in paths:
            raise InputError(f"--encoder {pair}", f"another encoder named {name}", "give every one a name of its own")
        paths[name] = Path(path)
    check_encoder_names(paths)
    return paths
