"""What reports of datapoints share: cells from rows of a table, and the table that explains their statuses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gapkit.core.means import Uncertain
from gapkit.core.phrases import RANGE_NOTE, any_range, interval_text
from gapkit.ladder import STANDARD, Ladder
from gapkit.report.blocks import Column, Interval, Range, Row, Table
from gapkit.report.wording import UNKNOWN_STATUS
from gapkit.results.status import statuses_of

__all__ = ["interval_cell", "number_or_none", "range_note", "status_table", "status_words"]


def number_or_none(value: object) -> float | None:
    """A number of a data frame as a cell; None where it is missing."""
    return None if pd.isna(value) else float(value)  # type: ignore[arg-type]


def interval_cell(values: Uncertain) -> Interval | str:
    """The 95% interval of a quantity of a summary; its range where there are too few datapoints for one.

    Example:
        >>> from gapkit.core.means import Mean
        >>> interval_cell(Mean(1.0, 0.1, 0.3, None, (0.5, 2.0), 4, 0))
        Range(low=0.5, high=2.0)
    """
    if values.ci95 is not None:
        return Interval(*values.ci95)
    if values.extent is not None:
        return Range(*values.extent)
    return Interval(None, None) if values.mean is None else interval_text(values)


def range_note(numbers: Iterable[Uncertain], note: str = "") -> str:
    """A footnote, and what a range is where one of the numbers of a table has no interval."""
    return f"{note} {RANGE_NOTE}".strip() if any_range(numbers) else note


def status_words(row: Mapping[str, Any]) -> str:
    """The statuses of a row, apart from each other.

    Example:
        >>> status_words({"status": "fit_budget,evidence_weak"})
        'fit_budget, evidence_weak'
    """
    return ", ".join(str(row["status"]).split(","))


def status_table(
    counts: Sequence[Mapping[str, int]],
    columns: Sequence[Column],
    shown: str = "",
    left_out: Sequence[str] = (),
    ladder: Ladder = STANDARD,
) -> Table:
    """Every status that occurs, the most frequent one first, with what it means.

    Args:
        counts: how many datapoints have each status, one mapping for each set of datapoints.
        columns: of those sets.
        shown: what to add to the caption.
        left_out: statuses that are not listed.
        ladder: in whose labels they are written.
    """
    total: dict[str, int] = {}
    for each in counts:
        for word, count in each.items():
            total[word] = total.get(word, 0) + int(count)
    words = sorted((word for word in total if word not in left_out), key=lambda word: -total[word])
    meanings = statuses_of(ladder)
    rows = (
        Row(word, (word, *(int(each.get(word, 0)) for each in counts), *meanings.get(word, UNKNOWN_STATUS)))
        for word in words
    )
    return Table(
        name="statuses",
        caption=f"Every status that occurs{shown}; a datapoint may have several",
        columns=(
            Column("status", "Status", "text"),
            *columns,
            Column("meaning", "Meaning", "text"),
            Column("advice", "What to do", "text"),
        ),
        rows=tuple(rows),
    )
