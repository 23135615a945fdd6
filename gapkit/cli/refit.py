"""``gapkit refit``: how much of the amortization gap goes when another encoder is trained on the same decoder."""

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gapkit.checks import InputError
from gapkit.cli.console import gathered_warnings, progress_bar
from gapkit.cli.folder import claim_new_folder
from gapkit.cli.options import Checkpoint, Device, Likelihood, Model, ModelArgs, Seed, StateKey, TrustPickle
from gapkit.cli.sources import binarized_as, draw_of, fixed_binarization, load_model, own_model
from gapkit.cli.streams import console

if TYPE_CHECKING:
    import torch

    from gapkit.checkpoints import Loaded
    from gapkit.engine import Progress
    from gapkit.training import EpochReport, Refit, RefitConfig

__all__ = ["refit"]

_SPLITS = ("test", "train")
_NEW, _OLD = "refit", "given"


def refit(
    checkpoint: Checkpoint,
    data: Annotated[str, typer.Option(help="Name, file, image folder or file.py:function with both splits.")],
    out: Annotated[Path, typer.Option(help="Folder for the new model and refit.json.")],
    model: Model = None,
    model_arg: ModelArgs = None,
    state_key: StateKey = None,
    data_key: Annotated[str | None, typer.Option(help="Array to take from a .npz or .pt file.")] = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first datapoints of each split.")] = None,
    likelihood: Likelihood = None,
    start: Annotated[
        str, typer.Option(help="fine_tune: the encoder's weights; fresh: new ones; larger: new ones, wider layers.")
    ] = "fine_tune",
    on: Annotated[str, typer.Option(help="Train on data, samples (from the model) or a mixture of both.")] = "data",
    factor: Annotated[float, typer.Option(help="Of the hidden sizes of a larger encoder.")] = 2.0,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 50,
    batch_size: Annotated[int, typer.Option(help="Datapoints of a step.")] = 100,
    learning_rate: Annotated[float, typer.Option(help="Of the first step; it falls to zero.")] = 1e-3,
    num_samples: Annotated[int, typer.Option(help="Latent draws per datapoint and step.")] = 1,
    binarize: Annotated[
        str | None,
        typer.Option(help="none, threshold, dynamic or sample.", show_default="as in training, else none"),
    ] = None,
    evaluate: Annotated[int, typer.Option(help="Compare L[q] on the first datapoints of each split.")] = 1000,
    against: Annotated[
        list[Path] | None, typer.Option(help="Model of an earlier refit, to compare with as well; repeat.")
    ] = None,
    seed: Seed = 0,
    device: Device = "cpu",
    trust_pickle: TrustPickle = False,
) -> None:
    """Train another encoder on the frozen decoder, and say which part of the encoder's gap that closes."""
    _check_out(out)
    if evaluate < 2:
        raise InputError(f"compare on {evaluate} datapoints", "errors need at least 2", "use 1000 or so")
    names = [str(path) for path in against or ()]
    if len({*names, _NEW, _OLD}) < len(names) + 2:
        raise InputError(f"compare with {', '.join(names)}", "names that repeat", "give every file once")
    from gapkit.engine import checked_device
    from gapkit.training import RefitConfig

    place = checked_device(device)
    with gathered_warnings() as messages:
        config = RefitConfig(
            start=start,
            on=on,
            factor=factor,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            num_samples=num_samples,
            binarize=binarize or "none",
            seed=seed,
        )
        how_built: dict[str, Any] = {
            "model": model,
            "model_args": tuple(model_arg or ()),
            "trust_pickle": trust_pickle,
            "likelihood": likelihood,
        }
        loaded = load_model(checkpoint, state_key=state_key, **how_built)
        others = {name: load_model(Path(name), **how_built).model for name in names}
        how = binarize or binarized_as(loaded, data)
        # Anything fixed is done once, for both splits.
        config = replace(config, binarize="dynamic" if how == "dynamic" else "none")
        sets = _load_splits(data, data_key, limit)
        with progress_bar(console(errors=True)) as progress:
            new, summaries = _run(loaded.model, others, sets, how, config, evaluate, place, progress)
    from gapkit.encoders import difference_of_means, in_words

    gains = [summaries[split]["differences"][f"{_NEW} minus {_OLD}"] for split in ("train", "test")]
    sentences = in_words(summaries, start, _NEW, _OLD)
    facts = {
        "settings": {**config.as_dict(), "binarize": how, "evaluate": evaluate, "device": device},
        "checkpoint": {
            "name": loaded.name,
            "sha256": loaded.sha256,
            "description": loaded.description,
            "model": model,
            "likelihood": likelihood,
        },
        "data": {
            "source": data,
            "key": data_key,
            "limit": limit,
            "splits": {name: {"datapoints": len(part), "sha256": part.sha256} for name, part in sets.items()},
        },
        "weights": {"trained": new.trained, "left_because_shared": new.left},
        "history": new.history,
        "seconds": new.seconds,
        "splits": summaries,
        "gain_on_train_minus_gain_on_test": difference_of_means(*gains),
        "sentences": sentences,
        "warnings": messages,
        "versions": _versions(),
    }
    path = _write(out, new, loaded, facts)
    for split in _SPLITS:
        console().print(_table(split, summaries[split], names))
    for sentence in sentences:
        console().print(sentence, highlight=False, markup=False)
    typer.echo(f"model: {path}{_how_to_load(path, model, likelihood)}")


