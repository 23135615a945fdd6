"""The tables of a comparison: means side by side, paired differences, wins, the datapoints that changed most."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gapkit.comparison.records import ComparedSplit, Pair, PairedMean
from gapkit.core.means import Mean
from gapkit.ladder import Gap, Ladder, Step, error_of, in_order, is_bound, quantity
from gapkit.report.blocks import Block, Cell, Column, PlusMinus, Row, Table
from gapkit.report.labels import label_cell, label_columns
from gapkit.report.miniatures import picture_of
from gapkit.report.statuses import interval_cell

__all__ = ["WINS_NOTE", "changed_table", "difference_tables", "levels_table"]

_BY_THEMSELVES = 3  # other runs, each with tables of its own; more share them
_ON_PAPER, _LONGEST_ON_PAPER = 20, 80  # rows

WINS_NOTE = (
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
_WINS = (
    Column("wins", "Wins", "count"),
    Column("losses", "Losses", "count"),
    Column("ties", "Ties", "count"),
    Column("clear_wins", "Clear wins", "count"),
    Column("clear_losses", "Clear losses", "count"),
)
_RUN, _QUANTITY = Column("run", "Run", "text"), Column("quantity", "Quantity", "text")


def levels_table(part: ComparedSplit, split: str, number: int, ladder: Ladder, footnote: str) -> Table:
    """The means of all runs: gaps with their errors over datapoints; the bounds, whose errors mislead, without.

    Args:
        part: what the comparison's summary holds of the split.
        split: its name.
        number: keeps the tables of several splits apart.
        ladder: of all runs.
        footnote: of the table.
    """

    def level(values: Mapping[str, Mean], name: str) -> Cell:
        mean = values[name].mean
        return mean if is_bound(name, ladder) else PlusMinus(mean, values[name].se_datapoints)

    return Table(
        name=f"levels-{number}",
        caption=f"Means in nats over the {part.used} datapoints of split {split} that are finite in all runs",
        columns=(_RUN, *(Column(name, quantity(name, ladder).label) for name in ladder.names)),
        rows=tuple(
            Row(run, (run, *(level(values, name) for name in ladder.names))) for run, values in part.levels.items()
        ),
        footnote=footnote,
    )


def difference_tables(
    pairs: Mapping[str, Pair], reference: str, split: str, number: int, ladder: Ladder
) -> tuple[Block, ...]:
    """How large the differences from the first run are, and on how many datapoints a run is better.

    Two tables for each of a few runs, or two for many runs together.

    Args:
        pairs: the differences of a split, by run.
        reference: name of the first run.
        split: its name.
        number: keeps the tables of several splits apart.
        ladder: of all runs.
    """
    if len(pairs) > _BY_THEMSELVES:
        rows = [_Line(run, name, values) for run, pair in pairs.items() for name, values in _ordered(pair, ladder)]
        size = f"Every run minus {reference} in nats, split {split}"
        wins = f"On how many datapoints every run is better than {reference}"
        return (
            _sizes(f"differences-{number}", size, rows, ladder, together=True),
            _wins(f"wins-{number}", wins, rows, ladder, together=True),
        )
    blocks: list[Block] = []
    for place, (run, pair) in enumerate(pairs.items(), 1):
        rows = [_Line(run, name, values) for name, values in _ordered(pair, ladder)]
        size = f"{run} minus {reference} in nats, {_counted(pair, split)}"
        wins = f"On how many datapoints {run} is better than {reference}"
        blocks.append(_sizes(f"differences-{number}-{place}", size, rows, ladder))
        blocks.append(_wins(f"wins-{number}-{place}", wins, rows, ladder))
    return tuple(blocks)


class _Line(NamedTuple):
    run: str
    name: str
    values: PairedMean


def _ordered(pair: Pair, ladder: Ladder) -> list[tuple[str, PairedMean]]:
    return [(name, pair.quantities[name]) for name in in_order(pair.quantities, ladder)]


def _sizes(name: str, caption: str, lines: Sequence[_Line], ladder: Ladder, together: bool = False) -> Table:
    def cells(line: _Line) -> tuple[Cell, ...]:
        kind = "bound" if is_bound(line.name, ladder) else "gap"
        numbers = (line.values.mean, line.values.se_monte_carlo, line.values.se_datapoints)
        return (*numbers, interval_cell(line.values), _EVIDENCE[line.values.direction][kind])

    rows = [(line, cells(line)) for line in lines]
    return _table(name, caption, _MEASURES, rows, ladder, _LONGEST_ON_PAPER if together else None)


def _wins(name: str, caption: str, lines: Sequence[_Line], ladder: Ladder, together: bool = False) -> Table:
    rows = [(line, tuple(getattr(line.values, column.key) for column in _WINS)) for line in lines]
    return _table(name, caption, _WINS, rows, ladder, _ON_PAPER if together else None)


def _table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[_Line, tuple[Cell, ...]]],
    ladder: Ladder,
    on_paper: int | None,
) -> Table:
    """One run's differences; with a limit on paper those of all runs, each row with its run."""
    if on_paper is None:
        shown = (Row(line.name, (quantity(line.name, ladder).label, *cells)) for line, cells in rows)
        return Table(name=name, caption=caption, columns=(_QUANTITY, *columns), rows=tuple(shown))
    shown = (
        Row(f"{line.run} {line.name}", (line.run, quantity(line.name, ladder).label, *cells)) for line, cells in rows
    )
    return Table(
        name=name,
        caption=caption,
        columns=(_RUN, _QUANTITY, *columns),
        rows=tuple(shown),
        interactive=True,
        on_paper=on_paper,
    )


