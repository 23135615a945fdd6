"""``gapkit train``: a reference model on any data, ready to be analysed."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gapkit.cli.folder import claim_folder
from gapkit.cli.options import Device
from gapkit.cli.places import require_places
from gapkit.cli.saying import answer, made, note
from gapkit.cli.streams import console
from gapkit.core.errors import InputError

if TYPE_CHECKING:
    from gapkit.training import EpochReport

__all__ = ["parse_widths", "train"]


def train(
    data: Annotated[str, typer.Option(help="Name, file, image folder or file.py:function; its training split.")],
    out: Annotated[Path, typer.Option(help="Folder for model.pt and the checkpoints.")],
    data_key: Annotated[str | None, typer.Option(help="Array to take from a .npz or .pt file.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first datapoints.")] = None,
    model: Annotated[str, typer.Option(help="mlp or conv.")] = "mlp",
    hidden: Annotated[
        str | None, typer.Option(help='Widths (mlp) or channels (conv), e.g. "200,200"; "" for none.')
    ] = None,
    decoder_hidden: Annotated[
        str | None, typer.Option(help="Those of the decoder, from z outwards.", show_default="as the encoder's")
    ] = None,
    activation: Annotated[str, typer.Option(help="Of the hidden layers.")] = "elu",
    latent: Annotated[int, typer.Option(help="Dimension of z.")] = 50,
    posterior: Annotated[
        str, typer.Option(help="Family of q(z|x): mean_field, full_rank, low_rank, flow or auxiliary.")
    ] = "mean_field",
    likelihood: Annotated[str, typer.Option(help="p(x|z), e.g. bernoulli or gaussian:sigma=0.1.")] = "bernoulli",
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Datapoints of a step.")] = 100,
    learning_rate: Annotated[float, typer.Option(help="Of the optimizer.")] = 1e-3,
    schedule: Annotated[str, typer.Option(help="Of the learning rate: constant, cosine or stages.")] = "constant",
    optimizer: Annotated[str, typer.Option(help="adam or adagrad.")] = "adam",
    objective: Annotated[str, typer.Option(help="elbo (AEVB), iwae, wake_sleep, mcem or full_vb.")] = "elbo",
    sgvb: Annotated[str, typer.Option(help="KL term of the ELBO: b in closed form where known, a sampled.")] = "b",
    num_samples: Annotated[int, typer.Option(help="Latent draws per datapoint, the k of IWAE.")] = 1,
    annealing: Annotated[str, typer.Option(help="none, kl or entropy.")] = "none",
    annealing_epochs: Annotated[int, typer.Option(help="Epochs until the annealing weight is 1.")] = 0,
    binarize: Annotated[
        str | None,
        typer.Option(help="none, threshold, dynamic or sample.", show_default="dynamic for bernoulli, else none"),
    ] = None,
    encoder_noise: Annotated[
        float, typer.Option(help="Standard deviation of noise on what the encoder is given; 0 for none.")
    ] = 0.0,
    weight_norm_bound: Annotated[
        float, typer.Option(help="Largest norm of the weights of an encoder's unit; 0 for none.")
    ] = 0.0,
    weight_prior: Annotated[
        float, typer.Option(help="Standard deviation of a normal prior over the decoder's weights (MAP); 0 for none.")
    ] = 0.0,
    initial_std: Annotated[
        float, typer.Option(help="Standard deviation of all initial weights; 0 for torch's own.")
    ] = 0.0,
    early_stopping: Annotated[int, typer.Option(help="Patience in epochs on held-out data; 0 never stops.")] = 0,
    validation_fraction: Annotated[float, typer.Option(help="Share held out for early stopping.")] = 0.1,
    checkpoint_every: Annotated[int, typer.Option(help="Epochs between checkpoints; 0 writes none.")] = 0,
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = 0,
    device: Device = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier model in the folder.")] = False,
) -> None:
    """Train a reference VAE and write OUT/model.pt."""
    widths = parse_widths("--hidden", hidden)  # cheap checks before torch is imported
    decoder_widths = parse_widths("--decoder-hidden", decoder_hidden)
    require_places({"data": data})
    claim_folder(out)
    from gapkit.engine import checked_device
    from gapkit.inputs.data import load
    from gapkit.training import TrainConfig
    from gapkit.training import train as run

    place = checked_device(device)
    config = TrainConfig(
        data=data,
        model=model,
        hidden=widths,
        decoder_hidden=decoder_widths,
        activation=activation,
        latent=latent,
        posterior=posterior,
        likelihood=likelihood,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        optimizer=optimizer,
        objective=objective,
        sgvb=sgvb,
        num_samples=num_samples,
        annealing=annealing,
        annealing_epochs=annealing_epochs,
        binarize=binarize,
        encoder_noise=encoder_noise,
        weight_norm_bound=weight_norm_bound,
        weight_prior=weight_prior,
        initial_std=initial_std,
        early_stopping=early_stopping,
        validation_fraction=validation_fraction,
        checkpoint_every=checkpoint_every,
        seed=seed,
    )
    dataset = load(data, split="train", key=data_key, limit=limit)
    with _progress(console(errors=True), epochs) as report:
        result = run(config, dataset, out, progress=report, overwrite=overwrite, device=place)
    last = result.history[result.best_epoch - 1]
    loss = last["loss"] if last["validation_loss"] is None else last["validation_loss"]
    ended = ", stopped early" if result.stopped_early else ""
    answer(out=str(out), epoch=result.best_epoch, loss=loss, seconds=result.seconds)
    told = f" (epoch {result.best_epoch}, loss {loss:.3f} nats, {result.seconds:.1f} s{ended})"
    made("model", result.path, told)
    typer.echo(f"next:  {_next_command(result.path, data, data_key, str(config.binarize))}")


def parse_widths(option: str, text: str | None) -> tuple[int, ...] | None:
    """Read ``"200,200"``; an empty text means no hidden layers."""
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as err:
        raise InputError(f"{option} {text!r}", "not whole numbers", 'separate them with commas, "200,200"') from err


def _next_command(path: Path, data: str, key: str | None, binarize: str) -> str:
    """Return the command that analyses the model; the training array's name may stand for another split."""
    words = ["gapkit", "analyze", str(path), "--data", data]
    if key is not None and not key.endswith("train"):
        words += ["--data-key", key]
    if binarize != "none":
        words += ["--binarize", "sample" if binarize == "dynamic" else binarize]
    return shlex.join(words)


@contextmanager
def _progress(target: Console, epochs: int) -> Iterator[Callable[["EpochReport"], None]]:
    """Yield the callback: a bar with the time left on a terminal, a line per epoch elsewhere."""
    if not target.is_terminal:
        yield lambda report: note(f"epoch {report.epoch}/{epochs}  {_losses(report)}  {report.seconds:.1f} s")
        return
    columns = (TextColumn("epoch"), MofNCompleteColumn(), BarColumn(), TextColumn("{task.fields[losses]}"))
    with Progress(*columns, TimeRemainingColumn(), console=target) as bar:
        task = bar.add_task("train", total=epochs, losses="")
        yield lambda report: bar.update(task, completed=report.epoch, losses=_losses(report))


def _losses(report: "EpochReport") -> str:
    held_out = "" if report.validation_loss is None else f"  held out {report.validation_loss:.3f}"
    return f"loss {report.loss:.3f}{held_out} nats"
