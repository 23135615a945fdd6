"""The report of a comparison as data: what changed, ladders side by side, paired differences, provenance."""

from collections.abc import Mapping
from typing import Any

from gapkit.comparison import Comparison
from gapkit.phrases import RANGE_NOTE, any_range
from gapkit.report.blocks import (
    Block,
    Column,
    Definitions,
    Document,
    Heading,
    PlusMinus,
    Row,
    Section,
    Table,
    Term,
    Text,
)
from gapkit.report.comparison_figures import draw_differences, draw_ladders, draw_series
from gapkit.report.provenance import provenance
from gapkit.report.statuses import interval_cell
from gapkit.report.wording import DEFINITIONS, describe, in_order

__all__ = ["build_comparison"]

_BY_THEMSELVES = 3  # other runs, each with a table of its own; more share one
_ON_PAPER, _LONGEST_ON_PAPER = 20, 80  # rows
_BOUNDS, _GAPS = ("log_px", "elbo_star", "elbo"), ("approximation_gap", "amortization_gap", "total_gap")

_DIFFERENCE_NOTE = (
    "A difference is the run's value minus that of {}, within each datapoint; the mean is over the datapoints that "
    "both have and that are finite in both. The Monte Carlo error adds the errors of the two runs as if their noise "
    "were independent, which is too much where they share it. The 95% interval is that of the mean over datapoints."
)
_WINS_NOTE = (
    "A win is a datapoint on which the run has the higher bound or the smaller gap. It is clear where the difference "
    "exceeds 1.96 of its Monte Carlo errors; without any true difference about one datapoint in 40 would be a clear "
    "win by chance, and as many a clear loss."
)
_CHANGED_NOTE = "Differences are the run's value minus that of {}; their Monte Carlo errors stand after ±."
_MEASURES = (
    Column("mean", "Mean difference"),
    Column("se_monte_carlo", "Monte Carlo error"),
    Column("se_datapoints", "Error over datapoints"),
    Column("ci95", "95% interval"),
    Column("verdict", "Evidence", "text"),
)
_EVIDENCE = {
    "higher": {"bound": "higher", "gap": "larger"},
    "lower": {"bound": "lower", "gap": "smaller"},
    "none": {"bound": "equal", "gap": "equal"},
    "unclear": {"bound": "not enough", "gap": "not enough"},
    "unknown": {"bound": "too few", "gap": "too few"},
}
_TERMS = {
    "nat",
    "ELBO, L[q]",
    "q*, L[q*]",
    "log p(x)",
    "Approximation gap",
    "Amortization gap",
    "Total gap",
    "Monte Carlo error",
    "Error over datapoints",
    "95% interval",
}


def build_comparison(comparison: Comparison, failed: Mapping[str, str] | None = None) -> Document:
    """Collect what the report says about a comparison of runs.

    Args:
        comparison: of runs.
        failed: why runs that were to be compared are missing, by name.
    """
    summary = comparison.summary
    main, *further = summary["splits"]
    sections = (
        Section("failed", "Runs that failed", _failed(failed or {})),
        Section("series", "Over the training", _series(comparison, main, 1)),
        Section("ladders", "The ladders side by side", _ladders(comparison, main, 1)),
        Section("differences", "Paired differences", _differences(comparison, main, 1)),
        Section("changed", "The datapoints that changed most", _changed(comparison, main, 1)),
        *(_further(comparison, split, number) for number, split in enumerate(further, 2)),
        Section("notes", "Cautions", _notes(summary)),
        Section(
            "definitions",
            "Definitions",
            (Definitions(tuple(Term(*entry) for entry in DEFINITIONS if entry[0] in _TERMS)),),
        ),
        _provenance(summary),
    )
    verdict = list(comparison.sentences())
    if failed:
        verdict.append(
            f"{_listed(list(failed))} could not be analysed and {'is' if len(failed) == 1 else 'are'} missing."
        )
    return Document(_title(summary), tuple(verdict), tuple(section for section in sections if section.blocks))


def _title(summary: Mapping[str, Any]) -> str:
    others = [name for name in summary["runs"] if name != summary["reference"]]
    found = summary["series"]
    if found:
        numbers = list(found["numbers"].values())
        return f"Inference gaps over training, {found['axis']} {numbers[0]} to {numbers[-1]}"
    named = _listed(others) if len(others) <= _BY_THEMSELVES else f"{len(others)} runs"
    return f"Inference gaps of {named} against {summary['reference']}"


