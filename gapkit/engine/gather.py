"""From finished units to the tables, summaries and choices of a run; whatever order they came in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gapkit.engine.attempt import Attempt, Failure, Without
from gapkit.engine.chosen import Chosen, joined
from gapkit.engine.convergence import Watched
from gapkit.engine.latents import latent_health, latent_use
from gapkit.engine.outputs import Cost
from gapkit.engine.skipped import reason
from gapkit.engine.unit import Finished
from gapkit.engine.work import Work, seed_of
from gapkit.ladder import error_of
from gapkit.results.iwae_curve import GroupedBounds, summarise_iwae_curve
from gapkit.results.records import Convergence, IwaeCurve, Latents, LatentUse, Skipped
from gapkit.results.rows import FAILED

__all__ = ["Beside", "Collected", "Gathered", "gather"]

# Of the control subset, that the search missed modes for, so that it is widened for all.
_FEWEST, _SHARE = 2, 0.05


class Collected:
    """What became of the units of a run; of what they offer for pictures, only what would be chosen by now.

    Args:
        num_chosen: how many datapoints are looked at in the end.

    Attributes:
        failures: datapoints without numbers.
        cuts: units, or parts, that were cut in halves, and why.

    Example:
        >>> list(Collected(8))
        []
    """

    def __init__(self, num_chosen: int) -> None:
        self._kept: dict[tuple[str, int], Finished] = {}
        self._num_chosen = num_chosen
        self.failures: list[Failure] = []
        self.cuts: list[Failure] = []

    def put(self, attempt: Attempt) -> None:
        """Keep what became of a unit."""
        self.failures += attempt.failures
        self.cuts += attempt.cuts
        for finished in attempt.finished:
            self._kept[finished.split, finished.unit.first] = finished
        if not any(finished.chosen.worst for finished in attempt.finished):
            return
        best = {id(kept) for kept in joined((part.chosen for part in self), self._num_chosen).worst}
        for place, part in self._kept.items():
            worst = tuple(kept for kept in part.chosen.worst if id(kept) in best)
            if len(worst) < len(part.chosen.worst):
                self._kept[place] = replace(part, chosen=replace(part.chosen, worst=worst))

    def __iter__(self) -> Iterator[Finished]:
        """All that finished."""
        return iter(self._kept.values())


@dataclass(frozen=True)
class Beside:
    """What the summary of a split holds beside the table.

    Attributes:
        latents: of the encoder's q.
        latents_star: of q*.
        iwae_curve: the bound against the number of draws.
        skipped: why bounds of one's own have no values somewhere, by name.
    """

    latents: Latents | Skipped
    latents_star: LatentUse | Skipped
    iwae_curve: IwaeCurve
    skipped: Mapping[str, str]


@dataclass(frozen=True)
class Gathered:
    """What the units gave together.

    Attributes:
        frames: the table of each split.
        beside: what the summary of each split holds beside the table.
        chosen: datapoints of the first split that are shown in detail.
        draws: of q(z|x), one of each datapoint of the first units of that split.
        curves: L[q] after local steps, of each unit that has them.
        skipped: why no unit has one.
        watched: how AIS and the fits converged.
        without: which units have no q* of a further family, and why.
        sides: of log p(x) on which bounds of one's own lie, by name.
        control: of how many datapoints of the control subset (``count``) the route found more (``missed``).
        failures: datapoints without numbers.
        cuts: units that were cut in halves, and why.
        costs: of all stages, by their identity.
        kept: how many units, or parts, a store had all of.
    """

    frames: Mapping[str, pd.DataFrame]
    beside: Mapping[str, Beside]
    chosen: Chosen
    draws: Sequence[np.ndarray]
    curves: Sequence[pd.DataFrame]
    skipped: str
    watched: Watched
    without: Sequence[Without]
    control: Mapping[str, int]
    sides: Mapping[str, str]
    failures: Sequence[Failure]
    cuts: Sequence[Failure]
    costs: Mapping[str, Cost]
    kept: int

    @property
    def misses(self) -> bool:
        """Whether the search is found to miss modes, so that it should be widened for all."""
        return self.control["missed"] >= max(_FEWEST, _SHARE * self.control["count"])


def gather(work: Work, collected: Collected) -> Gathered:
    """Put the units of a run together.

    Args:
        work: what they share.
        collected: what became of them, in any order. Datapoints whose work ended in an error have the status ``failed``
            and no numbers.

    Raises:
        Exception: the error of the first unit, where a split has no unit that finished.
    """
    done = sorted(collected, key=lambda part: part.unit.first)
    failures = sorted(collected.failures, key=lambda failure: failure.unit.first)
    frames, beside = {}, {}
    for split in work.data:
        parts = [part for part in done if part.split == split]
        lost = [failure for failure in failures if failure.split == split]
        if lost and not parts:
            raise lost[0].error or RuntimeError(lost[0].reason)
        if not parts:
            continue
        table = _stacked([part.table for part in parts])
        frames[split] = _with_failures(table, lost)
        frames[split].insert(0, "split", split)
        beside[split] = _beside(work, split, parts, table)
    route = pd.concat(frames.values())[["route", "route_mass"]]
    control = route[route["route"] == "control"]
    off_curve = [failure for failure in failures if work.curve.wants(failure.split, failure.unit)]
    gone = "the work on its datapoints ended in an error"
    reasons = [part.skipped["local steps"] for part in done if "local steps" in part.skipped]
    curves = [part.curve for part in done if part.curve is not None]
    skipped = "" if curves else next(iter(reasons), gone if off_curve else "")
    watched = next((part.watched for part in done if part.watched is not None), Watched())
    if watched.summary is None and any(work.watched(failure.split, failure.unit) for failure in failures):
        watched = Watched(summary=Convergence(skipped={"all": gone}))
    return Gathered(
        frames,
        beside,
        joined((part.chosen for part in done), work.spec.details),
        [part.draws for part in done if part.draws is not None],
        curves,
        skipped,
        watched,
        [left for part in done for left in _without(part)],
        {"count": len(control), "missed": int((control["route_mass"] > 0).sum())},
        {name: side for part in done for name, side in part.sides.items()},
        failures,
        collected.cuts,
        {identity: cost for part in done for identity, cost in part.costs.items()},
        sum(not part.seconds for part in done),
    )


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table; where a unit could not fit a further family, its columns are NaN."""
    whole = max(tables, key=lambda table: len(table.columns))
    others = [name for table in tables for name in table.columns if name not in whole]
    return pd.concat(tables, ignore_index=True)[[*whole.columns, *dict.fromkeys(others)]]


