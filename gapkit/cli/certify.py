"""``gapkit certify``: is AIS close to the truth on this model? A lower and an upper bound on simulated data."""

from pathlib import Path
from typing import Annotated

import typer

from gapkit.cli.console import progress_bar
from gapkit.cli.folder import claim_file
from gapkit.cli.options import Checkpoint, Device, Effort, Model, ModelArgs, Seed, StateKey, TrustPickle
from gapkit.cli.streams import console

__all__ = ["certify"]


def certify(
    checkpoint: Checkpoint,
    model: Model = None,
    model_arg: ModelArgs = None,
    state_key: StateKey = None,
    datapoints: Annotated[int, typer.Option(help="How many datapoints to simulate.")] = 100,
    effort: Effort = "standard",
    seed: Seed = 0,
    device: Device = "cpu",
    trust_pickle: TrustPickle = False,
    out: Annotated[Path | None, typer.Option(help="File to write the summary to, .json.")] = None,
) -> None:
    """Bracket log p(x) of data simulated from the model: forward AIS from below, backward AIS from above."""
    if out is not None:
        claim_file(out, f"write the certificate to {out}")
    from gapkit import checkpoints
    from gapkit.engine import certify as run
    from gapkit.results import write_json

    loaded = checkpoints.load(
        checkpoint, model=model, model_args=model_arg or (), state_key=state_key, trust_pickle=trust_pickle
    )
    with progress_bar(console(errors=True)) as progress:
        found = run(loaded.model, num_datapoints=datapoints, effort=effort, seed=seed, device=device, progress=progress)
    console().print(found.sentence(), highlight=False, markup=False)
    if out is not None:
        facts = {"name": loaded.name, "sha256": loaded.sha256, "description": loaded.description}
        write_json(out, {"summary": found.summary, "checkpoint": facts, "settings": found.settings})
        typer.echo(f"certificate: {out}")
