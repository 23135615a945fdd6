"""The report of a comparison as data: what changed, ladders side by side, paired differences, provenance."""

from collections.abc import Mapping
from typing import Any

from gapkit.comparison import Comparison
from gapkit.comparison.records import ComparedSplit, ComparisonSummary
from gapkit.core.phrases import RANGE_NOTE, any_range, listed
from gapkit.report.blocks import Block, Definitions, Heading, Term, Text
from gapkit.report.comparison_figures import draw_differences, draw_ladders, draw_series
from gapkit.report.comparison_tables import WINS_NOTE, changed_table, difference_tables, levels_table
from gapkit.report.definitions import definitions_of_ladder
from gapkit.report.document import Document, Section
from gapkit.report.provenance import provenance

__all__ = ["build_comparison"]

_NAMED = 3  # other runs that are named in the title
_DIFFERENCE_NOTE = (
    "A difference is the run's value minus that of {}, within each datapoint; the mean is over the datapoints that "
    "both have and that are finite in both. The Monte Carlo error adds the errors of the two runs as if their noise "
    "were independent, which is too much where they share it. The 95% interval is that of the mean over datapoints."
)
# General terms; those of the ladder are added.
_TERMS = {"nat", "ELBO, L[q]", "q*, L[q*]", "Monte Carlo error", "Error over datapoints", "95% interval"}


def build_comparison(comparison: Comparison, failed: Mapping[str, str] | None = None) -> Document:
    """Collect what the report says about a comparison of runs.

    Args:
        comparison: of runs.
        failed: why runs that were to be compared are missing, by name.
    """
    summary = comparison.summary_values
    main, *further = summary.splits
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
            (Definitions(tuple(Term(*entry) for entry in definitions_of_ladder(summary.ladder, _TERMS))),),
            folded=True,
        ),
        _provenance(summary),
    )
    verdict = list(comparison.sentences())
    if failed:
        verdict.append(
            f"{listed(list(failed))} could not be analysed and {'is' if len(failed) == 1 else 'are'} missing."
        )
    return Document(_title(summary), tuple(verdict), tuple(section for section in sections if section.blocks))


def _title(summary: ComparisonSummary) -> str:
    others = [name for name in summary.runs if name != summary.reference]
    found = summary.series
    if found:
        numbers = list(found.numbers.values())
        return f"Inference gaps over training, {found.axis} {numbers[0]} to {numbers[-1]}"
    named = listed(others) if len(others) <= _NAMED else f"{len(others)} runs"
    return f"Inference gaps of {named} against {summary.reference}"


def _failed(failed: Mapping[str, str]) -> tuple[Block, ...]:
    return (Text(tuple(f"{name}: {message}" for name, message in failed.items()), "list"),) if failed else ()


def _series(comparison: Comparison, split: str, number: int) -> tuple[Block, ...]:
    return draw_series(comparison, split, number) if comparison.summary_values.series else ()


def _ladders(comparison: Comparison, split: str, number: int) -> tuple[Block, ...]:
    part = comparison.summary_values.splits[split]
    missing, figures = _missing(part), draw_ladders(comparison, split, number)
    if not part.levels:
        return (*figures, Text((missing,))) if missing else figures
    table = levels_table(part, split, number, comparison.summary_values.ladder, missing)
    return (*figures, table)


def _missing(part: ComparedSplit) -> str:
    sentences = ["The errors after ± are those over datapoints."] if part.levels else []
    if part.not_finite:
        sentences.append(f"No datapoint is finite in {listed(part.not_finite)}.")
    if part.left_out and part.levels:
        count, shared = part.left_out, part.datapoints
        sentences.append(f"{count} of the {shared} datapoints that all runs share are left out: not finite in a run.")
    return " ".join(sentences)


def _differences(comparison: Comparison, split: str, number: int) -> tuple[Block, ...]:
    reference, ladder = comparison.summary_values.reference, comparison.summary_values.ladder
    pairs = comparison.summary_values.splits[split].differences
    few = any_range(values for pair in pairs.values() for values in pair.quantities.values())
    notes = (_DIFFERENCE_NOTE.format(reference), *((RANGE_NOTE,) if few else ()), WINS_NOTE)
    tables = difference_tables(pairs, reference, split, number, ladder)
    return (*draw_differences(comparison, split, number), *tables, Text(notes, "note"))


def _changed(comparison: Comparison, split: str, number: int) -> tuple[Block, ...]:
    rows = comparison.summary_values.splits[split].changed
    reference, ladder = comparison.summary_values.reference, comparison.summary_values.ladder
    return (changed_table(rows, reference, split, number, ladder, comparison.pictures),) if rows else ()


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


def _notes(summary: ComparisonSummary) -> tuple[Block, ...]:
    found = summary.series
    told = [f"That the runs are checkpoints of one training is told by {found.told_by}."] if found else []
    notes = (*told, *summary.notes)
    return (Text(notes, "list"),) if notes else ()


def _provenance(summary: ComparisonSummary) -> Section:
    """The first run's facts, and of every other run those that differ from them."""
    reference = summary.reference
    first = summary.runs[reference]
    blocks: list[Block] = [Heading(reference), *provenance(first).blocks]
    for name, run in summary.runs.items():
        if name != reference:
            text = f"What is not listed here is as in {reference}."
            blocks += [Heading(name), Text((text,), "note"), *provenance(_unlike(run, first)).blocks]
    return Section("provenance", "Settings and provenance", tuple(blocks), folded=True)


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
