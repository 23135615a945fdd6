"""A work unit as a pure function: its datapoints through all stages, and all that a run keeps of them.

The same work and unit give the same :class:`Finished` in any process, in any order, with or without the other units.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.engine import stages
from gapkit.engine.chosen import Chosen, largest, typical
from gapkit.engine.convergence import Convergence, watch
from gapkit.engine.curve import CurvePlan
from gapkit.engine.explore import LOOKED, Again, Explored, explore, wanted
from gapkit.engine.latents import Marginals, marginals
from gapkit.engine.plan import Unit
from gapkit.engine.progress import Stopwatch
from gapkit.engine.skipped import left_out
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.table import Sought
from gapkit.engine.table import rows as rows_of
from gapkit.estimators import Estimate, Estimator
from gapkit.estimators.evidence import SOURCES
from gapkit.families.gaussian import Affine
from gapkit.ladder import STANDARD
from gapkit.local import Bank, LocalFits
from gapkit.models.protocol import LatentModel
from gapkit.results.iwae_curve import GroupedBounds
from gapkit.target import Target
from gapkit.target.work import Work as Counted

__all__ = ["Finished", "Work", "run_unit", "seed_of"]


@dataclass(frozen=True)
class Work:
    """What the units of an analysis share; nothing of it changes while they run but the count of ``like.work``.

    Attributes:
        like: any target of the model, which is frozen and in its place.
        data: by split.
        inputs: what encoders are given, by split.
        bank: starts.
        spec: settings.
        encoders: further ones, by name.
        curve: for which units local steps are taken.
        widened: whether the independent route is gone for every datapoint.
        missed: posterior mass that is known to be missed on data of the model, by the source of log p(x).
        bounds: of one's own, by name.
    """

    like: Target
    data: Mapping[str, Tensor]
    inputs: Mapping[str, Tensor]
    bank: Bank | None
    spec: AnalysisSpec
    encoders: Mapping[str, LatentModel]
    curve: CurvePlan
    widened: bool = False
    missed: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, Estimator] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The split that pictures and curves are made of."""
        return next(iter(self.data))


@dataclass(frozen=True)
class Finished:
    """All that a run keeps of a unit.

    Attributes:
        split: that it belongs to.
        unit: which one.
        table: its rows, without those that only fill the unit.
        grouped: its IWAE bounds with fewer draws.
        q: means and deviations of the encoder's posteriors; None where they are not Gaussian.
        q_star: of the fitted ones, of the family of the split where that is Gaussian, else factorised ones.
        chosen: its datapoints that may be looked at in the end.
        curve: L[q] after local steps, where they are taken.
        watched: how AIS and fits came to rest, where that is looked at.
        work: decoder evaluations.
        seconds: by stage.
        skipped: why a part that others do not need could not be made, by its name.
        sides: of log p(x) on which bounds of one's own lie, by name; those that could not be made are not in it.
        failed: why some of these could not be made, by name.
    """

    split: str
    unit: Unit
    table: pd.DataFrame
    grouped: GroupedBounds
    q: Marginals | None
    q_star: Marginals | None
    chosen: Chosen
    curve: pd.DataFrame | None
    watched: Convergence | None
    work: Counted
    seconds: Mapping[str, float]
    skipped: Mapping[str, str]
    sides: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


