"""Keeps, while units run, the datapoints that are looked at in the end, with what was fitted to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gapkit.engine.plan import Unit
from gapkit.engine.skipped import reason
from gapkit.engine.stages import Batch
from gapkit.families import Mixture
from gapkit.families.protocol import can_be_cut
from gapkit.local import LocalFits
from gapkit.randomness import Key

__all__ = ["Keeper", "Kept", "cut"]

_TYPICAL = 4


@dataclass(frozen=True)
class Kept:
    """A datapoint and what was fitted to it: a batch of one.

    Attributes:
        index: in its split.
        gap: total gap in nats.
        x: shape (1, *x_shape).
        inputs: what the encoder is given for it, shape (1, ...).
        fits: q* by the name of the family; that of the split comes first.
        proposal: the mixture of its modes; None where none of its components can be taken out of the batch.
        annealed: whether its log p(x) is that of AIS.
        key: seed and index.
    """

    index: int
    gap: float
    x: Tensor
    inputs: Tensor
    fits: Mapping[str, Any]
    proposal: Mixture | None
    annealed: bool
    key: Key


@dataclass
class Keeper:
    """Keeps the datapoints of the first split that are looked at in the end; in whichever order the units come.

    Attributes:
        size: how many with the largest total gaps are kept; 0 keeps nothing.
        worst: these, the largest gap first.
        typical: those of the first unit whose total gaps are closest to its median.
        failed: why nothing could be kept.
    """

    size: int
    worst: tuple[Kept, ...] = ()
    typical: tuple[Kept, ...] = ()
    failed: str = ""

    def see(self, unit: Unit, batch: Batch, fitted: LocalFits, table: pd.DataFrame) -> None:
        """Look at a unit whose rows of the table are there."""
        try:
            self._see(unit, batch, fitted, table)
        except Exception as error:  # whatever a model does, the table stands
            self.failed = reason(error)

    def _see(self, unit: Unit, batch: Batch, fitted: LocalFits, table: pd.DataFrame) -> None:
        gaps = table["total_gap"].to_numpy(float)
        places = np.flatnonzero(np.isfinite(gaps))
        if not self.size or not len(places):
            return
        largest = places[np.argsort(-gaps[places], kind="stable")][: self.size]
        if len(self.worst) == self.size:  # few units hold any that is worse than those known
            largest = largest[gaps[largest] >= self.worst[-1].gap]
        found = [*self.worst, *(_kept(batch, fitted, place, table) for place in largest.tolist())]
        self.worst = tuple(sorted(found, key=lambda kept: (-kept.gap, kept.index))[: self.size])
        if unit.number == 0:
            distance = np.abs(gaps[places] - np.median(gaps[places]))
            middle = places[np.argsort(distance, kind="stable")][:_TYPICAL]
            self.typical = tuple(_kept(batch, fitted, place, table) for place in middle.tolist())


def _kept(batch: Batch, fitted: LocalFits, place: int, table: pd.DataFrame) -> Kept:
    rows = torch.tensor([place], device=batch.target.device)
    others = [name for name in fitted.found if name != fitted.own]
    names = [fitted.own, *others[-1:]]  # the largest of the further families
    fits = {name: fitted.found[name].q.select(rows) for name in names}
    key = batch.key.select(rows)
    gap, source = float(table["total_gap"].iloc[place]), table["log_px_source"].iloc[place]
    x, inputs = batch.target.x[rows], batch.inputs[rows]
    return Kept(key.indices[0], gap, x, inputs, fits, cut(fitted.mixture, rows), source == "ais", key)


def cut(mixture: Mixture, rows: Tensor) -> Mixture | None:
    """The mixture of some datapoints, without the components that belong to their batch; None if all of them do."""
    kept = [number for number, part in enumerate(mixture.components) if can_be_cut(part)]
    log_weights = mixture.log_weights[kept][:, rows]
    if not kept or not bool(log_weights.exp().sum(0).gt(0).all()):
        return None
    components = tuple(mixture.components[number].select(rows) for number in kept)
    frame = mixture.frame.select(rows) if mixture.frame is not None and can_be_cut(mixture.frame) else None
    return Mixture(torch.log_softmax(log_weights, 0), components, frame)
