"""``gapkit demo``: train a small VAE on real 8x8 digits and analyse it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gapkit.cli.analyze import publish
from gapkit.cli.console import print_result, progress_bar
from gapkit.cli.folder import claim_new_folder
from gapkit.cli.options import Effort, Seed
from gapkit.cli.streams import console

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

    from gapkit import checkpoints
    from gapkit.engine import analyze, spec_for
    from gapkit.inputs.data import binarize, load
    from gapkit.training import TrainConfig, train

    spec = spec_for(effort, seed=seed)
    train_set, test_set = load("digits", split="train"), load("digits", split="test", limit=limit)
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
        loaded = checkpoints.load(path)
        provenance = {
            "checkpoint": {"name": loaded.name, "sha256": loaded.sha256, "description": loaded.description},
            "data": {"source": "digits", "binarize": "threshold", "limit": limit},
        }
        typer.echo(f"analysing {len(test_set)} test digits", err=True)
        with progress_bar(console(errors=True)) as progress:
            result = analyze(
                loaded.model,
                {"test": binarize(test_set.x, "threshold")},
                spec,
                labels=test_set.label_values,
                other_x=binarize(train_set.x, "threshold"),
                progress=progress,
                provenance=provenance,
            )
        publish(result, out)
        (out / "model.pt").write_bytes(path.read_bytes())
    print_result(console(), result)
    typer.echo(f"report: {os.path.realpath(out / 'report.html')}")
