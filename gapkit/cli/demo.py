"""``gapkit demo``: train a small VAE on images, analyse it, and say what to do next."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gapkit.cli.console import print_result
from gapkit.cli.folder import claim_new_folder
from gapkit.cli.job import Job
from gapkit.cli.options import Effort, Overwrite, Seed
from gapkit.cli.places import require_places
from gapkit.cli.publish import publish
from gapkit.cli.saying import answer, answer_of, made, note
from gapkit.cli.streams import console
from gapkit.sources import DataSource, ModelSource, Source

if TYPE_CHECKING:
    from gapkit.results import Result

__all__ = ["demo"]


@dataclass(frozen=True)
class _Size:
    """How large a demo is, so that it ends within minutes on two cores."""

    hidden: int
    latent: int
    epochs: int
    trained_on: int | None
    analysed: int
    activation: str = "elu"
    learning_rate: float = 1e-3


# The digits take a minute. Images of 28 x 28 pixels, of which there are many, are cut down to about two.
_DIGITS = _Size(hidden=128, latent=10, epochs=100, trained_on=None, analysed=297, activation="tanh", learning_rate=2e-3)
_LARGER = _Size(hidden=200, latent=20, epochs=20, trained_on=10_000, analysed=100)


def demo(
    data: Annotated[
        str,
        typer.Option(help="digits (comes with scikit-learn), mnist or another name (is fetched), or a file of images."),
    ] = "digits",
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("demo-report"),
    epochs: Annotated[int | None, typer.Option(help="Epochs of training.", show_default="100, or 20")] = None,
    limit: Annotated[int | None, typer.Option(help="Test images to analyse.", show_default="297, or 100")] = None,
    effort: Effort = "standard",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Train a small VAE on images, analyse it, leave a report, and say what to do next.

    On scikit-learn's 8x8 digits it takes a minute; of larger data sets, such as mnist, a part is taken.
    """
    size = _DIGITS if data == "digits" else _LARGER
    epochs, limit = size.epochs if epochs is None else epochs, size.analysed if limit is None else limit
    require_places({"data": data})
    claim_new_folder(out, overwrite=overwrite)
    import tempfile

    from gapkit.engine import spec_for
    from gapkit.inputs.data import load
    from gapkit.training import TrainConfig, train

    spec = spec_for(effort, seed=seed)
    train_set = load(data, split="train", limit=size.trained_on)
    config = TrainConfig(
        data=data,
        hidden=(size.hidden,),
        activation=size.activation,
        latent=size.latent,
        epochs=epochs,
        learning_rate=size.learning_rate,
        binarize="threshold",
        seed=seed,
    )
    what = "digits" if data == "digits" else "images"
    note(f"training a small VAE on {len(train_set)} {what} for {epochs} epochs")
    with tempfile.TemporaryDirectory() as folder:
        path = train(config, train_set, Path(folder) / "model").path
        wanted = DataSource(source=data, limit=limit, binarize="threshold", seed=seed, bank_data=spec.bank_data)
        result = Job(source=Source(model=ModelSource(), data=wanted), spec=spec).run(path, console(errors=True))
        # The model is kept beside the results, and there it is found again.
        told = Source.of(result.run)
        kept = replace(told, model=replace(told.model, checkpoint=str(out / path.name)))
        result = replace(result, run={**result.run, "source": kept.to_dict()})
        publish(result, out)
        (out / path.name).write_bytes(path.read_bytes())
    print_result(console(), result)
    answer(**answer_of(result, out), model=str(out / path.name))
    made("report", Path(os.path.realpath(out / "report.html")))
    note("next:")
    for words, why in _next(result, out / path.name, data):
        note(f"  {shlex.join(words)}\n      {why}")


def _next(result: "Result", model: Path, data: str) -> list[tuple[Sequence[str], str]]:
    """What one may do after the demo, what the verdict asks for first: command lines, and what each is for."""
    place = model.parent
    encoder = (
        ("gapkit", "refit", str(model), "--data", data, "--start", "larger", "--out", f"{place}-refit"),
        "how much of the encoder's gap goes with a larger encoder on the same decoder?",
    )
    family = (
        ("gapkit", "analyze", str(model), "--family", "full_rank", "--out", f"{place}-full-rank"),
        "how much of the family's gap goes with a full covariance?",
    )
    yours = (
        ("gapkit", "inspect", "YOUR_CHECKPOINT"),
        "what is in a file of your own, and the command that analyses it",
    )
    measured = (family, encoder) if result.decision().action == "family" else (encoder, family)
    return [*measured, yours]