def _failed(failed: Mapping[str, str]) -> tuple[Block, ...]:
    return (Text(tuple(f"{name}: {message}" for name, message in failed.items()), "list"),) if failed else ()


def _series(comparison: Comparison, split: str, number: int) -> tuple[Block, ...]:
    found = comparison.summary["series"]
    return draw_series(comparison, split, number) if found else ()


def _ladders(comparison: Comparison, split: str, number: int) -> tuple[Block, ...]:
    part = comparison.summary["splits"][split]
    levels, missing = part["levels"], _missing(part)
    figures = draw_ladders(comparison, split, number)
    if not levels:
        return (*figures, Text((missing,))) if missing else figures
    table = Table(
        name=f"levels-{number}",
        caption=f"Means in nats over the {part['used']} datapoints of split {split} that are finite in all runs",
        columns=(Column("run", "Run", "text"), *(Column(name, _label(name)) for name in (*_BOUNDS, *_GAPS))),
        rows=tuple(
            Row(run, (run, *(_level(values, name) for name in (*_BOUNDS, *_GAPS)))) for run, values in levels.items()
        ),
        footnote=missing,
    )
    return (*figures, table)


def _level(values: Mapping[str, Any], name: str) -> float | PlusMinus | None:
    """Gaps with their errors over datapoints; the bounds, whose errors mislead, without."""
    quantity = values[name]
    mean: float | None = quantity["mean"]
    return mean if name in _BOUNDS else PlusMinus(mean, quantity["se_datapoints"])


def _missing(part: Mapping[str, Any]) -> str:
    sentences = ["The errors after ± are those over datapoints."] if part["levels"] else []
    if part["not_finite"]:
        sentences.append(f"No datapoint is finite in {_listed(part['not_finite'])}.")
    if part["left_out"] and part["levels"]:
        count, shared = part["left_out"], part["datapoints"]
        sentences.append(f"{count} of the {shared} datapoints that all runs share are left out: not finite in a run.")
    return " ".join(sentences)


def _differences(comparison: Comparison, split: str, number: int) -> tuple[Block, ...]:
    reference = comparison.summary["reference"]
    pairs = comparison.summary["splits"][split]["differences"]
    few = any_range(values for pair in pairs.values() for values in pair["quantities"].values())
    notes = (_DIFFERENCE_NOTE.format(reference), *((RANGE_NOTE,) if few else ()), _WINS_NOTE)
    tables = _difference_tables(pairs, reference, split, number)
    return (*draw_differences(comparison, split, number), *tables, Text(notes, "note"))


def _difference_tables(pairs: Mapping[str, Any], reference: str, split: str, number: int) -> list[Block]:
    wins = (
        Column("wins", "Wins", "count"),
        Column("losses", "Losses", "count"),
        Column("ties", "Ties", "count"),
        Column("clear_wins", "Clear wins", "count"),
        Column("clear_losses", "Clear losses", "count"),
    )
    if len(pairs) <= _BY_THEMSELVES:
        blocks: list[Block] = []
        for place, (run, pair) in enumerate(pairs.items(), 1):
            quantities = pair["quantities"]
            names = in_order(quantities)
            first = Column("quantity", "Quantity", "text")
            blocks.append(
                Table(
                    name=f"differences-{number}-{place}",
                    caption=f"{run} minus {reference} in nats, {_counted(pair, split)}",
                    columns=(first, *_MEASURES),
                    rows=tuple(Row(name, (_label(name), *_measured(name, quantities[name]))) for name in names),
                )
            )
            blocks.append(
                Table(
                    name=f"wins-{number}-{place}",
                    caption=f"On how many datapoints {run} is better than {reference}",
                    columns=(first, *wins),
                    rows=tuple(
                        Row(name, (_label(name), *(quantities[name][column.key] for column in wins))) for name in names
                    ),
                )
            )
        return blocks
    together = [
        (run, name, pair["quantities"][name]) for run, pair in pairs.items() for name in in_order(pair["quantities"])
    ]
    first = Column("run", "Run", "text")
    return [
        Table(
            name=f"differences-{number}",
            caption=f"Every run minus {reference} in nats, split {split}",
            columns=(first, Column("quantity", "Quantity", "text"), *_MEASURES),
            rows=tuple(Row(f"{run} {name}", (run, _label(name), *_measured(name, v))) for run, name, v in together),
            interactive=True,
            on_paper=_LONGEST_ON_PAPER,
        ),
        Table(
            name=f"wins-{number}",
            caption=f"On how many datapoints every run is better than {reference}",
            columns=(first, Column("quantity", "Quantity", "text"), *wins),
            rows=tuple(
                Row(f"{run} {name}", (run, _label(name), *(v[column.key] for column in wins)))
                for run, name, v in together
            ),
            interactive=True,
            on_paper=_ON_PAPER,
        ),
    ]