def _run(
    model: Any,
    others: Mapping[str, Any],
    sets: Mapping[str, Any],
    how: str,
    config: "RefitConfig",
    evaluate: int,
    device: "torch.device",
    progress: "Callable[[Progress], None]",
) -> tuple["Refit", dict[str, dict[str, Any]]]:
    """Refit, and compare the encoders on both splits."""
    from gapkit.data import binarize
    from gapkit.encoders import compare_encoders
    from gapkit.engine import Progress
    from gapkit.engine.prepare import moved_to, prepare
    from gapkit.models.freeze import frozen
    from gapkit.training import refit as train

    steps, fixed = config.epochs + len(_SPLITS), fixed_binarization(how)

    def told(report: "EpochReport") -> None:
        progress(Progress(report.epoch, steps, "refit"))

    with contextlib.ExitStack() as moves:
        for each in (model, *others.values()):
            moves.enter_context(moved_to(each, device))
        with frozen(model):
            ready = {
                split: prepare(model, binarize(part.x, fixed, draw_of(split, config.seed)), device)
                for split, part in sets.items()
            }
        x = ready["train"]
        if how == "dynamic":
            x = sets["train"].x.to(x.dtype).reshape(x.shape)
        progress(Progress(0, steps, "refit"))
        new = train(model, x, config, progress=told)
        summaries = {}
        for number, split in enumerate(_SPLITS, 1):
            models = {_OLD: model, **others, _NEW: new.model}
            compared = compare_encoders(models, ready[split][:evaluate], seed=draw_of(split, config.seed))
            summaries[split] = compared.summary(config.seed)
            progress(Progress(config.epochs + number, steps, f"bounds {split}"))
    return new, summaries


def _check_out(out: Path) -> None:
    """Refuse, before any work, a folder that holds something or cannot be made."""
    if os.path.exists(out / "refit.json"):
        raise InputError(f"the output folder {out}", "another refit", "choose another --out, or remove it first")
    claim_new_folder(out)


def _load_splits(source: str, key: str | None, limit: int | None) -> dict[str, Any]:
    from gapkit.data import load

    sets = {split: load(source, split=split, key=key, limit=limit) for split in _SPLITS}
    wrong = [name for name, part in sets.items() if part.split != name]
    if wrong:
        found = f"{source} gives no {' and no '.join(wrong)} data apart" + (f" with the key {key}" if key else "")
        raise InputError(
            "training and test data", found, "give a source with both, such as an .npz with x_train and x_test"
        )
    return sets


def _write(out: Path, new: "Refit", loaded: "Loaded", facts: Mapping[str, Any]) -> Path:
    """Write the model, and last the facts: a folder with a refit.json is complete."""
    import torch

    from gapkit.checkpoints import weights_of
    from gapkit.models import PairModel, save_model
    from gapkit.results import write_atomically, write_json

    origin = {"name": loaded.name, "sha256": loaded.sha256}
    try:
        out.mkdir(parents=True, exist_ok=True)
        if isinstance(new.model, PairModel) and new.model.builder is not None:
            told = {"data": facts["data"]["source"], "binarize": facts["settings"]["binarize"]}
            extra = {**loaded.extra, **told, "refit": {**facts["settings"], "of": origin}}
            path = save_model(new.model, out / "model.pt", extra=extra)
        else:
            path = out / "encoder.pt"
            weights = weights_of(own_model(new.model)).state_dict()
            state = {name: tensor.detach().cpu() for name, tensor in weights.items()}
            write_atomically(path, lambda name: torch.save({"state_dict": state, "refit_of": origin["sha256"]}, name))
        write_json(out / "refit.json", facts)
    except OSError as error:
        raise InputError(f"write the refit to {out}", str(error), "choose another --out") from error
    return path


def _how_to_load(path: Path, model: str | None, likelihood: str | None) -> str:
    if path.name == "model.pt":
        return ""
    words = f"{path} --model {model or 'file.py:factory'}" + (f" --likelihood {likelihood}" if likelihood else "")
    return f" (all weights, decoder and encoder: gapkit analyze {words} --data ...)"


def _table(split: str, summary: Mapping[str, Any], against: list[str]) -> Table:
    bounds, differences = summary["bounds"], summary["differences"]
    rows = [("L[q] given encoder", bounds[_OLD]), *((f"L[q] of {name}", bounds[name]) for name in against)]
    rows += [("L[q] new encoder", bounds[_NEW]), ("gain", differences[f"{_NEW} minus {_OLD}"])]
    rows += [(f"above {name}", differences[f"{_NEW} minus {name}"]) for name in against]
    table = Table(title=f"{split}: {bounds[_OLD]['count']} datapoints, nats", title_justify="left")
    for heading in ("quantity", "mean", "MC error", "95% interval over datapoints"):
        table.add_column(heading, justify="left" if heading == "quantity" else "right")
    for label, values in rows:
        table.add_row(Text(label), *_cells(values))
    return table


def _cells(values: Mapping[str, Any]) -> tuple[str, str, str]:
    if values["mean"] is None:
        return "not finite", "", ""
    error, interval = values["se_monte_carlo"], values["ci95"]
    return (
        f"{values['mean']:.3f}",
        "unknown" if error is None else f"{error:.3f}",
        "unknown" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}",
    )


def _versions() -> dict[str, str]:
    import torch

    from gapkit.version import __version__

    return {"gapkit": __version__, "torch": torch.__version__}
