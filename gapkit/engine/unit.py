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
from gapkit.engine.outputs import Made, Output, digest, unrepeatable
from gapkit.engine.plan import Unit
from gapkit.engine.skipped import left_out
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.table import Sought
from gapkit.engine.table import rows as rows_of
from gapkit.estimators import Estimate, Estimator
from gapkit.estimators.evidence import SOURCES, Evidence
from gapkit.families.gaussian import Affine
from gapkit.ladder import STANDARD
from gapkit.local import Bank, LocalFit, LocalFits, further, own_families
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
        widened: whether the independent route is run for every datapoint.
        missed: posterior mass that is known to be missed on data of the model, by the source of log p(x).
        identity: of model, starts and whatever else all stages are made of; empty where no outputs are to be kept.
        identities: of the further encoders, by name.
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
    identity: str = ""
    identities: Mapping[str, str] = field(default_factory=dict)
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
        chosen: its datapoints that may be shown in detail.
        curve: L[q] after local steps, where they are taken.
        watched: how AIS and fits came to rest, where that is looked at.
        work: decoder evaluations that were made now.
        seconds: spent now, by stage.
        skipped: why a part that others do not need could not be made, by its name.
        outputs: of its stages, where the work is to be kept.
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
    outputs: Mapping[str, Output] = field(default_factory=dict)
    sides: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


def run_unit(
    work: Work,
    split: str,
    unit: Unit,
    tell: Callable[[str], None] = lambda stage: None,
    have: Mapping[str, Output] | None = None,
) -> Finished:
    """Take a unit through all stages.

    Args:
        work: what all units share.
        split: that it belongs to.
        unit: which datapoints.
        tell: hears the name of each stage that is done.
        have: outputs of stages from before, by name: those made of the same are not made again.

    Raises:
        Exception: whatever the model raises on these datapoints, in a stage that the unit does not go without.
    """
    spec, bank, indices, before = work.spec, work.bank, list(unit.indices), work.like.work.copy()
    key = Key(seed_of(spec.seed, split), unit.indices)
    batch = stages.make_batch(work.like, work.data[split][indices], key, work.inputs[split][indices])
    made = Made(_identity(work, split, batch), have or {}, work.like.work)

    bounds = made("bounds", spec.iwae, stages.bounds, batch, spec)
    mine, failed = (
        made("bounds/own", unrepeatable(), stages.own_bounds, batch, work.bounds) if work.bounds else ({}, {})
    )
    tell("bounds")
    fitted = made("fits", (spec.fit, spec.elbo, stages.own(batch, spec)), stages.fits, batch, bank, spec)
    tell("fits")
    top = made("evidence", spec.evidence, stages.evidence, batch, fitted, spec, after=["fits"])
    tell("evidence")
    asked = (spec.fit, spec.elbo, spec.evidence, spec.route, spec.route_control, work.widened)
    size = len(work.data[split])
    explored = made("route", (*asked, size), _explored, work, batch, fitted, top, size, after=["fits", "evidence"])
    tell("route")
    fitted, explored = _with_families(made, work, batch, fitted, explored, tell)
    top = replace(top, weak=top.weak | explored.weak)
    others = _encoders(made, work, batch, tell)

    words = [LOOKED[number] for number in explored.looked.tolist()]
    least = tuple(work.missed.get(source, 0.0) for source in SOURCES)
    sought = Sought(words, explored.gained, explored.unseen, least)
    table = pd.DataFrame(rows_of(batch, bounds.iwae, fitted, top, others, sought, own=mine))
    table, parts = _mended(batch, table, explored, bounds.iwae, mine, others, sought)
    chosen = _chosen(unit, batch, fitted, table, parts, spec.details) if split == work.first else Chosen()
    table = table.head(unit.size)

    watched, curve = None, None
    families = sorted(name for name in (f"fits/{fitted.own}", f"fits/{work.curve.family}") if name in made.outputs)
    if split == work.first and unit.number == 0 and spec.convergence:
        settings = replace(spec, families=(), seed=0)
        before_that = ["fits", "evidence", "route", *families]
        watched = made("convergence", settings, watch, batch, fitted, table, bank, spec, after=before_that)
        tell("convergence")
    if work.curve.wants(split, unit):
        steps = (spec.semi_amortized_steps, spec.elbo)
        curve = made.optional("local steps", steps, stages.curve_rows, batch, spec, fitted, after=["fits", *families])
        tell("local steps")
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
        made.seconds,
        made.skipped,
        made.outputs,
        {name: bound.bound.value for name, bound in mine.items() if name not in failed},
        failed,
    )


