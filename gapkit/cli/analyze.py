"""``gapkit analyze``: from a checkpoint to a folder with a table, a summary and a report."""

import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from gapkit.checks import GapkitWarning, InputError
from gapkit.cli.console import print_result, progress_bar
from gapkit.cli.options import Checkpoint, Device, Effort, Model, ModelArgs, Seed, StateKey, TrustPickle
from gapkit.cli.sources import binarized_as, fixed_binarization, load_splits, other_data, trained_on, with_likelihood

if TYPE_CHECKING:
    from gapkit.results import Result

__all__ = ["analyze", "publish"]


def analyze(
    checkpoint: Checkpoint,
    model: Model = None,
    model_arg: ModelArgs = None,
    state_key: StateKey = None,
    data: Annotated[
        str | None, typer.Option(help="Name, file, image folder or file.py:function.", show_default="as in training")
    ] = None,
    data_key: Annotated[str | None, typer.Option(help="Array to take from a .npz or .pt file.")] = None,
    split: Annotated[list[str] | None, typer.Option(help="test or train; both give the generalisation gap.")] = None,
    limit: Annotated[int | None, typer.Option(help="Analyse only the first datapoints of each split.")] = None,
    likelihood: Annotated[
        str | None, typer.Option(help="p(x|z) of a model whose encode and decode return plain tensors.")
    ] = None,
    binarize: Annotated[
        str | None, typer.Option(help="none, threshold or sample.", show_default="as in training, else none")
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
    seed: Seed = 0,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder to write.", show_default="gapkit-CHECKPOINT")] = None,
    trust_pickle: TrustPickle = False,
) -> None:
    """Estimate log p(x), fit q* for every datapoint, and split the gap into the encoder's and the family's part."""
    from gapkit.engine import checked_device, spec_for
    from gapkit.results import check_folder

    out = out or Path(f"gapkit-{checkpoint.stem}")
    check_folder(out)
    spec = spec_for(effort, seed=seed, families=tuple(family or ()))
    policy = replace(
        spec.evidence, method=log_px, target_se=spec.evidence.target_se if target_se is None else target_se
    )
    spec = replace(spec, evidence=policy, semi_amortized=semi_amortized)
    checked_device(device)
    paths = _encoder_paths(encoder or ())

    from gapkit import checkpoints
    from gapkit.engine import analyze as run
    from gapkit.models.freeze import frozen

    needed = ("encode", "decode") if likelihood else ("encode", "decode", "prior")
    loaded = checkpoints.load(
        checkpoint,
        model=model,
        model_args=model_arg or (),
        state_key=state_key,
        trust_pickle=trust_pickle,
        methods=needed,
    )
    built = loaded.model if likelihood is None else with_likelihood(loaded.model, likelihood)
    # No state key: it is for the user's own layout of a file, not for that of gapkit refit.
    how_built = {"model": model, "model_args": model_arg or (), "trust_pickle": trust_pickle, "methods": needed}
    others = {name: checkpoints.load(path, **how_built) for name, path in paths.items()}  # type: ignore[arg-type]
    encoders = {
        name: other.model if likelihood is None else with_likelihood(other.model, likelihood)
        for name, other in others.items()
    }
    source = data or trained_on(loaded)
    how = binarize or fixed_binarization(binarized_as(loaded, source))
    splits, provenance = load_splits(source, split or ["test"], data_key, limit, how, seed)
    bank_split, bank_x = other_data(source, data_key, spec.bank_data, how, seed)
    provenance |= {
        "checkpoint": {"name": loaded.name, "sha256": loaded.sha256, "description": loaded.description},
        "model": model,
        "likelihood": likelihood,
        "starts_from_split": bank_split,
    }
    if others:
        provenance["encoders"] = {
            name: {"name": other.name, "sha256": other.sha256, "description": other.description}
            for name, other in others.items()
        }
    console = Console(soft_wrap=True)
    with warnings.catch_warnings(record=True) as caught, frozen(built), progress_bar(console) as progress:
        warnings.simplefilter("always", GapkitWarning)
        result = run(
            built,
            splits,
            spec,
            other_x=bank_x,
            encoders=encoders,
            device=device,
            progress=progress,
            provenance=provenance,
        )
    messages = list(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, GapkitWarning)))
    for message in messages:
        typer.secho(f"warning: {message}", err=True, fg=typer.colors.YELLOW)
    result = type(result)(result.datapoints, result.summary_values, {**result.run, "warnings": messages})
    publish(result, out)
    print_result(console, result)
    typer.echo(f"report: {out / 'report.html'}")


def publish(result: "Result", out: Path) -> None:
    """Write all files of a run into a new folder, wholly or not at all.

    Raises:
        InputError: the folder holds another run, or cannot be written.
    """
    from gapkit.report import write_html
    from gapkit.results import check_folder

    check_folder(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise InputError(f"write the results to {out}", str(error), "choose another --out") from error
    try:
        result.save(staging)
        write_html(result, staging / "report.html")
        if out.exists():
            out.rmdir()  # empty, as checked
        staging.chmod(0o755)
        staging.rename(out)
    except OSError as error:
        raise InputError(f"write the results to {out}", str(error), "choose another --out") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


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