def _counted(pair: Pair, split: str) -> str:
    only = {"run": pair.only_in_run, "reference": pair.only_in_reference}
    apart = (f"{count} only in the {where}" for where, count in only.items() if count)
    parts = [f"{pair.common} datapoints of split {split} in common", *apart]
    if pair.left_out:
        parts.append(f"{pair.left_out} not finite in one of them and left out")
    return ", ".join(parts)


def changed_table(
    rows: Sequence[Mapping[str, Any]],
    reference: str,
    split: str,
    number: int,
    ladder: Ladder,
    pictures: Mapping[tuple[str, int], np.ndarray],
) -> Table:
    """The datapoints whose total gap changed most.

    Args:
        rows: of the comparison's summary, at least one.
        reference: name of the first run.
        split: of the datapoints.
        number: keeps the tables of several splits apart.
        ladder: of all runs.
        pictures: small ones of some datapoints, by split and index.
    """
    total, *gaps = ladder.told
    before, after = f"{total.name}_reference", f"{total.name}_run"
    parts = (*gaps, ladder.top)
    label = quantity(total.name, ladder).label
    labels = label_columns([row["label"] for row in rows if "label" in row])

    def cells(row: Mapping[str, Any]) -> tuple[Cell, ...]:
        measured = (PlusMinus(row[part.name], row[error_of(part.name)]) for part in (total, *parts))
        label = (label_cell(row["label"]),) if labels else ()
        return (str(row["index"]), *label, row["run"], row[before], row[after], *measured)

    return Table(
        name=f"changed-{number}",
        caption=f"The {len(rows)} largest changes of the {total.label} among the datapoints of split {split}, in nats",
        columns=(
            Column("index", "Index", "text"),
            *labels,
            _RUN,
            Column(before, f"{label} of {reference}"),
            Column(after, f"{label} of the run"),
            Column(total.name, f"Difference of the {total.label}"),
            *(Column(part.name, _of(part)) for part in parts),
        ),
        rows=tuple(
            Row(f"{row['run']} {row['index']}", cells(row), picture=picture_of(pictures, split, row["index"]))
            for row in rows
        ),
        footnote=_CHANGED_NOTE.format(reference),
        interactive=True,
        on_paper=_ON_PAPER,
    )


def _of(part: Step) -> str:
    return f"Of {'the ' if isinstance(part, Gap) else ''}{part.label}"
