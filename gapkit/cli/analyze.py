"""``gapkit analyze``: from a checkpoint to a folder with a table, a summary and a report."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gapkit.cli.asking import asks_job
from gapkit.cli.console import print_result
from gapkit.cli.folder import claim_new_folder
from gapkit.cli.job import Job
from gapkit.cli.keeping import use_threads
from gapkit.cli.options import Overwrite
from gapkit.cli.publish import end_with_failures, publish, tell_made
from gapkit.cli.report import formats_of
from gapkit.cli.saying import answer, answer_of, note
from gapkit.cli.series import analyze_series, default_folder, find_checkpoints, told_step
from gapkit.cli.shards import analyze_shard, shard_of
from gapkit.cli.streams import console
from gapkit.cli.tracking import tracking

__all__ = ["analyze"]


@asks_job
def analyze(
    checkpoint: Annotated[
        list[str], typer.Argument(help="The trained model's file or folder; several, or a pattern, make a series.")
    ],
    job: Job,
    track: Annotated[
        list[str] | None,
        typer.Option(help="Send the results to tensorboard:FOLDER, mlflow:URI or wandb:PROJECT as well; repeat."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write.", show_default="gapkit-CHECKPOINT")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder, or begin it: what is done stays.")
    ] = False,
    overwrite: Overwrite = False,
    log_json: Annotated[
        Path | None, typer.Option(help="Add what happens to this file, an event a line, for programs that watch.")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(help="i/N: only every N-th unit from the i-th on, or auto on a cluster; then gapkit merge."),
    ] = None,
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
    wanted = () if formats.strip().lower() == "none" else formats_of(formats)
    paths = find_checkpoints(checkpoint)
    out = out or default_folder(paths)
    share = shard_of(shard, paths)
    place = out / share.folder if share else out
    claim_new_folder(place, resume=resume, overwrite=overwrite)
    use_threads(job.threads, place if resume and len(paths) == 1 else None)
    job = replace(job, resume=resume, log=log_json)
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
        if resume:
            note(f"resumed: {result.run.get('kept_units', 0)} units were there as a whole")
        publish(result, out, wanted)
        print_result(console(), result)
        answer(**answer_of(result, out))
        tell_made(out, wanted, " (gapkit report makes a report)")
        trackers.send(result, out, told_step(result))
    end_with_failures(result.run.get("failed", ()), "run.json")
