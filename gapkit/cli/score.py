"""``gapkit score``: how unusual is each datapoint to a model, and do the scores tell two data sets apart?"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gapkit.cli.command import command
from gapkit.cli.console import gathered_warnings, progress_bar, tell
from gapkit.cli.folder import claim_new_folder, new_folder
from gapkit.cli.options import Allow, Condition, DataKey, Device, Effort, LabelColumn, Overwrite, ScaleOption, Seed
from gapkit.cli.reading import reads_model
from gapkit.cli.saying import answer, made
from gapkit.cli.series import stem_of
from gapkit.cli.streams import console
from gapkit.core.errors import InputError
from gapkit.sources import DataSource, ModelSource, OpenedData, Source, checkpoint_facts

if TYPE_CHECKING:
    from torch import Tensor

    from gapkit.checkpoints import Loaded
    from gapkit.ood import Scored
    from gapkit.results import Result

__all__ = ["score"]

_REFERENCE_SEED = 2**33  # the two data sets do not meet the same random numbers


@reads_model
def score(
    reading: ModelSource,
    checkpoint: Annotated[
        Path | None, typer.Argument(help="The trained model's file or folder; none with --run.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Data to score: name, file, folder or file.py:function.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Data like those of training, to compare with; else the data are only scored.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="test or train; of a run, any of its splits.", show_default="test, or the first")
    ] = None,
    reference_split: Annotated[
        str | None, typer.Option(help="The same for the reference.", show_default="test, or the first")
    ] = None,
    data_key: DataKey = None,
    reference_key: Annotated[str | None, typer.Option(help="The same for the reference.")] = None,
    run: Annotated[
        Path | None, typer.Option(help="Score a run that gapkit analyze left; no model is needed then.")
    ] = None,
    reference_run: Annotated[Path | None, typer.Option(help="Such a run of the reference, with --run.")] = None,
    limit: Annotated[int | None, typer.Option(help="Score only the first datapoints of each data set.")] = None,
    label_column: LabelColumn = None,
    scale: ScaleOption = None,
    binarize: Annotated[
        str | None,
        typer.Option(help="none, threshold or sample, for both data sets.", show_default="as in training, else none"),
    ] = None,
    condition: Condition = None,
    effort: Effort = "quick",
    allow: Allow = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder to write.", show_default="gapkit-score-NAME")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Score datapoints by likelihood regret and its baselines; with a reference, draw ROC curves with errors."""
    _check_words(checkpoint, data, reference, limit, run, reference_run)
    common = DataSource(
        limit=limit, scale=scale, label_column=label_column, binarize=binarize, condition=condition, seed=seed
    )
    sources = {"other": replace(common, source=data, splits=(split or "test",), key=data_key)}
    if reference is not None:
        part, draw = (reference_split or "test",), seed + _REFERENCE_SEED
        given = replace(common, source=reference, splits=part, key=reference_key, seed=draw)
        sources = {"reference": given, **sources}
    for each in sources.values():
        each.check()
    stem = stem_of(checkpoint) if checkpoint else _name_of(run or Path())
    out = out or Path(f"gapkit-score-{stem}")
    from gapkit.report.score import write_score

    claim_new_folder(out, overwrite=overwrite)
    if run is not None:
        scored = _from_runs(run, reference_run, split, reference_split, seed)
    else:
        assert checkpoint is not None
        assert data is not None
        from gapkit.engine import checked_device, spec_for

        # Neither the certificate of AIS nor pictures of single datapoints enter a score.
        spec = replace(spec_for(effort, seed=seed), certificate=0, details=0, convergence=0)
        checked_device(device)
        model = reading.at(checkpoint)
        loaded = model.open()
        opened = _open(sources, loaded)
        sets = {role: next(iter(each.x.values()))[:] for role, each in opened.items()}
        beside_x = {role: next(iter(each.condition.values())) for role, each in opened.items() if each.condition}
        model = model.found(loaded)
        found = {
            role: Source(model=model, data=replace(each.source, bank_data=spec.bank_data))
            for role, each in opened.items()
        }
        first = next(iter(opened))
        bank = None if beside_x else _starts(replace(found[first].data, seed=seed))  # whose conditions are not read
        provenance = {
            "checkpoint": checkpoint_facts(loaded),
            "data": {role: each.facts["data"] for role, each in opened.items()},
            **model.facts(),
            "starts_from": "the data" if beside_x else first if bank is None else "train data",
            "condition": condition,
            "source": {role: source.to_dict() for role, source in found.items()},
            "command": command(),
        }
        result = _analyze(
            loaded.model,
            sets,
            spec,
            labels={role: next(iter(each.labels.values())) for role, each in opened.items()},
            other_x=None if beside_x else sets[first] if bank is None else bank,
            condition=beside_x or None,
            device=device,
            allow=tuple(allow or ()),
            provenance=provenance,
        )
        scored = _scored(result, sets, {role: _named(str(source.source)) for role, source in sources.items()}, seed)
    with new_folder(out) as staging:
        scored.save(staging)
        write_score(scored, staging)
    _print(console(), scored)
    answer(out=str(out), verdict=scored.verdict(), summary=scored.summary_values.to_dict())
    made("report", out / "score.html")


