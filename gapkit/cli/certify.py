"""``gapkit certify``: is AIS close to the truth on this model? A lower and an upper bound on simulated data."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gapkit.checks import InputError
from gapkit.cli.console import progress_bar
from gapkit.cli.job import facts
from gapkit.cli.options import Checkpoint, Device, Effort, Seed
from gapkit.cli.reading import Reading, load_model, reads_model

__all__ = ["certify"]


@reads_model
def certify(
    checkpoint: Checkpoint,
    reading: Reading,
    datapoints: Annotated[int, typer.Option(help="How many datapoints to simulate.")] = 100,
    effort: Effort = "standard",
    seed: Seed = 0,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="File to write the summary to, .json.")] = None,
) -> None:
    """Bracket log p(x) of data simulated from the model: forward AIS from below, backward AIS from above."""
    if out is not None and out.exists():
        raise InputError(f"write the certificate to {out}", "a file of that name", "choose another --out")
    if out is not None and not (out.parent.is_dir() and os.access(out.parent, os.W_OK)):
        missing = f"no folder {out.parent} that can be written to"
        raise InputError(f"write the certificate to {out}", missing, "make the folder, or choose another --out")
    from gapkit.engine import certify as run
    from gapkit.results import write_json

    loaded = load_model(checkpoint, reading)
    console = Console(soft_wrap=True)
    with progress_bar(console) as progress:
        found = run(loaded.model, num_datapoints=datapoints, effort=effort, seed=seed, device=device, progress=progress)
    console.print(found.sentence(), highlight=False, markup=False)
    if out is not None:
        given = {"model": reading.model, "likelihood": reading.likelihood, "model_options": reading.facts()}
        told = {"checkpoint": facts(loaded), **given}
        write_json(out, {"summary": found.summary, **told, "settings": found.settings})
        typer.echo(f"certificate: {out}")
