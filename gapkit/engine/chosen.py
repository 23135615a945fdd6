"""The datapoints that are shown in detail, with what was fitted to them: offered by units, chosen from all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gapkit.core.datapoints import Loaded
from gapkit.core.randomness import Key
from gapkit.engine.stages import Batch
from gapkit.families import Mixture
from gapkit.families.protocol import can_be_cut
from gapkit.ladder import STANDARD
from gapkit.local import LocalFits

__all__ = ["Chosen", "Kept", "cut", "hardest", "joined", "largest", "middling", "typical"]

_TOTAL = STANDARD.total.name
_TYPICAL = 8


@dataclass(frozen=True)
class Kept:
    """A datapoint and what was fitted to it: a batch of one.

    Attributes:
        index: in its split.
        gap: total gap in nats.
        points: it, with what the encoder is given for it and its condition.
        fits: q* by the name of the family; that of the split comes first.
        proposal: the mixture of its modes; None where none of its components can be taken out of the batch.
        annealed: whether its log p(x) is that of AIS.
        key: seed and index.
    """

    index: int
    gap: float
    points: Loaded
    fits: Mapping[str, Any]
    proposal: Mixture | None
    annealed: bool
    key: Key


@dataclass(frozen=True)
class Chosen:
    """Datapoints of the first split that are shown in detail.

    Attributes:
        worst: those with the largest total gaps.
        typical: those of the first unit whose total gaps are closest to its median.
        failed: why others could not be kept.
    """

    worst: tuple[Kept, ...] = ()
    typical: tuple[Kept, ...] = ()
    failed: str = ""


def joined(parts: Iterable[Chosen], size: int) -> Chosen:
    """Of what the units offer, the ``size`` datapoints with the largest total gaps, the largest first."""
    parts = list(parts)
    worst = sorted((kept for part in parts for kept in part.worst), key=lambda kept: (-kept.gap, kept.index))
    typical = tuple(kept for part in parts for kept in part.typical)
    return Chosen(tuple(worst[:size]), typical, next((part.failed for part in reversed(parts) if part.failed), ""))


def largest(batch: Batch, fitted: LocalFits, table: pd.DataFrame, size: int) -> list[Kept]:
    """The ``size`` datapoints of a unit with the largest total gaps; those whose gap is not finite are none."""
    return [_kept(batch, fitted, place, table) for place in hardest(table, size).tolist()]


def typical(batch: Batch, fitted: LocalFits, table: pd.DataFrame) -> list[Kept]:
    """The datapoints of a unit whose total gaps are closest to its median."""
    return [_kept(batch, fitted, place, table) for place in middling(table, _TYPICAL).tolist()]


def hardest(table: pd.DataFrame, count: int) -> np.ndarray:
    """Places of the rows with the largest total gaps, the largest first; a gap that is not finite is none."""
    gaps = table[_TOTAL].to_numpy(float)
    known = np.flatnonzero(np.isfinite(gaps))
    return known[np.argsort(-gaps[known], kind="stable")][:count]


def middling(table: pd.DataFrame, count: int, besides: np.ndarray | None = None) -> np.ndarray:
    """Places of the rows whose total gaps are closest to the median of all, the closest first, ``besides`` some."""
    gaps = table[_TOTAL].to_numpy(float)
    known = np.flatnonzero(np.isfinite(gaps))
    distance = np.abs(gaps - (np.median(gaps[known]) if len(known) else 0.0))
    others = known if besides is None else np.setdiff1d(known, besides)
    return others[np.argsort(distance[others], kind="stable")][:count]


def _kept(batch: Batch, fitted: LocalFits, place: int, table: pd.DataFrame) -> Kept:
    rows = torch.tensor([place], device=batch.target.device)
    others = [name for name in fitted.found if name != fitted.own]
    names = [fitted.own, *others[-1:]]  # the largest of the further families
    fits = {name: fitted.found[name].q.select(rows) for name in names}
    key = batch.key.select(rows)
    gap, source = float(table[_TOTAL].iloc[place]), table["log_px_source"].iloc[place]
    return Kept(key.indices[0], gap, batch.points[rows], fits, cut(fitted.mixture, rows), source == "ais", key)


def cut(mixture: Mixture, rows: Tensor) -> Mixture | None:
    """The mixture of some datapoints, without the components that belong to their batch; None if all of them do."""
    kept = [number for number, part in enumerate(mixture.components) if can_be_cut(part)]
    log_weights = mixture.log_weights[kept][:, rows]
    if not kept or not bool(log_weights.exp().sum(0).gt(0).all()):
        return None
    components = tuple(mixture.components[number].select(rows) for number in kept)
    frame = mixture.frame.select(rows) if mixture.frame is not None and can_be_cut(mixture.frame) else None
    return Mixture(torch.log_softmax(log_weights, 0), components, frame)
