"""What every family's fitter is given: the datapoints, their modes, noise of their own, and a measure of L[q]."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.estimators.elbo import Elbo
from gapkit.estimators.protocol import Estimate
from gapkit.families.protocol import Posterior
from gapkit.ladder.arithmetic import gap
from gapkit.local.curvature import coarse_precision
from gapkit.local.modes import Modes
from gapkit.local.settings import FitSettings
from gapkit.target import Target

__all__ = ["Problem", "merged", "merged_estimates", "picked"]

_LARGEST_HANDICAP = 0.5

Q = TypeVar("Q")
G = TypeVar("G", bound=Posterior)


@dataclass(frozen=True)
class Problem:
    """A batch of datapoints to fit.

    Attributes:
        target: their posteriors, unnormalised.
        key: seed and indices.
        settings: budgets.
        judge: the ELBO estimator whose value the table holds.
        modes: Gaussians around the modes that were found, K starts each.
        encoder: the encoder's q.
        encoder_elbo: L[q] of it, as in the table.
        family: the name of the family, which names its noise.
    """

    target: Target
    key: Key
    settings: FitSettings
    judge: Elbo
    modes: Modes
    encoder: Posterior
    encoder_elbo: Estimate
    family: str = ""

    def named(self, family: str) -> "Problem":
        """The same problem for one family."""
        return replace(self, family=family)

    def select(self, rows: Tensor) -> "Problem":
        """The problem of some datapoints: rows has shape (P,); the encoder's q, which is not used then, stays."""
        return replace(self, target=self.target.select(rows), key=self.key.select(rows), modes=self.modes.select(rows))

    def noise(self, stage: str, dim: int | None = None) -> Callable[[int], Tensor]:
        """Standard normal draws of shape (S, B, dim) for a count S: streams of this family and stage."""
        streams = self.key.streams(f"fit/{self.family}/{stage}", self.target.dtype, self.target.device)
        size = self.target.dim if dim is None else dim
        return lambda count: streams.normal(count, size)

    def precision(self, steps: range) -> str:
        """The first stretch of a polish may be coarse, if not all of it: its end is judged in full precision."""
        coarse = steps.start == 0 or self.settings.coarse_polish
        return coarse_precision(self.target) if coarse else "full"

    def level(self, q: Posterior, stage: str = "select") -> Estimate:
        """L[q] on fixed noise."""
        select = Elbo(num_samples=self.settings.select_samples, antithetic=True, stage=f"fit/{stage}")
        return select.on(self.target, q, self.key)

    def judged(self, q: Posterior) -> Estimate:
        """L[q] as in the table."""
        return self.judge.on(self.target, q, self.key)

    def best_start(self, candidates: list[G]) -> tuple[G, Tensor]:
        """Pick the mode to polish; also return its number, shape (B,).

        A later start must beat the encoder's own by more than the noise of the comparison (two paired errors, or half
        a nat where a poor start makes them larger), and modes that were switched off (absent, negligible, found twice)
        take no part while there is another.
        """
        alive = self.modes.level.isfinite() | ~self.modes.level.isfinite().any(0)
        first = self.level(candidates[0])
        values = [torch.where(alive[0], first.value, -torch.inf)]
        for number, candidate in enumerate(candidates[1:], 1):
            value = torch.full_like(first.value, -torch.inf)
            rows = alive[number].nonzero()[:, 0]
            if len(rows):
                level = self.select(rows).level(candidate.select(rows))
                handicap = (2 * gap(level, first.select(rows)).std_error).clamp(max=_LARGEST_HANDICAP)
                handicap = torch.where(alive[0][rows] & handicap.isfinite(), handicap, 0.0)
                value = value.index_copy(0, rows, level.value - handicap)
            values.append(value)
        return picked(candidates, values)


def picked(candidates: list[Q], values: list[Tensor]) -> tuple[Q, Tensor]:
    """Pick the candidate of the highest value for each datapoint; one that is not finite only if all are."""
    stacked = torch.stack(values)
    number = torch.where(stacked.isfinite(), stacked, -torch.inf).argmax(0)
    rows = torch.arange(len(number), device=number.device)
    tensors = [candidate.tensors() for candidate in candidates]  # type: ignore[attr-defined]
    chosen = {name: torch.stack([t[name] for t in tensors])[number, rows] for name in tensors[0]}
    return candidates[0].of(**chosen), number  # type: ignore[attr-defined]


def merged(keep: Tensor, ours: Q, theirs: Q) -> Q:
    """Take our parameters where ``keep``, shape (B,), theirs elsewhere."""
    others = theirs.tensors()  # type: ignore[attr-defined]
    both = {}
    for name, tensor in ours.tensors().items():  # type: ignore[attr-defined]
        both[name] = torch.where(keep.reshape(-1, *[1] * (tensor.dim() - 1)), tensor, others[name])
    return ours.of(**both)  # type: ignore[attr-defined]


def merged_estimates(keep: Tensor, ours: Estimate, theirs: Estimate) -> Estimate:
    """Take our value where ``keep``, theirs elsewhere: two estimates on the same noise.

    Our draws stay where both are finite, moved to the value taken: the uncertainty of a tie is that of the comparison.
    """
    assert ours.draws is not None
    assert theirs.draws is not None
    value = torch.where(keep, ours.value, theirs.value)
    moved = ours.draws + (value - ours.value)
    return Estimate(
        value,
        torch.where(keep, ours.std_error, theirs.std_error),
        ours.bound,
        {name: torch.where(keep, mine, theirs.diagnostics[name]) for name, mine in ours.diagnostics.items()},
        torch.where(keep | moved.isfinite().all(0), moved, theirs.draws),
        ours.noise,
    )