def run_unit(work: Work, split: str, unit: Unit, tell: Callable[[str], None] = lambda stage: None) -> Finished:
    """Take a unit through all stages.

    Args:
        work: what all units share.
        split: that it belongs to.
        unit: which datapoints.
        tell: hears the name of each stage that is done.

    Raises:
        Exception: whatever the model raises on these datapoints.
    """
    spec, bank, indices = work.spec, work.bank, list(unit.indices)
    run_stage, before = Stopwatch(0, lambda step: tell(step.stage)), work.like.work.copy()
    key = Key(seed_of(spec.seed, split), unit.indices)
    batch = stages.make_batch(work.like, work.data[split][indices], key, work.inputs[split][indices])
    bounds = run_stage("bounds", stages.bounds, batch, spec, work.bounds)
    fitted = run_stage("fits", stages.fits, batch, bank, spec)
    top = run_stage("evidence", stages.evidence, batch, fitted, spec)
    looked = wanted(batch, fitted, top, spec, len(work.data[split]), everyone=work.widened)
    explored = run_stage("route", explore, batch, bank, fitted, top, spec, looked)
    top = replace(top, weak=top.weak | explored.weak)
    others = run_stage("encoders", stages.encoders, batch, spec, work.encoders) if work.encoders else {}
    words = [LOOKED[number] for number in explored.looked.tolist()]
    least = tuple(work.missed.get(source, 0.0) for source in SOURCES)
    sought = Sought(words, explored.gained, explored.unseen, least)
    table = pd.DataFrame(rows_of(batch, bounds.iwae, fitted, top, others, sought, own=bounds.own))
    table, parts = _mended(table, explored, bounds, others, sought)
    chosen = _chosen(unit, batch, fitted, table, parts, spec.details) if split == work.first else Chosen()
    table = table.head(unit.size)
    watched, curve, skipped = None, None, dict[str, str]()
    if split == work.first and unit.number == 0 and spec.convergence:
        watched = run_stage("convergence", watch, batch, fitted, table, bank, spec)
    if work.curve.wants(split, unit):
        with left_out("local steps", skipped):
            curve = run_stage("local steps", stages.curve_rows, batch, spec, fitted)
    star = fitted.family(fitted.own).q
    gaussian = isinstance(star, Affine)
    return Finished(
        split,
        unit,
        table,
        bounds.grouped.head(unit.size),
        marginals(batch.q, unit),
        marginals(star if gaussian else fitted.mean_field.q, unit),
        chosen,
        curve,
        watched,
        work.like.work - before,
        run_stage.seconds,
        skipped,
        {name: bound.bound.value for name, bound in bounds.own.items() if name not in bounds.skipped},
        bounds.skipped,
    )


def _mended(
    table: pd.DataFrame,
    explored: Explored,
    bounds: stages.Bounds,
    others: Mapping[str, Estimate],
    sought: Sought,
) -> tuple[pd.DataFrame, list[tuple[Again, pd.DataFrame]]]:
    """The table with the rows of datapoints that were measured anew in their places, and the tables of their blocks."""
    parts = []
    for again in explored.again:
        block, rows = again.block, again.rows.tolist()
        theirs = {name: other.select(block) for name, other in others.items()}
        iwae, own = bounds.iwae.select(block), {name: bound.select(block) for name, bound in bounds.own.items()}
        new = rows_of(again.batch, iwae, again.fitted, again.top, theirs, sought.select(block), own=own)
        part = pd.DataFrame(new)
        kept = table.drop(index=rows)
        table = pd.concat([kept, part.iloc[again.places.tolist()].set_axis(rows)]).sort_index()
        parts.append((again, part))
    return table, parts


def _chosen(
    unit: Unit,
    batch: stages.Batch,
    fitted: LocalFits,
    table: pd.DataFrame,
    parts: list[tuple[Again, pd.DataFrame]],
    size: int,
) -> Chosen:
    """The datapoints of a unit that may be looked at: each with the fits that its row of the table is of."""
    total = STANDARD.total.name
    known = table[total].where(np.arange(len(table)) < unit.size)
    anew = [row for again, _ in parts for row in again.rows.tolist()]
    first = table.assign(**{total: known.drop(index=anew)})
    skipped: dict[str, str] = {}
    worst, middle = [], []
    with left_out("all", skipped):
        worst += largest(batch, fitted, first, size)
        middle += typical(batch, fitted, first) if unit.number == 0 and size else []
        for again, part in parts:
            theirs = known.loc[again.rows.tolist()].set_axis(again.places.tolist())
            worst += largest(again.batch, again.fitted, part.assign(**{total: theirs}), size)
    return Chosen(tuple(worst), tuple(middle), skipped.get("all", ""))


def seed_of(seed: int, split: str) -> int:
    """Each split has random numbers of its own, whichever other splits are analysed with it."""
    return int(np.random.SeedSequence([seed, *split.encode()]).generate_state(1)[0])
