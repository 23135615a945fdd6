"""From the outputs of a unit's stages to its rows of the table, and to what may be shown of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gapkit.engine import stages
from gapkit.engine.chosen import Chosen, largest, typical
from gapkit.engine.explore import LOOKED, Again
from gapkit.engine.skipped import left_out
from gapkit.engine.table import Sought
from gapkit.engine.table import rows as rows_of
from gapkit.engine.units import Unit
from gapkit.engine.work import Work
from gapkit.estimators.evidence import SOURCES
from gapkit.local import LocalFits

__all__ = ["Tables", "chosen_of", "fits_of", "table_of", "tables_of"]

Have = Mapping[str, Any]
# The rows of a unit, and those of the blocks of datapoints that were measured anew, which are among them.
Tables = tuple[pd.DataFrame, list[tuple[Again, pd.DataFrame]]]


def fits_of(have: Have, number: int = 0) -> LocalFits:
    """The fits of a unit in all families; of the number-th block that was measured anew, counted from 1."""
    fitted: LocalFits = have["route"].again[number - 1].fitted if number else have["fits"]
    for name, output in have.items():
        family = name.removeprefix("fits/")
        if family != name:
            fitted = fitted.beside(family, output[number])
    return fitted


def table_of(work: Work, batch: stages.Batch, have: Have) -> pd.DataFrame:
    """The rows of a unit: those of datapoints that were measured anew are of their second measurement.

    Args:
        work: what all units share.
        batch: the unit.
        have: outputs of its stages, by name.
    """
    return tables_of(work, batch, have)[0]


def chosen_of(work: Work, unit: Unit, batch: stages.Batch, have: Have, tables: Tables) -> Chosen:
    """The datapoints of a unit that may be shown in detail: each with the fits that its row of the table is of."""
    size, total, fitted = work.spec.details, work.ladder.total.name, fits_of(have)
    table, parts = tables
    known = table[total].where(np.arange(len(table)) < unit.size)
    anew = [row for again, _ in parts for row in again.rows.tolist()]
    first = table.assign(**{total: known.drop(index=anew)})
    skipped: dict[str, str] = {}
    worst, middle = [], []
    with left_out("all", skipped):
        worst += largest(batch, fitted, first, size)
        middle += typical(batch, fitted, first) if unit.begins and size else []
        for number, (again, part) in enumerate(parts, 1):
            theirs = known.loc[again.rows.tolist()].set_axis(again.places.tolist())
            placed = part.assign(**{total: theirs})
            worst += largest(again.batch(batch), fits_of(have, number), placed, size)
    return Chosen(tuple(worst), tuple(middle), skipped.get("all", ""))


def tables_of(work: Work, batch: stages.Batch, have: Have) -> Tables:
    """The table, and those of the blocks of datapoints that were measured anew, whose rows are in it."""
    explored, iwae = have["route"], have["bounds"].iwae
    top = replace(have["evidence"], weak=have["evidence"].weak | explored.weak)
    others = {name.removeprefix("encoders/"): value for name, value in have.items() if name.startswith("encoders/")}
    mine, _ = have.get("bounds/own", ({}, {}))
    words = [LOOKED[number] for number in explored.looked.tolist()]
    least = tuple(work.missed.get(source, 0.0) for source in SOURCES)
    sought = Sought(words, explored.gained, explored.unseen, least)
    ladder = work.ladder
    table = pd.DataFrame(rows_of(batch, iwae, fits_of(have), top, others, sought, ladder, own=mine))
    parts = []
    for number, again in enumerate(explored.again, 1):
        block, rows = again.block, again.rows.tolist()
        theirs = {name: other.select(block) for name, other in others.items()}
        own = {name: bound.select(block) for name, bound in mine.items()}
        fitted = fits_of(have, number)
        there, bound, seen = again.batch(batch), iwae.select(block), sought.select(block)
        part = pd.DataFrame(rows_of(there, bound, fitted, again.top, theirs, seen, ladder, own=own))
        kept = table.drop(index=rows)
        table = pd.concat([kept, part.iloc[again.places.tolist()].set_axis(rows)]).sort_index()
        parts.append((again, part))
    return table, parts
