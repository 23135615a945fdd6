"""``gapkit refit``: how much of the amortization gap goes when another encoder is trained on the same decoder."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gapkit.cli.console import gathered_warnings, progress_bar
from gapkit.cli.folder import claim_new_folder
from gapkit.cli.job import facts as facts_of
from gapkit.cli.options import Allow, Checkpoint, DataKey, Device, LabelColumn, ScaleOption, Seed
from gapkit.cli.reading import Reading, load_model, own_model, reads_model
from gapkit.cli.sources import (
    DataOptions,
    binarized_as,
    check_source,
    draw_of,
    fixed_binarization,
    of_counts,
    tell,
)
from gapkit.cli.sources import facts as facts_of_data
from gapkit.cli.streams import console
from gapkit.core.errors import InputError
from gapkit.core.phrases import RANGE_NOTE, any_range, interval_text
from gapkit.ladder import STANDARD

if TYPE_CHECKING:
    import torch

    from gapkit.checkpoints import Loaded
    from gapkit.engine import Progress
    from gapkit.training import EpochReport, Refit, RefitConfig

__all__ = ["refit"]

_SPLITS = ("test", "train")
_NEW, _OLD = "refit", "given"


@reads_model
def refit(
    checkpoint: Checkpoint,
    data: Annotated[str, typer.Option(help="Name, file, image folder or file.py:function with both splits.")],
    out: Annotated[Path, typer.Option(help="Folder for the new model and refit.json.")],
    reading: Reading,
    data_key: DataKey = None,
    label_column: LabelColumn = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first datapoints of each split.")] = None,
    scale: ScaleOption = None,
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
    allow: Allow = None,
    seed: Seed = 0,
    device: Device = "cpu",
) -> None:
    """Train another encoder on the frozen decoder, and say which part of the encoder's gap that closes."""
    _check_out(out)
    check_source(data)
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
        loaded = load_model(checkpoint, reading)
        shared, further = getattr(loaded.model, "likelihood_param", None), reading.of_encoder()
        others = {name: load_model(Path(name), further, shared).model for name in names}
        how = binarize or binarized_as(loaded, data)
        # Anything fixed is done once, for both splits.
        config = replace(config, binarize="dynamic" if how == "dynamic" else "none")
        options = DataOptions(
            key=data_key, limit=limit, scale=scale, label_column=label_column, counts=of_counts(loaded.model)
        )
        sets = _load_splits(data, options)
        with progress_bar(console(errors=True)) as progress:
            new, summaries = _run(
                loaded.model, others, sets, how, config, evaluate, place, tuple(allow or ()), progress
            )
    from gapkit.results.summary import difference_of_means
    from gapkit.training.compare_encoders import in_words

    gains = [summaries[split]["differences"][f"{_NEW} minus {_OLD}"] for split in ("train", "test")]
    sentences = in_words(summaries, start, _NEW, _OLD)
    facts = {
        "settings": {**config.as_dict(), "binarize": how, "evaluate": evaluate, "device": device},
        "checkpoint": {**facts_of(loaded), "model": reading.model, "likelihood": reading.likelihood},
        "model_options": reading.facts(),
        "data": {
            "source": data,
            **options.facts(),
            "splits": {name: facts_of_data(part) for name, part in sets.items()},
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
    typer.echo(f"model: {path}{_how_to_load(path, reading, shared)}")


def _run(
    model: Any,
    others: Mapping[str, Any],
    sets: Mapping[str, Any],
    how: str,
    config: "RefitConfig",
    evaluate: int,
    device: "torch.device",
    allow: Sequence[str],
    progress: "Callable[[Progress], None]",
) -> tuple["Refit", dict[str, dict[str, Any]]]:
    """Refit, and compare the encoders on both splits."""
    from gapkit.doctor import examine, moved_to, prepare, told
    from gapkit.engine import Progress
    from gapkit.inputs.data import binarize
    from gapkit.models.freeze import frozen
    from gapkit.training import refit as train
    from gapkit.training.compare_encoders import compare_encoders

    steps, fixed = config.epochs + len(_SPLITS), fixed_binarization(how)

    def epoch_done(report: "EpochReport") -> None:
        progress(Progress(report.epoch, steps, "refit"))

    with contextlib.ExitStack() as moves:
        for each in (model, *others.values()):
            moves.enter_context(moved_to(each, device))
        with frozen(model):
            ready = {
                split: prepare(model, binarize(part.x, fixed, draw_of(split, config.seed)), device)
                for split, part in sets.items()
            }
            told(examine(model, ready["test"], allow=allow))
        x = ready["train"]
        if how == "dynamic":
            x = sets["train"].x.to(x.dtype).reshape(x.shape)
        progress(Progress(0, steps, "refit"))
        new = train(model, x, config, progress=epoch_done)
        summaries = {}
        for number, split in enumerate(_SPLITS, 1):
            models = {_OLD: model, **others, _NEW: new.model}
            compared = compare_encoders(models, ready[split][:evaluate], seed=draw_of(split, config.seed))
            summaries[split] = compared.summary_values
            progress(Progress(config.epochs + number, steps, f"bounds {split}"))
    return new, summaries


def _check_out(out: Path) -> None:
    """Refuse, before any work, a folder that holds something or cannot be made."""
    if os.path.exists(out / "refit.json"):
        raise InputError(f"the output folder {out}", "another refit", "choose another --out, or remove it first")
    claim_new_folder(out)


def _load_splits(source: str, options: DataOptions) -> dict[str, Any]:
    sets = {split: options.load(source, split) for split in _SPLITS}
    wrong = [name for name, part in sets.items() if part.split != name]
    if wrong:
        found = f"{source} gives no {' and no '.join(wrong)} data apart" + (
            f" with the key {options.key}" if options.key else ""
        )
        raise InputError(
            "training and test data", found, "give a source with both, such as an .npz with x_train and x_test"
        )
    for part in sets.values():
        tell(part)
    return sets


def _write(out: Path, new: "Refit", loaded: "Loaded", facts: Mapping[str, Any]) -> Path:
    """Write the model, and last the facts: a folder with a refit.json is complete."""
    import torch

    from gapkit.checkpoints import weights_of
    from gapkit.core.files import write_atomically, write_json
    from gapkit.models import PairModel, save_model

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


def _how_to_load(path: Path, reading: Reading, shared: "torch.Tensor | None") -> str:
    if path.name == "model.pt":
        return ""
    if shared is not None and shared.numel() == 1:  # an entry of the given file is not in the new one
        reading = replace(reading, likelihood_param=f"{shared.item():.9g}")
    words = f"{path} {reading.words() or '--model file.py:factory'}"
    return f" (all weights, decoder and encoder: gapkit analyze {words} --data ...)"


def _table(split: str, summary: Mapping[str, Any], against: list[str]) -> Table:
    bounds, differences = summary["bounds"], summary["differences"]
    bound = STANDARD.bottom.label
    rows = [(f"{bound} given encoder", bounds[_OLD]), *((f"{bound} of {name}", bounds[name]) for name in against)]
    rows += [(f"{bound} new encoder", bounds[_NEW]), ("gain", differences[f"{_NEW} minus {_OLD}"])]
    rows += [(f"above {name}", differences[f"{_NEW} minus {name}"]) for name in against]
    table = Table(title=f"{split}: {bounds[_OLD]['count']} datapoints, nats", title_justify="left")
    for heading in ("quantity", "mean", "MC error", "95% interval over datapoints"):
        table.add_column(heading, justify="left" if heading == "quantity" else "right")
    for label, values in rows:
        table.add_row(Text(label), *_cells(values))
    if any_range(values for _, values in rows):
        table.caption, table.caption_justify = RANGE_NOTE, "left"
    return table


def _cells(values: Mapping[str, Any]) -> tuple[str, str, str]:
    if values["mean"] is None:
        return "not finite", "", ""
    error = values["se_monte_carlo"]
    return f"{values['mean']:.3f}", "unknown" if error is None else f"{error:.3f}", interval_text(values)


def _versions() -> dict[str, str]:
    import torch

    from gapkit.version import __version__

    return {"gapkit": __version__, "torch": torch.__version__}
