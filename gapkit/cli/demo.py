"""``gapkit demo``: train a small VAE on real 8x8 digits and analyse it."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gapkit.cli.console import print_result
from gapkit.cli.folder import claim_new_folder
from gapkit.cli.job import Job
from gapkit.cli.options import Effort, Seed
from gapkit.cli.publish import publish
from gapkit.cli.streams import console
from gapkit.sources import DataSource, ModelSource, Source

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("demo-report"),
    epochs: Annotated[int, typer.Option(help="Epochs of training.")] = 100,
    limit: Annotated[int, typer.Option(help="Test digits to analyse.")] = 297,
    effort: Effort = "standard",
    seed: Seed = 0,
) -> None:
    """Train a small VAE on scikit-learn's digits, analyse it, and leave a report."""
    claim_new_folder(out)
    import tempfile

    from gapkit.engine import spec_for
    from gapkit.inputs.data import load
    from gapkit.training import TrainConfig, train

    spec = spec_for(effort, seed=seed)
    train_set = load("digits", split="train")
    config = TrainConfig(
        data="digits",
        hidden=(128,),
        activation="tanh",
        latent=10,
        epochs=epochs,
        learning_rate=2e-3,
        binarize="threshold",
        seed=seed,
    )
    typer.echo(f"training a small VAE on {len(train_set)} digits for {epochs} epochs", err=True)
    with tempfile.TemporaryDirectory() as folder:
        path = train(config, train_set, Path(folder) / "model").path
        data = DataSource(source="digits", limit=limit, binarize="threshold", seed=seed, bank_data=spec.bank_data)
        result = Job(source=Source(model=ModelSource(), data=data), spec=spec).run(path, console(errors=True))
        # The model is kept beside the results, and there it is found again.
        made = Source.of(result.run)
        kept = replace(made, model=replace(made.model, checkpoint=str(out / path.name)))
        result = replace(result, run={**result.run, "source": kept.to_dict()})
        publish(result, out)
        (out / path.name).write_bytes(path.read_bytes())
    print_result(console(), result)
    typer.echo(f"report: {os.path.realpath(out / 'report.html')}")