def _check_words(
    checkpoint: Path | None,
    data: str | None,
    reference: str | None,
    limit: int | None,
    run: Path | None,
    reference_run: Path | None,
) -> None:
    """Refuse, before any work, words that do not go together.

    Raises:
        InputError: neither a model with data nor a run, or parts of both.
    """
    do = "give CHECKPOINT --data DATA [--reference DATA], or --run RUN [--reference-run RUN]"
    if run is None and reference_run is not None:
        raise InputError("--reference-run", "no --run to compare it with", do)
    if run is not None and (checkpoint is not None or data is not None or reference is not None):
        raise InputError("--run", "a checkpoint or data as well, which a run has no need of", do)
    if run is not None and limit is not None:
        raise InputError("--limit", "a run, which is scored whole", "leave --limit out")
    if run is None and (checkpoint is None or data is None):
        missing = "no checkpoint" if checkpoint is None else "no --data"
        raise InputError("scores of datapoints", f"{missing} and no --run", do)


def _named(source: str) -> str:
    """What to call a data set: a file by its name alone."""
    return Path(source).stem if os.path.exists(os.path.expanduser(source)) else source


def _name_of(run: Path) -> str:
    """Name of a run's folder, also where it is called "."."""
    return os.path.basename(os.path.realpath(run))


def _open(sources: Mapping[str, DataSource], loaded: "Loaded") -> dict[str, OpenedData]:
    """Load the data sets, by role, made binary as those of the training were, whatever they are."""
    how = loaded.extra.get("binarize")
    trained = "sample" if how == "dynamic" else how if isinstance(how, str) else "none"
    return {
        role: replace(source, binarize=source.binarize or trained, bank_data=0).open(loaded, told=tell, whole=True)
        for role, source in sources.items()
    }


def _starts(source: DataSource) -> "Tensor | None":
    """Training data of the source, if it has them apart."""
    found = source.starts()
    return None if found is None else source.binarized(found, "train")


def _analyze(model: Any, sets: Mapping[str, "Tensor"], spec: Any, **options: Any) -> "Result":
    """Analyse the data sets as splits of one run, by role, so that the numbers do not depend on their names."""
    from gapkit.engine import analyze
    from gapkit.models.freeze import frozen

    with gathered_warnings() as messages, frozen(model), progress_bar(console(errors=True)) as progress:
        result = analyze(model, sets, spec, progress=progress, **options)
    return replace(result, run={**result.run, "warnings": messages})


def _scored(result: "Result", sets: Mapping[str, "Tensor"], names: Mapping[str, str], seed: int) -> "Scored":
    from gapkit.ood import describe, scores, separate
    from gapkit.ood.complexity import compressed_nats, image_obstacle
    from gapkit.ood.miniatures import most_unusual

    arrays = [x.numpy() for x in sets.values()]
    obstacle = image_obstacle(*arrays)
    lengths = dict(zip(sets, compressed_nats(*arrays), strict=True)) if not obstacle else {}
    tables = {role: scores(result, role, names[role], lengths.get(role)) for role in sets}
    notes = [f"Input complexity is left out: {obstacle}"] if obstacle else []
    if "reference" in tables:
        found = separate(tables["reference"], tables["other"], seed=seed)
    else:
        found = describe(tables["other"])
    of = {found.summary_values.sets[role].name: x for role, x in zip(sets, arrays, strict=True)}
    return _noted(replace(found, pictures=most_unusual(found.datapoints, of)), notes, result.run)


def _noted(found: "Scored", notes: list[str], run: Mapping[str, Any]) -> "Scored":
    return replace(found, summary_values=replace(found.summary_values, notes=tuple(notes)), run=run)


def _from_runs(
    run: Path, reference: Path | None, split: str | None, reference_split: str | None, seed: int
) -> "Scored":
    """Compare runs that were made before.

    Raises:
        InputError: a folder without a run, or runs of different checkpoints.
    """
    from gapkit.ood import describe, scores, separate
    from gapkit.results import Result

    other = Result.load(run)
    table = scores(other, split, _name_of(run))
    notes = ["Input complexity is left out: a run does not keep its data"]
    if reference is None:
        found = describe(table)
        return _noted(found, notes, other.run)
    base = Result.load(reference)
    models = [each.run.get("checkpoint") for each in (base, other)]
    hashes = [each.get("sha256") if isinstance(each, Mapping) else None for each in models]
    if None not in hashes and hashes[0] != hashes[1]:
        raise InputError("scores of two runs", "runs of different checkpoints", "compare runs of the same model")
    settings = [{**each.run.get("settings", {}), "seed": None} for each in (base, other)]
    if settings[0] != settings[1]:
        notes.append("The two runs have different settings, which may account for a part of the differences")
    found = separate(scores(base, reference_split, _name_of(reference)), table, seed=seed)
    both = {"reference": dict(base.run), "other": dict(other.run)}
    return _noted(found, notes, both)


def _print(target: Console, scored: "Scored") -> None:
    """Print the areas under the curves, or the medians of a single data set, and the verdict in words."""
    from gapkit.ood.words import LABELS, area

    separation, sets = scored.summary_values.separation, scored.summary_values.sets
    title = ", ".join(f"{each.name}: {each.datapoints} datapoints" for each in sets.values())
    table = Table(title=Text(title), title_justify="left")
    headings = (
        ("score", "AUC", "95% interval", "found as well at 95%")
        if separation
        else ("score, nats", "median", "95% are below")
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == headings[0] else "right")
    if separation:
        for name in separation.order:
            found = separation.scores[name]
            if found.auc is None or found.ci95 is None:
                table.add_row(Text(LABELS[name]), "not finite", "", "")
                continue
            low, high = found.ci95
            table.add_row(Text(LABELS[name]), area(found.auc), f"{area(low)} to {area(high)}", f"{found.fpr95:.0%}")
    else:
        for name, values in sets["other"].scores.items():
            ends = (values.median, values.q95)
            table.add_row(Text(LABELS[name]), *("not finite" if end is None else f"{end:.3f}" for end in ends))
    target.print(table)
    for sentence in scored.verdict():
        target.print(sentence, highlight=False, markup=False)
