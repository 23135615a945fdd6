"""The stages that a unit goes through, in their order, as data: what each reads, what it comes after, what makes it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gapkit.engine import stages
from gapkit.engine.assemble import fits_of, table_of
from gapkit.engine.control import TOGETHER, control_subset
from gapkit.engine.convergence import Watched, watch
from gapkit.engine.explore import Explored, explore, wanted
from gapkit.engine.outputs import Stage, settings_of
from gapkit.engine.units import Unit
from gapkit.engine.work import Work, seed_of
from gapkit.estimators import Estimate
from gapkit.local import LocalFit, further, own_families
from gapkit.models.protocol import LatentModel

__all__ = ["pipeline"]

Have = Mapping[str, Any]


def pipeline(work: Work, split: str, unit: Unit) -> tuple[Stage, ...]:
    """The stages of a unit: bounds, fits, evidence, the route; further families and encoders; a closer look at a few.

    Args:
        work: what all units share.
        split: that the unit belongs to.
        unit: which datapoints.
    """
    spec = work.spec
    control = _control(work, split, unit)
    route = (spec.fit, spec.elbo, spec.evidence, spec.route, control, work.widened)
    families = further(work.like.dim, work.family, spec.families)
    found = [Stage("bounds", partial(_bounds, work), spec.iwae)]
    if work.bounds:
        estimators = [(name, settings_of(bound, work.run)) for name, bound in work.bounds.items()]
        found.append(Stage("bounds/own", partial(_own_bounds, work), estimators))
    found += [
        Stage("fits", partial(_fits, work), (spec.fit, spec.elbo, work.family)),
        Stage("evidence", partial(_evidence, work), spec.evidence, after=("fits",)),
        Stage("route", partial(_route, work, control), route, after=("fits", "evidence")),
    ]
    for name in families:
        reads = (spec.fit, spec.elbo, work.run if own_families([name]) else name)
        # That of the split is no such family: without it the unit has no ladder.
        run = partial(_family, work, name)
        found.append(Stage(f"fits/{name}", run, reads, after=("fits", "route"), optional=name != work.family))
    for name, model in work.encoders.items():
        encoder = (work.identities.get(name, ""), spec.elbo)
        found.append(Stage(f"encoders/{name}", partial(_encoder, work, model), encoder))
    if work.watched(split, unit):
        settings, after = replace(spec, families=(), seed=0), ("bounds", "fits", "evidence", "route")
        own = _stage_of(work.family, families)
        found.append(Stage("convergence", partial(_convergence, work), settings, after=(*after, *own)))
    if work.curve.wants(split, unit):
        steps, own = (spec.semi_amortized_steps, spec.elbo), _stage_of(work.curve.family, families)
        run = partial(_local_steps, work)
        found.append(Stage("local steps", run, steps, after=("fits", *own), optional=True))
    return tuple(found)


def _control(work: Work, split: str, unit: Unit) -> tuple[int, ...]:
    """The blocks of the control subset that reach into a unit: of other units its numbers know nothing."""
    chosen = control_subset(seed_of(work.spec.seed, split), len(work.data[split]), work.spec.route_control)
    return tuple(sorted(chosen & {index // TOGETHER for index in unit.indices}))


def _stage_of(family: str, families: Sequence[str]) -> tuple[str, ...]:
    """The stage of a family's own fits, where it has one: the Gaussian ones are fitted together."""
    return (f"fits/{family}",) if family in families else ()


def _bounds(work: Work, batch: stages.Batch, have: Have) -> stages.Bounds:
    return stages.bounds(batch, work.spec)


def _own_bounds(work: Work, batch: stages.Batch, have: Have) -> tuple[dict[str, Estimate], dict[str, str]]:
    return stages.own_bounds(batch, work.bounds)


def _fits(work: Work, batch: stages.Batch, have: Have) -> Any:
    return stages.fits(batch, work.bank, work.spec)


def _evidence(work: Work, batch: stages.Batch, have: Have) -> Any:
    return stages.evidence(batch, have["fits"], work.spec)


def _route(work: Work, control: tuple[int, ...], batch: stages.Batch, have: Have) -> Explored:
    looked = wanted(batch, have["fits"], have["evidence"], work.spec, control, everyone=work.widened)
    return explore(batch, work.bank, have["fits"], have["evidence"], work.spec, looked)


def _family(work: Work, name: str, batch: stages.Batch, have: Have) -> list[LocalFit]:
    """Fits of a further family: of the unit, and of each block of datapoints that were measured anew."""
    fits = [have["fits"], *(again.fitted for again in have["route"].again)]
    batches = [batch, *(again.batch(batch) for again in have["route"].again)]
    return [stages.family(part, known, name, work.spec) for part, known in zip(batches, fits, strict=True)]


def _encoder(work: Work, model: LatentModel, batch: stages.Batch, have: Have) -> Estimate:
    return stages.encoder(batch, work.spec, model)


def _convergence(work: Work, batch: stages.Batch, have: Have) -> Watched:
    return watch(batch, fits_of(have), table_of(work, batch, have), work.bank, work.spec)


def _local_steps(work: Work, batch: stages.Batch, have: Have) -> Any:
    return stages.curve_rows(batch, work.spec, fits_of(have))
