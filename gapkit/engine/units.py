"""All units of an analysis: their stages in order, and what is kept of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from gapkit.engine import stages
from gapkit.engine.convergence import Convergence, watch
from gapkit.engine.curve import CurvePlan
from gapkit.engine.explore import LOOKED, Again, Explored, explore, wanted
from gapkit.engine.further import Further
from gapkit.engine.keeper import Keeper
from gapkit.engine.plan import Unit
from gapkit.engine.progress import Stopwatch
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.table import Sought
from gapkit.engine.table import rows as rows_of
from gapkit.estimators import Estimate
from gapkit.evidence import SOURCES
from gapkit.local import Bank
from gapkit.models.protocol import LatentModel
from gapkit.models.target import Target
from gapkit.randomness import Key

__all__ = ["Gone", "Work", "go_through"]

# Of the control subset, that the search missed modes for, so that it is widened for all.
_FEWEST, _SHARE = 2, 0.05


@dataclass(frozen=True)
class Work:
    """What the units of an analysis share.

    Attributes:
        like: any target of the model, which is frozen and in its place.
        data: by split.
        inputs: what encoders are given, by split.
        units: by split.
        bank: starts.
        spec: settings.
        encoders: further ones, by name.
        curve: for which units local steps are taken.
        order: in which order the units are done; the numbers do not depend on it.
    """

    like: Target
    data: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]
    units: Mapping[str, tuple[Unit, ...]]
    bank: Bank | None
    spec: AnalysisSpec
    encoders: Mapping[str, LatentModel]
    curve: CurvePlan
    order: Callable[[tuple[Unit, ...]], tuple[Unit, ...]]


@dataclass
class Gone:
    """What the units gave.

    Attributes:
        keeper: datapoints of the first split that are looked at in the end.
        frames: the table of each split.
        further: what the summary of each split holds beside the table.
        curves: L[q] after local steps.
        watched: how AIS and fits came to rest.
        control: of how many datapoints of the control subset the route found modes that the search had missed.
    """

    keeper: Keeper
    frames: list[pd.DataFrame] = field(default_factory=list)
    further: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    curves: list[pd.DataFrame] = field(default_factory=list)
    watched: Convergence = field(default_factory=Convergence)
    control: dict[str, int] = field(default_factory=dict)

    @property
    def misses(self) -> bool:
        """Whether the search is seen to miss modes, so that it should be widened for all."""
        return self.control["missed"] >= max(_FEWEST, _SHARE * self.control["count"])


def go_through(work: Work, run_stage: Stopwatch, *, widened: bool, unseen: Mapping[str, float] | None = None) -> Gone:
    """Run the stages of all units.

    Args:
        work: what they share.
        run_stage: runs and counts stages.
        widened: whether the independent route is gone for every datapoint.
        unseen: posterior mass that is known to be missed on data of the model, by the source of log p(x).
    """
    least = tuple((unseen or {}).get(source, 0.0) for source in SOURCES)
    first, gone = next(iter(work.data)), Gone(Keeper(work.spec.details))
    for split, units in work.units.items():
        tables, beside = {}, Further()
        for unit in work.order(units):
            tables[unit.number] = _unit(work, run_stage, gone, beside, split, unit, first == split, widened, least)
        frame = pd.concat([tables[number] for number in sorted(tables)], ignore_index=True)
        frame.insert(0, "split", split)
        gone.frames.append(frame)
        gone.further[split] = beside.summary(frame, work.like, work.spec, seed_of(work.spec.seed, split))
    route = pd.concat(gone.frames)[["route", "route_mass"]]
    control = route[route["route"] == "control"]
    gone.control = {"count": len(control), "missed": int((control["route_mass"] > 0).sum())}
    return gone


def _unit(
    work: Work,
    run_stage: Stopwatch,
    gone: Gone,
    beside: Further,
    split: str,
    unit: Unit,
    is_first: bool,
    widened: bool,
    least: tuple[float, ...],
) -> pd.DataFrame:
    """The rows of a unit."""
    spec, bank, rows = work.spec, work.bank, list(unit.indices)
    key = Key(seed_of(spec.seed, split), unit.indices)
    batch = stages.make_batch(work.like, work.data[split][rows], key, work.inputs[split][rows])
    found = run_stage("bounds", stages.bounds, batch, spec)
    fitted = run_stage("fits", stages.fits, batch, bank, spec)
    top = run_stage("evidence", stages.evidence, batch, fitted, spec)
    looked = wanted(batch, fitted, top, spec, len(work.data[split]), everyone=widened)
    explored = run_stage("route", explore, batch, bank, fitted, top, spec, looked)
    top = replace(top, weak=top.weak | explored.weak)
    others = run_stage("encoders", stages.encoders, batch, spec, work.encoders) if work.encoders else {}
    looked_for = [LOOKED[number] for number in explored.looked.tolist()]
    sought = Sought(looked_for, explored.gained, explored.unseen, least)
    table = pd.DataFrame(rows_of(batch, found.iwae, fitted, top, others, sought))
    table, parts = _mended(table, explored, found.iwae, others, sought)
    beside.see(unit, batch, found, fitted)
    if is_first:
        known = table["total_gap"].where(np.arange(len(table)) < unit.size)
        anew = [row for again in explored.again for row in again.rows.tolist()]
        gone.keeper.see(unit, batch, fitted, table.assign(total_gap=known.drop(index=anew)))
        for again, part in parts:
            theirs = known.loc[again.rows.tolist()].set_axis(again.places.tolist())
            gone.keeper.see(replace(unit, number=-1), again.batch, again.fitted, part.assign(total_gap=theirs))
    table = table.head(unit.size)
    if is_first and unit.number == 0 and spec.convergence:
        gone.watched = run_stage("convergence", watch, batch, fitted, table, bank, spec)
    if work.curve.wants(split, unit):
        gone.curves.append(run_stage("local steps", stages.curve_rows, batch, spec, fitted))
    return table


def _mended(
    table: pd.DataFrame,
    explored: Explored,
    iwae: Estimate,
    others: Mapping[str, Estimate],
    sought: Sought,
) -> tuple[pd.DataFrame, list[tuple[Again, pd.DataFrame]]]:
    """The table with the rows of datapoints that were measured anew in their places, and the tables of their blocks."""
    parts = []
    for again in explored.again:
        block, rows = again.block, again.rows.tolist()
        theirs = {name: other.select(block) for name, other in others.items()}
        new = rows_of(again.batch, iwae.select(block), again.fitted, again.top, theirs, sought.select(block))
        part = pd.DataFrame(new)
        kept = table.drop(index=rows)
        table = pd.concat([kept, part.iloc[again.places.tolist()].set_axis(rows)]).sort_index()
        parts.append((again, part))
    return table, parts


def seed_of(seed: int, split: str) -> int:
    """Each split has random numbers of its own, whichever other splits are analysed with it."""
    return int(np.random.SeedSequence([seed, *split.encode()]).generate_state(1)[0])
