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

from gapkit.cli.command import command
from gapkit.cli.console import gathered_warnings, progress_bar, tell
from gapkit.cli.folder import claim_new_folder
from gapkit.cli.options import Allow, Checkpoint, Condition, DataKey, Device, LabelColumn, Overwrite, ScaleOption, Seed
from gapkit.cli.reading import reads_model
from gapkit.cli.refitted import beside, how_to_load, write_refit
from gapkit.cli.saying import answer, made
from gapkit.cli.streams import console
from gapkit.cli.train import parse_widths
from gapkit.core.errors import InputError
from gapkit.core.phrases import RANGE_NOTE, any_range, interval_text
from gapkit.ladder import STANDARD
from gapkit.sources import DataSource, ModelSource, Source, checkpoint_facts
from gapkit.sources.facts import digest_of_condition
from gapkit.sources.splits import CONDITION

if TYPE_CHECKING:
    import torch

    from gapkit.core.means import Mean
    from gapkit.engine import Progress
    from gapkit.training import EpochReport, Refit, RefitConfig
    from gapkit.training.compare_encoders import EncoderSummary

__all__ = ["refit"]

_SPLITS = ("test", "train")
_NEW, _OLD = "refit", "given"


@reads_model
def refit(
    checkpoint: Checkpoint,
    data: Annotated[str, typer.Option(help="Name, file, image folder or file.py:function with both splits.")],
    out: Annotated[Path, typer.Option(help="Folder for the new model and refit.json.")],
    reading: ModelSource,
    data_key: DataKey = None,
    label_column: LabelColumn = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first datapoints of each split.")] = None,
    scale: ScaleOption = None,
    start: Annotated[
        str, typer.Option(help="fine_tune: the encoder's weights; fresh: new ones; larger: new ones, wider layers.")
    ] = "fine_tune",
    on: Annotated[str, typer.Option(help="Train on data, samples (from the model) or a mixture of both.")] = "data",
    factor: Annotated[float, typer.Option(help="Of the hidden sizes of a larger encoder.")] = 2.0,
    hidden: Annotated[
        str | None, typer.Option(help='Widths (or channels) of a fresh encoder, e.g. "50,50"; "" for none.')
    ] = None,
    posterior: Annotated[str | None, typer.Option(help="Family of a fresh encoder's q(z|x), e.g. flow.")] = None,
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
    condition: Condition = None,
    allow: Allow = None,
    seed: Seed = 0,
    device: Device = "cpu",
    overwrite: Overwrite = False,
) -> None:
    """Train another encoder on the frozen decoder, and say which part of the encoder's gap that closes."""
    _check_out(out, overwrite=overwrite)
    widths = parse_widths("--hidden", hidden)
    wanted = DataSource(
        source=data,
        key=data_key,
        limit=limit,
        scale=scale,
        label_column=label_column,
        splits=_SPLITS,
        binarize=binarize,
        condition=condition,
        seed=seed,
    ).with_column_aside()
    wanted.check()
    if evaluate < 2:
        raise InputError(f"compare on {evaluate} datapoints", "errors need at least 2", "use 1000 or so")
    names = [str(path) for path in against or ()]
    if len({*names, _NEW, _OLD}) < len(names) + 2:
        raise InputError(f"compare with {', '.join(names)}", "names that repeat", "give every file once")
    from gapkit.engine import checked_device
    from gapkit.models.native import check_extra
    from gapkit.training import RefitConfig

    place = checked_device(device)
    with gathered_warnings() as messages:
        config = RefitConfig(
            start=start,
            on=on,
            factor=factor,
            hidden=widths,
            posterior=posterior,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            num_samples=num_samples,
            binarize=binarize or "none",
            seed=seed,
        )
        model = reading.at(checkpoint)
        _require_factory(checkpoint, model)
        loaded = model.open()
        shared = getattr(loaded.model, "likelihood_param", None)
        others = {name: reading.of_encoder(name).open(shared=shared).model for name in names}
        how = wanted.trained_how(loaded)
        # Anything fixed is done once, for both splits.
        config = replace(config, binarize="dynamic" if how == "dynamic" else "none")
        source = replace(wanted.of_model(loaded), binarize="sample" if how == "dynamic" else how)
        sets = _load_splits(source)
        beside_x = source.conditions(sets)
        settings = {**config.as_dict(), "binarize": how, "evaluate": evaluate, "device": device}
        extra = beside(loaded, data, settings)
        if extra is not None:
            check_extra(extra, out / "model.pt")
        with progress_bar(console(errors=True)) as progress:
            new, summaries = _run(
                loaded.model, others, sets, beside_x, source, config, evaluate, place, tuple(allow or ()), progress
            )
    from gapkit.results.summary import difference_of_means
    from gapkit.training.compare_encoders import in_words

    gains = [summaries[split].differences[f"{_NEW} minus {_OLD}"] for split in ("train", "test")]
    kind = start if widths is None and posterior is None else "other"
    sentences = in_words(summaries, kind, _NEW, _OLD)
    digests = {name: part.sha256 for name, part in sets.items()}
    if beside_x is not None:
        digests[CONDITION] = digest_of_condition(beside_x)
    given = Source(model=model.found(loaded), data=replace(source, sha256=digests))
    read = model.facts()
    facts = {
        "settings": settings,
        "checkpoint": {**checkpoint_facts(loaded), "model": read["model"], "likelihood": read["likelihood"]},
        "model_options": read["model_options"],
        "data": {**source.facts(sets), "binarize": how},
        "condition": source.condition,
        "weights": {"trained": new.trained, "left_because_shared": new.left},
        "history": new.history,
        "seconds": new.seconds,
        "splits": {split: found.to_dict() for split, found in summaries.items()},
        "gain_on_train_minus_gain_on_test": difference_of_means(*gains).to_dict(),
        "sentences": sentences,
        "warnings": messages,
        "versions": _versions(),
        "source": given.to_dict(),
        "command": command(),
    }
    path = write_refit(out, new, loaded.sha256, extra, facts)
    for split in _SPLITS:
        console().print(_table(split, summaries[split], names))
    for sentence in sentences:
        console().print(sentence, highlight=False, markup=False)
    answer(out=str(out), verdict=sentences, splits=facts["splits"])
    made("model", path, how_to_load(path, reading, shared))


