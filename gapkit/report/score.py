"""The report of scores as data: verdict, ROC curves, how the scores are spread, the most unusual datapoints."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gapkit.core.files import write_atomically, write_text
from gapkit.core.means import Interval as Ends
from gapkit.ood import SCORES, Scored
from gapkit.ood.records import Detection, ScoredSet, Separation
from gapkit.ood.words import LABELS, area, capital
from gapkit.plots import roc, score_histograms
from gapkit.report.blocks import (
    Block,
    Caption,
    Column,
    Definitions,
    Figure,
    Heading,
    Interval,
    PlusMinus,
    Row,
    Table,
    Term,
    Text,
)
from gapkit.report.document import Document, Section
from gapkit.report.figures import as_svg
from gapkit.report.html import render
from gapkit.report.labels import label_cell, label_columns
from gapkit.report.miniatures import picture_of
from gapkit.report.pdf import render_pdf
from gapkit.report.provenance import provenance, title_of
from gapkit.report.score_wording import (
    ALARMS_NOTE,
    CAVEAT,
    MEANINGS,
    ONE_SET,
    ROC_CAPTION,
    SCORE_DEFINITIONS,
    SPREAD_NOTE,
    TABLE_NOTE,
    TWO_SETS,
)
from gapkit.report.statuses import number_or_none, status_table, status_words
from gapkit.report.wording import DEFINITIONS

__all__ = ["build_score", "write_score"]

_MOST, _MOST_ON_PAPER = 200, 20

_TERMS = ("nat", "ELBO, L[q]", "q*, L[q*]", "log p(x)")
_ROLE_NAMES = {"reference": "reference", "other": "other set"}
_PAIRED = ("AUC", "Found as well")


def build_score(scored: Scored) -> Document:
    """Collect what the report says about the scores of one or two data sets."""
    sections = (
        Section("roc", "How well each score tells the two sets apart", _separation(scored)),
        Section("spread", "How the scores are spread", _spread(scored)),
        Section("unusual", "The most unusual datapoints", _unusual(scored)),
        Section("definitions", "Definitions", (_definitions(scored),), folded=True),
        provenance(scored.run),
    )
    return Document(
        title=title_of(_with_checkpoint(scored.run), "Out-of-distribution scores"),
        verdict=tuple(scored.verdict()),
        sections=tuple(section for section in sections if section.blocks),
    )


def write_score(scored: Scored, folder: str | Path) -> None:
    """Write ``score.html`` and ``score.pdf`` into a folder, each one wholly or not at all."""
    document = build_score(scored)
    write_text(Path(folder) / "score.html", render(document))
    pages = render_pdf(document)
    write_atomically(Path(folder) / "score.pdf", lambda name: Path(name).write_bytes(pages))


def _with_checkpoint(run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The run itself, or one of the two runs that were compared: they are of the same checkpoint."""
    if "checkpoint" in run:
        return run
    return next((part for part in run.values() if isinstance(part, Mapping) and "checkpoint" in part), {})


def _separation(scored: Scored) -> tuple[Block, ...]:
    values, sets = scored.summary_values.separation, scored.summary_values.sets
    if values is None:
        return ()
    other = sets["other"].name
    return (
        _figure(lambda: roc(scored), "roc-curves", ROC_CAPTION, _describe_roc(values)),
        Table(
            name="scores",
            caption=f"How well each score tells {other} from {sets['reference'].name}",
            columns=(
                Column("score", "Score", "text"),
                Column("auc", "AUC"),
                Column("ci95", "95% interval"),
                Column("difference", "Lead of the first"),
                Column("difference_ci95", "95% interval"),
            ),
            rows=tuple(_score_row(name, values) for name in values.order),
            footnote=TABLE_NOTE,
        ),
        Table(
            name="alarms",
            caption=f"False alarms of each score, with a threshold that finds 95% of {other}",
            columns=(
                Column("score", "Score", "text"),
                Column("threshold95", "Threshold, nats"),
                Column("fpr95", "Found as well", "percent"),
                Column("fpr95_ci95", "95% interval", "percent"),
                Column("reference", "Used, reference", "count"),
                Column("other", "Used, other set", "count"),
            ),
            rows=tuple(_alarm_row(name, values.scores[name]) for name in values.order),
            footnote=ALARMS_NOTE,
        ),
        Text((CAVEAT,), "note"),
    )


def _figure(plot: Callable[[], Axes], name: str, caption: Caption, alt: str) -> Figure:
    return Figure(name, as_svg(plot, name), caption, alt)


def _score_row(name: str, values: Separation) -> Row:
    found, lead = values.scores[name], values.differences.get(name)
    cells = (
        capital(LABELS[name]),
        found.auc,
        _interval(found.ci95),
        lead.difference if lead else None,
        _interval(lead.ci95 if lead else None),
    )
    return Row(name, cells, MEANINGS[name])


