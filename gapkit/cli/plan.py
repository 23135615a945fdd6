"""``gapkit plan``: what an analysis will take, from a short probe, before it is begun."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from gapkit.cli.asking import asks_job
from gapkit.cli.job import Job
from gapkit.cli.keeping import use_threads
from gapkit.cli.saying import answer
from gapkit.cli.streams import console
from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.engine import Plan

__all__ = ["plan"]

_WORKERS = (1, 2, 4, 8, 16, 64, 256)


@asks_job
def plan(
    checkpoint: Annotated[Path, typer.Argument(help="The trained model's file or folder.")],
    job: Job,
    price: Annotated[
        float | None, typer.Option(help="Of an hour of one process, in your currency: the cost is printed too.")
    ] = None,
    probe: Annotated[float, typer.Option(help="Seconds for the probe.")] = 10.0,
) -> None:
    """Tell time, memory and cost of an analysis without running it: a few datapoints are tried.

    All options of gapkit analyze that decide what is computed are here too. Nothing is written.
    """
    if price is not None and price < 0:
        raise InputError(f"--price {price}", "less than nothing", "give the price of an hour of one process")
    if probe <= 0:
        raise InputError(f"--probe {probe}", "no time", "give some seconds, such as 10")
    use_threads(job.threads)
    found = job.plan(checkpoint, console(errors=True), probe)
    counts = [n for n in sorted({*_WORKERS, job.workers}) if n <= max(found.units, job.workers) or n == 1]
    seconds_of = {str(workers): found.seconds(workers) for workers in counts}
    answer(datapoints=found.datapoints, units=found.units, seconds=seconds_of, bytes_per_process=found.memory)
    table = Table(title=_title(found), title_justify="left")
    for heading in ("processes", "time", "memory in all", *(["cost"] if price is not None else [])):
        table.add_column(heading, justify="right")
    for workers in counts:
        seconds = seconds_of[str(workers)]
        row = [str(workers), _time(seconds), f"{workers * found.memory / 1e9:.1f} GB"]
        table.add_row(*row, *([f"{price * workers * seconds / 3600:.2f}"] if price is not None else []))
    console().print(table)
    sizes = ", ".join(f"{size} in {took:.1f} s" for size, took in found.probed)
    typer.echo(f"Measured on this machine: {sizes}. Every process needs cores of its own (--engine ray, --shard).")
    typer.echo("Where a search that misses modes is widened for all datapoints, it takes up to three times as long.")


def _title(found: "Plan") -> str:
    units = f"{found.units} unit{'' if found.units == 1 else 's'} of {found.unit_size}"
    return f"{found.datapoints} datapoints in {units}, {found.per_unit:.1f} s each; {found.shared:.1f} s beside"


def _time(seconds: float) -> str:
    """In the unit that people would use.

    Example:
        >>> _time(42.0), _time(600.0), _time(10_000.0), _time(1e6)
        ('42 s', '10 min', '2.8 h', '11.6 days')
    """
    for most, factor, words in ((120, 1, "{:.0f} s"), (7200, 60, "{:.0f} min"), (172_800, 3600, "{:.1f} h")):
        if seconds < most:
            return words.format(seconds / factor)
    return f"{seconds / 86_400:.1f} days"