def _without(part: Finished) -> Iterator[Without]:
    for stage, why in part.skipped.items():
        family = stage.removeprefix("fits/")
        if family != stage:
            yield Without(part.split, part.unit, why, family=family)


def _with_failures(table: pd.DataFrame, lost: Sequence[Failure]) -> pd.DataFrame:
    """The table with a row for each datapoint that has no numbers, in the order of the data."""
    if not lost:
        return table
    words = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    indices = [index for failure in lost for index in failure.unit.indices[: failure.unit.size]]
    rows = pd.DataFrame({"index": indices}).reindex(columns=table.columns)
    rows[words] = ""
    rows["status"] = rows["fit"] = FAILED
    return pd.concat([table, rows], ignore_index=True).sort_values("index", kind="stable", ignore_index=True)


def _beside(work: Work, split: str, parts: Sequence[Finished], table: pd.DataFrame) -> Beside:
    spec, seed = work.spec, seed_of(work.spec.seed, split)
    bounds = GroupedBounds.joined([part.grouped for part in parts])
    top = work.ladder.top.name
    left_se = np.hypot(table[error_of(top)].to_numpy(float), table[error_of("iwae")].to_numpy(float))
    latents: Latents | Skipped
    try:
        latents = latent_health({part.unit.first: part.q for part in parts}, work.like, seed)
    except Exception as error:  # a model's prior may raise anything, and the table does not need it
        latents = Skipped(reason(error))
    curve = summarise_iwae_curve(bounds, spec.iwae.num_samples, table[top].to_numpy(float), left_se)
    star = latent_use({part.unit.first: part.q_star for part in parts})
    failed = {name: why for part in reversed(parts) for name, why in part.failed.items()}  # the first reason stays
    return Beside(latents, star, curve, failed)
