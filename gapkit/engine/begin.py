"""What comes before the units: data and model brought together and checked, and what all units share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gapkit.doctor import checked_device, moved_to
from gapkit.engine import stages
from gapkit.engine.bank import build_shared_bank
from gapkit.engine.encoders import check_encoder_names, in_place
from gapkit.engine.forecast import warn_if_wide
from gapkit.engine.given import Given
from gapkit.engine.identity import identity_of_encoder, identity_of_work
from gapkit.engine.misses import AGAIN, misses, still_missing, unreached
from gapkit.engine.own_bounds import checked_bounds
from gapkit.engine.pipeline import pipeline
from gapkit.engine.prepared import Prepared, prepared
from gapkit.engine.progress import Progress, Stopwatch
from gapkit.engine.rungs import checked_ladder
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.units import Unit
from gapkit.engine.work import Work
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.results.records import SearchSummary

__all__ = ["Begun", "begun"]


@dataclass(frozen=True)
class Begun:
    """An analysis whose units can be run.

    Attributes:
        ready: data and model, checked.
        work: what the units share.
        units: each with its split.
        search: what the search for modes misses on simulated data.
        run_stage: runs further stages, and counts seconds and progress.
    """

    ready: Prepared
    work: Work
    units: tuple[tuple[str, Unit], ...]
    search: SearchSummary
    run_stage: Stopwatch


@contextmanager
def begun(
    model: LatentModel,
    given: Given,
    spec: AnalysisSpec,
    progress: Callable[[Progress], None] | None = None,
    further: int = 0,
    only: slice = slice(None),
    when_ready: Callable[[], None] = lambda: None,
) -> Iterator[Begun]:
    """Bring model and data together, and make what all units share; the model is frozen and in its place meanwhile.

    Args:
        model: an object of the model contract.
        given: data and all else.
        spec: settings.
        progress: called after every stage.
        further: stages that come after the units.
        only: which of the units are to be run.
        when_ready: called when nothing is refused any more.

    Raises:
        InputError: model, data, labels, encoders or bounds cannot be analysed together.
    """
    device, encoders = checked_device(given.device), dict(given.encoders)
    check_encoder_names(encoders)
    bounds, ladder = checked_bounds(given.bounds), checked_ladder(given.ladder, encoders)
    with frozen(model), moved_to(model, device), in_place(encoders, device):
        ready = prepared(model, given, spec, device)
        when_ready()
        first, encoders = ready.data[ready.first], dict(ready.encoders)
        like, family = stages.like_of(ready.model, first), ready.families.split
        work = Work(like, ready.data, None, spec, family, encoders, ready.curve, "", bounds=bounds, ladder=ladder)
        units = tuple((split, unit) for split, planned in ready.units.items() for unit in planned)[only]
        count = sum(len(pipeline(work, split, unit)) for split, unit in units)
        run_stage = Stopwatch(2 + count + further, progress)
        bank = run_stage("bank", build_shared_bank, like, ready.data, given.other_x, spec)
        search = run_stage("search", misses, like, bank, spec)
        if search.widen:
            began = time.perf_counter()
            search = still_missing(like, bank, spec, search)
            if search.skipped_again is None:
                warn_if_wide(sum(unit.size for _, unit in units), time.perf_counter() - began, AGAIN)
        work = replace(
            work,
            bank=bank,
            identity=identity_of_work(like, first, bank),
            identities={name: identity_of_encoder(encoder, first) for name, encoder in encoders.items()},
            widened=search.widen,
            missed=unreached(search),
        )
        yield Begun(ready, work, units, search, run_stage)