def _alarm_row(name: str, found: Detection) -> Row:
    share = (found.threshold95, found.fpr95, _interval(found.fpr95_ci95))
    return Row(name, (capital(LABELS[name]), *share, found.reference, found.other))


def _interval(ends: Ends | None) -> Interval:
    low, high = ends or (None, None)
    return Interval(low, high)


def _describe_roc(values: Separation) -> str:
    areas = {name: values.scores[name].auc for name in values.order}
    known = [f"{LABELS[name]} {area(value)}" for name, value in areas.items() if value is not None]
    if not known:
        return "ROC curves: no finite scores of both sets, in nats."
    return f"ROC curves of scores in nats; the areas under them: {', '.join(known)}."


def _spread(scored: Scored) -> tuple[Block, ...]:
    sets = scored.summary_values.sets
    names = [name for name in SCORES if name in scored.datapoints]
    columns, rows = [Column("score", "Score", "text")], []
    for role in sets:
        heading = f"{capital(_ROLE_NAMES[role])}: median" if len(sets) > 1 else "Median"
        columns += [Column(f"{role} median", heading), Column(f"{role} spread", "5% to 95%")]
    for name in names:
        cells: list[Any] = [capital(LABELS[name])]
        for each in sets.values():
            values = each.scores[name]
            cells += [values.median, Interval(values.q05, values.q95)]
        rows.append(Row(name, tuple(cells)))
    both = TWO_SETS if len(sets) > 1 else ONE_SET
    counts = " and ".join(
        f"{each.datapoints} datapoint{'' if each.datapoints == 1 else 's'} of {each.name}"
        + (f" ({_ROLE_NAMES[role]})" if len(sets) > 1 else "")
        for role, each in sets.items()
    )
    return (
        _figure(lambda: score_histograms(scored), "histograms", both, _describe_spread(sets, names)),
        Table(
            name="spread-table",
            caption=f"Median and middle 90% of each score in nats, over {counts}",
            columns=tuple(columns),
            rows=tuple(rows),
            footnote=SPREAD_NOTE,
        ),
    )


def _describe_spread(sets: Mapping[str, ScoredSet], names: list[str]) -> str:
    found = []
    for each in sets.values():
        median = each.scores["regret"].median
        found.append(f"of {each.name} {'unknown' if median is None else f'{median:.2f} nats'}")
    return f"Histograms of {len(names)} scores in nats; median likelihood regret {' and '.join(found)}."


def _unusual(scored: Scored) -> tuple[Block, ...]:
    table = scored.datapoints
    rows = table.sort_values("regret", ascending=False, kind="stable", na_position="last").head(_MOST)
    names = [name for name in SCORES if name in table and name != "regret"]
    shown = "" if len(rows) == len(table) else f", of {len(table)} datapoints"
    most = Table(
        name="unusual-table",
        caption=f"The {len(rows)} largest likelihood regrets with their Monte Carlo errors, in nats{shown}",
        columns=(
            Column("index", "Index", "text"),
            Column("data", "Data set", "text"),
            *label_columns(table.get("label", ())),
            Column("regret", "Likelihood regret"),
            *(Column(name, capital(LABELS[name])) for name in names),
            Column("status", "Status", "text"),
        ),
        rows=tuple(_unusual_row(row, names, scored.pictures) for row in rows.to_dict("records")),
        interactive=True,
        on_paper=_MOST_ON_PAPER,
        source="scores.parquet",
    )
    statuses = _statuses(scored.summary_values.sets)
    return (most, Heading("What the statuses mean"), statuses) if statuses.rows else (most,)


def _unusual_row(row: Mapping[str, Any], names: list[str], pictures: Mapping[tuple[str, int], np.ndarray]) -> Row:
    index, data = str(row["index"]), str(row["data"])
    regret = PlusMinus(number_or_none(row["regret"]), number_or_none(row["regret_se"]))
    label = (label_cell(row["label"]),) if "label" in row else ()
    cells = (index, data, *label, regret, *(number_or_none(row[name]) for name in names), status_words(row))
    return Row(f"{data} {index}", cells, picture=picture_of(pictures, data, int(row["index"])))


def _statuses(sets: Mapping[str, ScoredSet]) -> Table:
    columns = [
        Column(f"{role} status", capital(_ROLE_NAMES[role]) if len(sets) > 1 else "Datapoints", "count")
        for role in sets
    ]
    return status_table([each.status for each in sets.values()], columns, left_out=("ok",))


def _definitions(scored: Scored) -> Definitions:
    general = {entry[0]: entry for entry in DEFINITIONS}
    ours = [
        entry
        for entry in SCORE_DEFINITIONS
        if (entry[0] != "Input complexity" or "input_complexity" in scored.datapoints)
        and (scored.summary_values.separation or entry[0] not in _PAIRED)
    ]
    return Definitions(tuple(Term(*entry) for entry in (*(general[name] for name in _TERMS), *ours)))
