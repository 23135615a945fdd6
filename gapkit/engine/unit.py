"""A work unit as a pure function: its datapoints through all stages, and all that a run keeps of them.

The same work and unit give the same :class:`Finished` in any process, in any order, with or without the other units.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from gapkit.core.datapoints import Datapoints
from gapkit.core.randomness import Key
from gapkit.core.rows import Rows
from gapkit.core.trees import branches
from gapkit.doctor import require_support
from gapkit.engine import stages
from gapkit.engine.assemble import chosen_of, fits_of, tables_of
from gapkit.engine.chosen import Chosen
from gapkit.engine.convergence import Watched
from gapkit.engine.inputs import Values
from gapkit.engine.latents import Marginals, marginals
from gapkit.engine.outputs import Cost, Output, Stage, digest, identities
from gapkit.engine.pipeline import pipeline
from gapkit.engine.samples import draw_of_q
from gapkit.engine.skipped import reason
from gapkit.engine.store import Nothing, Place, Store
from gapkit.engine.units import Unit
from gapkit.engine.work import Work, seed_of
from gapkit.families.gaussian import Affine
from gapkit.families.protocol import Posterior
from gapkit.results.iwae_curve import GroupedBounds

__all__ = ["ROWS", "Finished", "run_unit"]

ROWS = "rows"  # the name under which a finished unit is kept
_PIECE = 2**16  # bytes that are read at a time, where nothing but their digest is wanted


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
        costs: decoder evaluations and seconds of all its stages, by their identity.
        identity: of all that it is made of; empty where a part failed, which is tried again the next time.
        seconds: spent now, by the stage's title; what was there already took none.
        skipped: why a part that others do not need could not be made, by its name.
        sides: of log p(x) on which bounds of one's own lie, by name; those that could not be made are not in it.
        failed: why some of these could not be made, by name.
        draws: of the encoder's posteriors, one of each datapoint, shape (B, D), where they are wanted for pictures.
    """

    split: str
    unit: Unit
    table: pd.DataFrame
    grouped: GroupedBounds
    q: Marginals | None
    q_star: Marginals | None
    chosen: Chosen
    curve: pd.DataFrame | None
    watched: Watched | None
    costs: Mapping[str, Cost]
    identity: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    sides: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    draws: np.ndarray | None = None


def run_unit(
    work: Work,
    split: str,
    unit: Unit,
    tell: Callable[[str], None] = lambda stage: None,
    store: Store | None = None,
) -> Finished:
    """Take a unit through all stages; what the store has of them is not made again, and what is made is kept there.

    Args:
        work: what all units share.
        split: that it belongs to.
        unit: which datapoints.
        tell: hears the title of each stage that is done.
        store: None keeps nothing.

    Raises:
        Exception: whatever the model raises on these datapoints, in a stage that the unit does not go without.
    """
    place, store = Place(split, unit.number), store or Nothing()
    key = Key(seed_of(work.spec.seed, split), unit.indices)
    rows = list(unit.indices)
    data = work.data[split]
    todo = pipeline(work, split, unit)
    named = identities(digest(work.identity, split, key, *_contents(data, rows)), todo)
    whole = digest(
        ROWS, "draws", *named.values(), sorted(work.missed.items()), unit.size, split == work.first, work.spec.details
    )
    there = store.find(place, ROWS, whole)
    if there is not None:
        for stage in todo:
            tell(stage.title)
        finished: Finished = there.value
        return finished

    points = data[rows]
    if isinstance(data.x, Rows):  # of which a sample alone was checked before
        require_support(work.like.model, points.x, points.condition)
    batch = stages.make_batch(work.like, points, key)
    have, costs = dict[str, Any](), dict[str, Cost]()
    seconds, skipped = dict[str, float](), dict[str, str]()
    for stage in todo:
        identity = named[stage.name]
        output = store.find(place, stage.name, identity)
        if output is None:
            try:
                output = _made(stage, identity, batch, have, work)
            except Exception as error:  # whatever a model does here, the numbers of the other stages stand
                if not stage.optional:
                    raise
                skipped[stage.name] = reason(error)
                continue
            seconds[stage.title] = seconds.get(stage.title, 0.0) + output.cost.seconds
            store.keep(place, stage.name, output)
        have[stage.name], costs[identity] = output.value, output.cost
        tell(stage.title)

    finished = _finished(work, split, unit, batch, have, costs, skipped)
    if not skipped and not finished.failed:  # what failed is tried again the next time
        finished = replace(finished, identity=whole)
        store.keep(place, ROWS, Output(whole, finished, Cost()))
    return replace(finished, seconds=seconds)


def _made(stage: Stage, identity: str, batch: stages.Batch, have: Mapping[str, Any], work: Work) -> Output:
    """Run a stage, with no more than it names, and count what it takes."""
    given = {name: have[name] for name in stage.after if name in have}
    before, start = work.like.work.copy(), time.perf_counter()
    value = stage.run(batch, given)
    return Output(identity, value, Cost(work.like.work - before, time.perf_counter() - start))


def _finished(
    work: Work,
    split: str,
    unit: Unit,
    batch: stages.Batch,
    have: Mapping[str, Any],
    costs: Mapping[str, Cost],
    skipped: Mapping[str, str],
) -> Finished:
    """What is kept of a unit whose stages are done."""
    fitted = fits_of(have)
    tables = tables_of(work, batch, have)
    star: Posterior = fitted.family(fitted.own).q
    own, failed = have.get("bounds/own", ({}, {}))
    return Finished(
        split,
        unit,
        tables[0].head(unit.size),
        have["bounds"].grouped.head(unit.size),
        marginals(batch.q, unit),
        marginals(star if isinstance(star, Affine) else fitted.mean_field.q, unit),
        chosen_of(work, unit, batch, have, tables) if split == work.first else Chosen(),
        have.get("local steps"),
        have.get("convergence"),
        costs,
        skipped=skipped,
        sides={name: bound.bound.value for name, bound in own.items() if name not in failed},
        failed=failed,
        draws=draw_of_q(batch, unit, len(work.data[split])) if split == work.first and work.spec.details else None,
    )


def _contents(points: Datapoints, rows: list[int]) -> list[bytes]:
    """Digests of the data, of what the encoder is given, and of each part of the condition."""
    own = _content(points.x, rows)
    inputs = own if points.plain else _content(points.inputs, rows)
    if points.condition is None:
        return [own, inputs]
    parts = (path.encode() + _content(leaf, rows) for path, leaf in branches(points.condition))
    return [own, inputs, *parts]


def _content(values: Values, rows: list[int]) -> bytes:
    """A digest of some datapoints: type, shape and bytes.

    Those that are read when they are wanted are read a few at a time: a large piece of memory that is given back before
    the small ones that stay leaves a gap between them, and a million datapoints leave many.
    """
    found = hashlib.sha256(f"{values.dtype} {tuple(values.shape[1:])} {len(rows)}".encode())
    few = len(rows)
    if isinstance(values, Rows):
        few = max(1, _PIECE // max(1, values[0].numel() * values.dtype.itemsize))
    for begin in range(0, len(rows), few):
        part: Tensor = values[rows[begin : begin + few]]
        found.update(part.detach().cpu().contiguous().numpy().tobytes())
    return found.digest()