def _counted(pair: Mapping[str, Any], split: str) -> str:
    only = [
        f"{pair[key]} only in the {where}"
        for key, where in (("only_in_run", "run"), ("only_in_reference", "reference"))
        if pair[key]
    ]
    parts = [f"{pair['common']} datapoints of split {split} in common", *only]
    if pair["left_out"]:
        parts.append(f"{pair['left_out']} not finite in one of them and left out")
    return ", ".join(parts)


def _measured(name: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    evidence = _EVIDENCE[values["direction"]]["gap" if "gap" in name else "bound"]
    numbers = (values[key] for key in ("mean", "se_monte_carlo", "se_datapoints"))
    return (*numbers, interval_cell(values), evidence)


def _changed(comparison: Comparison, split: str, number: int) -> tuple[Block, ...]:
    rows = comparison.summary["splits"][split]["changed"]
    reference = comparison.summary["reference"]
    if not rows:
        return ()
    table = Table(
        name=f"changed-{number}",
        caption=f"The {len(rows)} largest changes of the total gap among the datapoints of split {split}, in nats",
        columns=(
            Column("index", "Index", "text"),
            Column("run", "Run", "text"),
            Column("total_gap_reference", f"Total gap of {reference}"),
            Column("total_gap_run", "Total gap of the run"),
            Column("total_gap", "Difference of the total gap"),
            Column("amortization_gap", "Of the amortization gap"),
            Column("approximation_gap", "Of the approximation gap"),
            Column("log_px", "Of log p(x)"),
        ),
        rows=tuple(
            Row(
                f"{row['run']} {row['index']}",
                (
                    str(row["index"]),
                    row["run"],
                    row["total_gap_reference"],
                    row["total_gap_run"],
                    *(
                        PlusMinus(row[name], row[f"{name}_se"])
                        for name in ("total_gap", "amortization_gap", "approximation_gap", "log_px")
                    ),
                ),
            )
            for row in rows
        ),
        footnote=_CHANGED_NOTE.format(reference),
        interactive=True,
        on_paper=_ON_PAPER,
    )
    return (table,)


def _further(comparison: Comparison, split: str, number: int) -> Section:
    return Section(
        f"split-{number}",
        f"Split {split}",
        (
            Text(tuple(comparison.sentences(split)), "list"),
            *_series(comparison, split, number),
            *_ladders(comparison, split, number),
            *_differences(comparison, split, number),
            *_changed(comparison, split, number),
        ),
    )


def _notes(summary: Mapping[str, Any]) -> tuple[Block, ...]:
    found = summary["series"]
    told = [f"That the runs are checkpoints of one training is told by {found['told_by']}."] if found else []
    notes = (*told, *summary["notes"])
    return (Text(notes, "list"),) if notes else ()


def _provenance(summary: Mapping[str, Any]) -> Section:
    """The first run's facts, and of every other run those that differ from them."""
    reference = summary["reference"]
    first = summary["runs"][reference]
    blocks: list[Block] = [Heading(reference), *provenance(first).blocks]
    for name, run in summary["runs"].items():
        if name != reference:
            text = f"What is not listed here is as in {reference}."
            blocks += [Heading(name), Text((text,), "note"), *provenance(_unlike(run, first)).blocks]
    return Section("provenance", "Provenance", tuple(blocks))


def _unlike(run: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in dict.fromkeys([*run, *reference]):
        one, other = run.get(key), reference.get(key)
        if isinstance(one, Mapping):
            inner = _unlike(one, other if isinstance(other, Mapping) else {})
            found |= {key: inner} if inner else {}
        elif one != other:
            found[key] = one
    return found


def _label(name: str) -> str:
    return describe(name)[0]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
