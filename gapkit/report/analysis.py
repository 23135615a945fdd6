"""The report of an analysis as data: verdict, ladder, what can be trusted, the worst datapoints, definitions."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gapkit.core.means import Uncertain
from gapkit.core.phrases import listed
from gapkit.ladder import Ladder, error_of, in_order, quantity, side_name
from gapkit.report.blocks import (
    Block,
    Cell,
    Column,
    Definitions,
    Heading,
    PlusMinus,
    Row,
    Table,
    Term,
    Text,
)
from gapkit.report.definitions import definitions
from gapkit.report.document import Document, Section
from gapkit.report.figures import draw
from gapkit.report.labels import label_cell, label_columns
from gapkit.report.lead import lead
from gapkit.report.miniatures import picture_of
from gapkit.report.naming import named
from gapkit.report.provenance import provenance, title_of
from gapkit.report.statuses import interval_cell, number_or_none, range_note, status_table, status_words
from gapkit.report.wording import (
    CLASSES_NOTE,
    GENERALISATION,
    LOCAL_STEPS,
    TABLE_NOTE,
)
from gapkit.results import Result
from gapkit.results.latent_use import collapse_sentence
from gapkit.results.miniatures import kept_miniatures
from gapkit.results.records import ClassGaps, StepPoint, Summary, known
from gapkit.results.verdict import Diagnosis, diagnose, health

__all__ = ["build", "quantity_row"]

_WORST, _WORST_ON_PAPER = 200, 20
_CHECKED = {"fits": "fits of q*", "evidence": "log p(x)"}
_ERRORS = (
    Column("mean", "Mean"),
    Column("se_monte_carlo", "Monte Carlo error"),
    Column("se_datapoints", "Error over datapoints"),
    Column("ci95", "95% interval"),
)


def build(result: Result) -> Document:
    """Collect what the report says about a result."""
    main, *further = result.summary_values.splits
    diagnosis = diagnose(result.summary_values)
    sections = (
        Section("gaps", "Where the gap is", draw(result, main, 1, "main")),
        Section("local-steps", "Local steps at test time", _local_steps(result)),
        Section("worst", "The worst datapoints", (*draw(result, main, 1, "worst"), _worst(result))),
        _checks(result, main),
        _model(result, main),
        Section("numbers", "All bounds and gaps", _numbers(result, main, diagnosis), folded=True),
        Section("further", "Further splits", _further(result, further), folded=True),
        Section(
            "definitions",
            "Definitions",
            (Definitions(tuple(Term(*entry) for entry in definitions(result.ladder))),),
            folded=True,
        ),
        provenance(result.run),
    )
    document = Document(
        title=title_of(result.run),
        verdict=diagnosis.sentences,
        sections=tuple(section for section in sections if section.blocks),
        lead=lead(result, main, diagnosis),
    )
    return named(document, result.summary_values.target)


def _checks(result: Result, split: str) -> Section:
    """Fits and evidence: shut where all of it is good, open where something is not."""
    states = {check.name: check.state for check in health(result.summary_values)}
    wrong = [words for name, words in _CHECKED.items() if states.get(name, "good") != "good"]
    flagged = set().union(*(part.status for part in result.summary_values.splits.values())) - {"ok"}
    title = f"Fits and log p(x): {listed(wrong)} in doubt" if wrong else "Fits and log p(x): all checks passed"
    blocks = (
        *_listed(result.trust()),
        *draw(result, split, 1, "trust"),
        *((Heading("What the statuses mean"), _statuses(result.summary_values)) if flagged else ()),
    )
    return Section("trust", title, blocks, folded=not wrong)


def _model(result: Result, split: str) -> Section:
    """What the model makes: open where it is the model that is at fault."""
    states = {check.name: check.state for check in health(result.summary_values)}
    wrong = any(states.get(name, "good") != "good" for name in ("latents", "model"))
    return Section("model", "What the model makes", draw(result, split, 1, "model"), folded=not wrong)


def _numbers(result: Result, split: str, diagnosis: Diagnosis) -> tuple[Block, ...]:
    return (
        *_listed((*diagnosis.sure, *diagnosis.numbers)),
        _gap_table(result, split, 1),
        Text((TABLE_NOTE,), "note"),
        *draw(result, split, 1, "gaps"),
        *_collapse(result, split),
        *_classes(result, split, 1),
    )


def quantity_row(name: str, label: str, note: str, values: Uncertain) -> Row:
    """A row of mean, both errors and interval, from what the summary holds of a quantity."""
    cells = (label, values.mean, values.se_monte_carlo, values.se_datapoints, interval_cell(values))
    return Row(name, cells, note)


def _listed(sentences: Iterable[str]) -> tuple[Block, ...]:
    points = tuple(sentences)
    return (Text(points, "list"),) if points else ()


def _collapse(result: Result, split: str) -> tuple[Block, ...]:
    part = result.summary_values.splits[split]
    sentence = collapse_sentence(part.latents, part.latents_star)
    return (Text((sentence,)),) if sentence else ()


def _gap_table(result: Result, split: str, number: int) -> Table:
    values = result.summary_values.splits[split]
    ladder, families = result.ladder, result.summary_values.families
    # The same as the fitted rung.
    left = side_name("family", families.split, ladder) if families and ladder.fitted else None
    rows, terms = [], [term for term, *_ in definitions(ladder)]
    for name in in_order((name for name in values.quantities if name != left), ladder):
        numbers, meant = values.quantities[name], quantity(name, ladder)
        failed = values.skipped.get(name)
        # What the definitions say need not be said twice.
        meaning = "" if any(meant.label.lower() in term.lower().split(", ") for term in terms) else meant.meaning
        note = f"{meaning} Where it has no value: {failed}".strip() if failed else meaning
        row = quantity_row(name, meant.label, note, numbers)
        rows.append(Row(row.name, (*row.cells, _used(numbers.count, values.datapoints)), row.note))
    return Table(
        name=f"gaps-{number}",
        caption=f"Gaps and bounds in nats, split {split} ({values.datapoints} datapoints)",
        columns=(Column("quantity", "Quantity", "text"), *_ERRORS, Column("count", "Used", "count")),
        rows=tuple(rows),
        footnote=range_note(values.quantities.values()),
    )


def _used(used: int, datapoints: int) -> str:
    return str(used) if used == datapoints else f"{used} of {datapoints}"


def _classes(result: Result, split: str, number: int) -> tuple[Block, ...]:
    """The gaps by class, where the datapoints have labels that make classes."""
    classes = result.summary_values.splits[split].classes
    if not classes:
        return ()
    ladder, gaps = result.ladder, []
    for gap in ladder.told:
        gaps += [Column(gap.name, quantity(gap.name, ladder).label), Column(f"{gap.name}_ci95", "95% interval")]
    table = Table(
        name=f"classes-{number}",
        caption=f"Mean gaps in nats by class, split {split}",
        columns=(Column("label", "Class", "text"), Column("datapoints", "Datapoints", "count"), *gaps),
        rows=tuple(_class_row(part, ladder) for part in classes),
        footnote=range_note((part.quantities[gap.name] for part in classes for gap in ladder.told), CLASSES_NOTE),
    )
    return (Heading("Gaps by class"), table)


def _class_row(part: ClassGaps, ladder: Ladder) -> Row:
    cells: list[Cell] = [str(part.label), _used(part.quantities[ladder.total.name].count, part.datapoints)]
    for gap in ladder.told:
        values = part.quantities[gap.name]
        cells += [values.mean, interval_cell(values)]
    return Row(str(part.label), tuple(cells))


def _local_steps(result: Result) -> tuple[Block, ...]:
    values = known(result.summary_values.semi_amortized)
    if not values:
        return ()
    ladder = result.ladder
    table = Table(
        name="local-steps-table",
        caption=f"Means over {values.datapoints} datapoints of split {values.split} after so many local steps "
        "from the encoder's q, in nats",
        columns=(
            Column("steps", "Steps", "count"),
            Column("elbo", ladder.bottom.label),
            Column("gain", "Gain"),
            Column("gain_ci95", "95% interval"),
            Column("left", f"Left to {(ladder.fitted or ladder.top).label}"),
            Column("share", "Share of the gap", "percent"),
            Column("share_ci95", "95% interval", "percent"),
        ),
        rows=tuple(_steps_row(point) for point in values.curve),
        footnote=range_note((point.gain for point in values.curve), LOCAL_STEPS),
    )
    return (*draw(result, values.split, 1, "local-steps"), table)


def _steps_row(point: StepPoint) -> Row:
    share = point.share or Uncertain(None, None, None, None)
    cells = (
        str(point.steps),
        point.elbo.mean,
        point.gain.mean,
        interval_cell(point.gain),
        point.left.mean,
        share.mean,
        interval_cell(share),
    )
    return Row(str(point.steps), cells)


def _further(result: Result, splits: Iterable[str]) -> tuple[Block, ...]:
    blocks: list[Block] = []
    differences = result.summary_values.generalisation
    if differences:
        rows = tuple(quantity_row(name, name, GENERALISATION, values) for name, values in differences.items())
        encoder = result.ladder.gap_of("encoder") or result.ladder.total
        caption = f"The encoder's generalisation: {encoder.label} between splits, in nats"
        columns = (Column("splits", "Splits", "text"), *_ERRORS)
        blocks.append(Table("generalisation", caption, columns, rows, range_note(differences.values())))
    for number, split in enumerate(splits, 2):
        blocks += [Heading(f"Split {split}"), *draw(result, split, number, "ladder")]
        blocks += [_gap_table(result, split, number), *draw(result, split, number, "gaps")]
        blocks += [*draw(result, split, number, "main")]
        blocks += _classes(result, split, number)
    return tuple(blocks)


def _worst(result: Result) -> Table:
    frame, ladder = result.datapoints, result.ladder
    total, numbers = ladder.total.name, (*reversed(ladder.rungs), *reversed(ladder.gaps))
    rows = frame.sort_values(total, ascending=False, kind="stable", na_position="last").head(_WORST)
    shown = "" if len(rows) == len(frame) else f", of {len(frame)} datapoints"
    names, pictures = [part.name for part in numbers], kept_miniatures(result)
    labels = label_columns(frame.get("label", ()))
    return Table(
        name="worst-table",
        caption=f"The {len(rows)} largest total gaps, in nats, with their Monte Carlo errors{shown}",
        columns=(
            Column("index", "Index", "text"),
            Column("split", "Split", "text"),
            *labels,
            *(Column(part.name, quantity(part.name, ladder).label) for part in (*numbers, ladder.total)),
            Column("status", "Status", "text"),
        ),
        rows=tuple(_worst_row(row, names, total, pictures) for row in rows.to_dict("records")),
        interactive=True,
        on_paper=_WORST_ON_PAPER,
        source="datapoints.parquet",
    )


def _worst_row(
    row: Mapping[str, Any], names: Iterable[str], total: str, pictures: Mapping[tuple[str, int], np.ndarray]
) -> Row:
    numbers = (number_or_none(row[name]) for name in names)
    gap = PlusMinus(number_or_none(row[total]), number_or_none(row[error_of(total)]))
    split, index = str(row["split"]), str(row["index"])
    label = (label_cell(row["label"]),) if "label" in row else ()
    cells = (index, split, *label, *numbers, gap, status_words(row))
    return Row(f"{split} {index}", cells, picture=picture_of(pictures, split, int(row["index"])))


def _statuses(summary: Summary) -> Table:
    splits = summary.splits
    columns = [Column(f"count {split}", split if len(splits) > 1 else "Datapoints", "count") for split in splits]
    shown = f", datapoints of {' and '.join(splits)}" if len(splits) > 1 else ""
    return status_table([values.status for values in splits.values()], columns, shown, ladder=summary.ladder)
