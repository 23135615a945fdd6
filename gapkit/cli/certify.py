"""``gapkit certify``: is AIS close to the truth on this model? A lower and an upper bound on simulated data."""

from pathlib import Path
from typing import Annotated

import typer

from gapkit.cli.command import command
from gapkit.cli.console import progress_bar
from gapkit.cli.folder import claim_file
from gapkit.cli.options import Allow, Checkpoint, Device, Effort, Seed
from gapkit.cli.reading import reads_model
from gapkit.cli.streams import console
from gapkit.sources import ModelSource, checkpoint_facts

__all__ = ["certify"]


@reads_model
def certify(
    checkpoint: Checkpoint,
    reading: ModelSource,
    datapoints: Annotated[int, typer.Option(help="How many datapoints to simulate.")] = 100,
    effort: Effort = "standard",
    allow: Allow = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="File to write the summary to, .json.")] = None,
) -> None:
    """Bracket log p(x) of data simulated from the model: forward AIS from below, backward AIS from above."""
    if out is not None:
        claim_file(out, f"write the certificate to {out}")
    from gapkit.core.files import write_json
    from gapkit.engine import certify as run

    source = reading.at(checkpoint)
    loaded = source.open()
    with progress_bar(console(errors=True)) as progress:
        found = run(
            loaded.model,
            num_datapoints=datapoints,
            effort=effort,
            seed=seed,
            device=device,
            allow=tuple(allow or ()),
            progress=progress,
        )
    console().print(found.sentence(), highlight=False, markup=False)
    if out is not None:
        facts = {
            "summary": found.summary_values.to_dict(),
            "checkpoint": checkpoint_facts(loaded),
            **source.facts(),
            "settings": found.settings,
            "source": {"model": source.found(loaded).to_dict()},
            "command": command(),
        }
        write_json(out, facts)
        typer.echo(f"certificate: {out}")
