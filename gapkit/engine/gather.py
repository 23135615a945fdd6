"""From finished units to the tables, summaries and choices of a run; whatever order they came in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gapkit.engine.chosen import Chosen, joined
from gapkit.engine.convergence import Convergence
from gapkit.engine.latents import latent_health, latent_use
from gapkit.engine.plan import Unit
from gapkit.engine.skipped import reason
from gapkit.engine.unit import Finished, Work, seed_of
from gapkit.ladder import STANDARD, error_of
from gapkit.results.iwae_curve import GroupedBounds, summarise_iwae_curve
from gapkit.results.records import IwaeCurve, Latents, LatentUse, Skipped, Watched
from gapkit.results.rows import FAILED

__all__ = ["Beside", "Failure", "Gathered", "gather"]

# Of the control subset, that the search missed modes for, so that it is widened for all.
_FEWEST, _SHARE = 2, 0.05


@dataclass(frozen=True)
class Failure:
    """A unit that ended in an error.

    Attributes:
        split: that it belongs to.
        unit: which one.
        error: what ended it.
    """

    split: str
    unit: Unit
    error: Exception

    def to_dict(self) -> dict[str, Any]:
        """As ``run.json`` keeps it."""
        indices = self.unit.indices[: self.unit.size]
        return {"split": self.split, "from": indices[0], "to": indices[-1], "reason": reason(self.error)}


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
        curves: L[q] after local steps, of each unit that has them.
        skipped: why some have none.
        watched: how AIS and the fits converged.
        without: which units have no q* of a further family, and why.
        sides: of log p(x) on which bounds of one's own lie, by name.
        control: of how many datapoints of the control subset (``count``) the route found more (``missed``).
    """

    frames: Mapping[str, pd.DataFrame]
    beside: Mapping[str, Beside]
    chosen: Chosen
    curves: Sequence[pd.DataFrame]
    skipped: str
    watched: Convergence
    without: Sequence[Mapping[str, Any]]
    control: Mapping[str, int]
    sides: Mapping[str, str] = field(default_factory=dict)

    @property
    def misses(self) -> bool:
        """Whether the search is found to miss modes, so that it should be widened for all."""
        return self.control["missed"] >= max(_FEWEST, _SHARE * self.control["count"])


def gather(work: Work, finished: Iterable[Finished], failures: Sequence[Failure] = ()) -> Gathered:
    """Put the units of a run together.

    Args:
        work: what they share.
        finished: units, of any number and in any order.
        failures: those that ended in an error: their datapoints have the status ``failed`` and no numbers.

    Raises:
        Exception: the error of the first unit, where a split has no unit that finished.
    """
    done = sorted(finished, key=lambda part: part.unit.number)
    frames, beside = {}, {}
    for split in work.data:
        parts = [part for part in done if part.split == split]
        lost = [failure for failure in failures if failure.split == split]
        if lost and not parts:
            raise lost[0].error
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
    skipped = next(iter(reasons), gone if off_curve else "")
    watched = next((part.watched for part in done if part.watched is not None), Convergence())
    if watched.summary is None and work.spec.convergence and any(f.unit.number == 0 for f in failures):
        watched = Convergence(summary=Watched(skipped={"all": gone}))
    return Gathered(
        frames,
        beside,
        joined((part.chosen for part in done), work.spec.details),
        [part.curve for part in done if part.curve is not None],
        skipped,
        watched,
        [facts for part in done for facts in _without(part)],
        {"count": len(control), "missed": int((control["route_mass"] > 0).sum())},
        {name: side for part in done for name, side in part.sides.items()},
    )


def _stacked(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table; where a unit could not fit a further family, its columns are NaN."""
    whole = max(tables, key=lambda table: len(table.columns))
    others = [name for table in tables for name in table.columns if name not in whole]
    return pd.concat(tables, ignore_index=True)[[*whole.columns, *dict.fromkeys(others)]]


def _without(part: Finished) -> Iterator[Mapping[str, Any]]:
    indices = part.unit.indices[: part.unit.size]
    for stage, why in part.skipped.items():
        family = stage.removeprefix("fits/")
        if family != stage:
            yield {"split": part.split, "from": indices[0], "to": indices[-1], "family": family, "reason": why}


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
    top = STANDARD.top.name
    left_se = np.hypot(table[error_of(top)].to_numpy(float), table[error_of("iwae")].to_numpy(float))
    latents: Latents | Skipped
    try:
        latents = latent_health({part.unit.number: part.q for part in parts}, work.like, seed)
    except Exception as error:  # a model's prior may raise anything, and the table does not need it
        latents = Skipped(reason(error))
    curve = summarise_iwae_curve(bounds, spec.iwae.num_samples, table[top].to_numpy(float), left_se)
    star = latent_use({part.unit.number: part.q_star for part in parts})
    failed = {name: why for part in reversed(parts) for name, why in part.failed.items()}  # the first reason stays
    return Beside(latents, star, curve, failed)