def _identity(work: Work, split: str, batch: stages.Batch) -> str:
    """What all stages of a unit are made of; empty where nothing is to be kept."""
    if not work.identity:
        return ""
    data = (part.detach().cpu().contiguous().numpy().tobytes() for part in (batch.target.x, batch.inputs))
    return digest(work.identity, split, batch.key, *data)


def _explored(work: Work, batch: stages.Batch, fitted: LocalFits, top: Evidence, size: int) -> Explored:
    looked = wanted(batch, fitted, top, work.spec, size, everyone=work.widened)
    return explore(batch, work.bank, fitted, top, work.spec, looked)


def _with_families(
    made: Made, work: Work, batch: stages.Batch, fitted: LocalFits, explored: Explored, tell: Callable[[str], None]
) -> tuple[LocalFits, Explored]:
    """Fits of further families, also for the datapoints that were measured anew; one that fails is left out.

    That of the split is no such family: without it the unit has no ladder.
    """
    spec, fits = work.spec, [fitted, *(again.fitted for again in explored.again)]
    batches = [batch, *(again.batch(batch) for again in explored.again)]
    for name in further(batch.target.dim, fitted.own, spec.families):
        run = made if name == fitted.own else made.optional
        settings = (spec.fit, spec.elbo, unrepeatable() if own_families([name]) else name)
        found = run(f"fits/{name}", settings, _fitted, batches, fits, name, spec, after=["fits", "route"])
        tell("fits")
        if found is not None:
            fits = [known.beside(name, theirs) for known, theirs in zip(fits, found, strict=True)]
    again = tuple(replace(one, fitted=theirs) for one, theirs in zip(explored.again, fits[1:], strict=True))
    return fits[0], replace(explored, again=again)


def _fitted(batches: list[stages.Batch], fits: list[LocalFits], name: str, spec: AnalysisSpec) -> list[LocalFit]:
    return [stages.family(batch, known, name, spec) for batch, known in zip(batches, fits, strict=True)]


def _encoders(made: Made, work: Work, batch: stages.Batch, tell: Callable[[str], None]) -> dict[str, Estimate]:
    """L[q'] of further encoders."""
    found = {}
    for name, model in work.encoders.items():
        identity = (name, work.identities.get(name, ""), work.spec.elbo)
        found[name] = made(f"encoders/{name}", identity, stages.encoder, batch, work.spec, model)
    if found:
        tell("encoders")
    return found


def _mended(
    batch: stages.Batch,
    table: pd.DataFrame,
    explored: Explored,
    iwae: Estimate,
    mine: Mapping[str, Estimate],
    others: Mapping[str, Estimate],
    sought: Sought,
) -> tuple[pd.DataFrame, list[tuple[Again, pd.DataFrame]]]:
    """The table with the rows of datapoints that were estimated again put in, and the tables of their blocks."""
    parts = []
    for again in explored.again:
        block, rows = again.block, again.rows.tolist()
        theirs = {name: other.select(block) for name, other in others.items()}
        own = {name: bound.select(block) for name, bound in mine.items()}
        new = rows_of(
            again.batch(batch), iwae.select(block), again.fitted, again.top, theirs, sought.select(block), own=own
        )
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
    """The datapoints of a unit that may be shown in detail: each with the fits that its row of the table is of."""
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
            worst += largest(again.batch(batch), again.fitted, part.assign(**{total: theirs}), size)
    return Chosen(tuple(worst), tuple(middle), skipped.get("all", ""))


def seed_of(seed: int, split: str) -> int:
    """Each split has random numbers of its own, whichever other splits are analysed with it."""
    return int(np.random.SeedSequence([seed, *split.encode()]).generate_state(1)[0])