def _require_factory(checkpoint: Path, model: ModelSource) -> None:
    """Refuse, before any work, a model whose new weights could not be read again.

    Raises:
        InputError: a program, which has no weights of its own, or a folder without a factory.
    """
    if model.decoder is not None:
        do = "refit the model that was exported: its weights with --model file.py:factory"
        raise InputError(f"refit the program {checkpoint}", "a graph, which is not trained", do)
    if checkpoint.is_dir() and model.factory is None:
        found = "a folder of a library, in whose form a refitted encoder is not written"
        do = "pass --model file.py:function, which builds the same model of the library: the result is its weights"
        raise InputError(f"refit {checkpoint}", found, do)


def _run(
    model: Any,
    others: Mapping[str, Any],
    sets: Mapping[str, Any],
    beside_x: Mapping[str, Any] | None,
    source: DataSource,
    config: "RefitConfig",
    evaluate: int,
    device: "torch.device",
    allow: Sequence[str],
    progress: "Callable[[Progress], None]",
) -> tuple["Refit", dict[str, "EncoderSummary"]]:
    """Refit, and compare the encoders on both splits, each with its conditions where there are some."""
    from gapkit.core.datapoints import Loaded
    from gapkit.doctor import examine, moved_to, prepare, told
    from gapkit.engine import Progress
    from gapkit.engine.inputs import conditions_of
    from gapkit.models.freeze import frozen
    from gapkit.sources.splits import draw_of
    from gapkit.training import refit as train
    from gapkit.training.compare_encoders import compare_encoders

    steps = config.epochs + len(_SPLITS)

    def epoch_done(report: "EpochReport") -> None:
        progress(Progress(report.epoch, steps, "refit"))

    with contextlib.ExitStack() as moves:
        for each in (model, *others.values()):
            moves.enter_context(moved_to(each, device))
        with frozen(model):
            ready = {}
            given = conditions_of(model, beside_x, {split: part.x for split, part in sets.items()}, device)
            for split, part in sets.items():
                c = given.get(split)
                ready[split] = Loaded.of(prepare(model, source.binarized(part, split), device, c), condition=c)
            told(examine(model, ready["test"], allow=allow))
        x = ready["train"].x
        if config.binarize == "dynamic":
            x = sets["train"].x.to(x.dtype).reshape(x.shape)
        progress(Progress(0, steps, "refit"))
        new = train(model, x, config, condition=ready["train"].condition, progress=epoch_done)
        summaries = {}
        for number, split in enumerate(_SPLITS, 1):
            models = {_OLD: model, **others, _NEW: new.model}
            some = ready[split][:evaluate]
            compared = compare_encoders(models, some.x, condition=some.condition, seed=draw_of(split, config.seed))
            summaries[split] = compared.summary_values
            progress(Progress(config.epochs + number, steps, f"bounds {split}"))
    return new, summaries


def _check_out(out: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, a folder that holds something or cannot be made."""
    if not overwrite and os.path.exists(out / "refit.json"):
        raise InputError(f"the output folder {out}", "another refit", "choose another --out, or --overwrite")
    claim_new_folder(out, overwrite=overwrite)


def _load_splits(source: DataSource) -> dict[str, Any]:
    sets = source.datasets()
    wrong = [name for name, part in sets.items() if part.split != name]
    if wrong:
        found = f"{source.source} gives no {' and no '.join(wrong)} data apart" + (
            f" with the key {source.key}" if source.key else ""
        )
        raise InputError(
            "training and test data", found, "give a source with both, such as an .npz with x_train and x_test"
        )
    for part in sets.values():
        tell(part)
    return sets


def _table(split: str, summary: "EncoderSummary", against: list[str]) -> Table:
    bounds, differences = summary.bounds, summary.differences
    bound = STANDARD.bottom.label
    rows = [(f"{bound} given encoder", bounds[_OLD]), *((f"{bound} of {name}", bounds[name]) for name in against)]
    rows += [(f"{bound} new encoder", bounds[_NEW]), ("gain", differences[f"{_NEW} minus {_OLD}"])]
    rows += [(f"above {name}", differences[f"{_NEW} minus {name}"]) for name in against]
    table = Table(title=f"{split}: {bounds[_OLD].count} datapoints, nats", title_justify="left")
    for heading in ("quantity", "mean", "MC error", "95% interval over datapoints"):
        table.add_column(heading, justify="left" if heading == "quantity" else "right")
    for label, values in rows:
        table.add_row(Text(label), *_cells(values))
    if any_range(values for _, values in rows):
        table.caption, table.caption_justify = RANGE_NOTE, "left"
    return table


def _cells(values: "Mean") -> tuple[str, str, str]:
    if values.mean is None:
        return "not finite", "", ""
    error = values.se_monte_carlo
    return f"{values.mean:.3f}", "unknown" if error is None else f"{error:.3f}", interval_text(values)


def _versions() -> dict[str, str]:
    import torch

    from gapkit.version import __version__

    return {"gapkit": __version__, "torch": torch.__version__}
