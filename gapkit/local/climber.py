"""Climb from starts to modes, and fit Gaussians to the modes that are left: every batch has a fixed shape."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.numerics import log_mean_exp
from gapkit.core.randomness import Key
from gapkit.estimators.iwae import Iwae
from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.local.ascent import ascend_points
from gapkit.local.blocks import blocks_with
from gapkit.local.curvature import MAX_DIM, Curvature, precision_dtype
from gapkit.local.modes import Gaussian, Modes
from gapkit.local.natural import Moments, polish_diagonal, polish_full_rank, warm_start
from gapkit.local.settings import FitSettings
from gapkit.target import Target

__all__ = ["Climber", "as_starts", "finished"]


@dataclass(frozen=True)
class Climber:
    """How to climb from the starts of a batch."""

    target: Target
    key: Key
    settings: FitSettings
    curvature: Curvature | None

    def climb(self, modes: Modes, rows: Tensor, stage: str) -> Modes:
        """From starts to modes, or on with modes, (K, P) of the datapoints ``rows``, (P,); absent ones stay so."""
        count, number = len(modes.loc), len(rows)
        flat = rows.repeat(count)
        target, key = self.target.select(flat), self.key.select(flat)
        # Starts that do not exist are carried along to keep the shape; they need only be numbers.
        loc = modes.loc.flatten(0, 1).nan_to_num(0.0, 0.0, 0.0)
        tril = modes.tril.flatten(0, 1)
        if self.curvature is None:
            fitted, tril = _without_curvature(target, key, loc, tril, stage, self.settings)
        elif stage == "ascent" and not self.settings.climb_steps:
            fitted = FullRankGaussian(loc, tril)
        elif stage == "ascent":
            steps, further = self.settings.climb(target.dim), self.settings.climb_further(target.dim)
            fitted = ascend_points(target, loc, self.curvature, steps, further).gaussian()
            tril = fitted.scale_tril
        else:
            fitted = _averaged(target, key, loc, tril, self.curvature, self.settings)
            tril = fitted.scale_tril
        judge = Iwae(num_samples=self.settings.select_samples, stage="modes/level")
        level = log_mean_exp(
            judge.log_weights(target, fitted, key).nan_to_num(nan=-torch.inf, posinf=-torch.inf, neginf=-torch.inf)
        ).to(loc.dtype)
        alive = modes.level.isfinite() & level.isfinite().reshape(count, number)
        return Modes(
            fitted.loc.reshape(modes.loc.shape),
            tril.reshape(modes.tril.shape),
            torch.where(alive, level.reshape(count, number), -torch.inf),
            modes.hits,
        )


def as_starts(target: Target, loc: Tensor, scale: Tensor, exists: Tensor | None = None) -> Modes:
    """Starts of shape (K, B, D) as modes; NaN marks a start that does not exist."""
    sound = (loc.isfinite() & scale.isfinite() & (scale > 0)).all(-1)
    exists = sound if exists is None else exists & sound
    scale = torch.where(exists.unsqueeze(-1), scale, 1.0)
    tril = scale if target.dim > MAX_DIM else torch.diag_embed(scale)
    return Modes(loc, tril, torch.where(exists, 0.0, -torch.inf).to(loc.dtype), exists.long())


def finished(climber: Climber, modes: Modes) -> Modes:
    """Fit the Gaussians of the modes that are left: every batch has a fixed shape.

    The first mode of every datapoint together, then the second of the blocks of datapoints that have one, then the
    third and fourth, the fifth to eighth, and so on.
    """
    alive = modes.alive()
    order = (~alive).to(torch.int8).argsort(dim=0, stable=True)  # dead ones come last
    everyone = torch.arange(alive.shape[1], device=alive.device)
    out = modes
    begin, size = 0, 1
    while begin < len(order):
        numbers = order[begin : begin + size]
        groups = [(everyone, everyone)] if begin == 0 else list(blocks_with(alive.sum(0) > begin))
        for block, places in groups:
            chosen, rows = numbers[:, block], block.expand(len(numbers), -1)
            part = Modes(*(getattr(modes, name)[chosen, rows] for name in ("loc", "tril", "level", "hits")))
            part = climber.climb(part, block, "fit")
            chosen, rows = chosen[:, places], block[places].expand(len(numbers), -1)
            # A fit that failed leaves the Gaussian of the mode as it was.
            there = alive[chosen, rows] & part.select(places).alive()
            out = out.replaced(part.select(places), chosen[there], rows[there], there)
        begin, size = begin + size, begin + size
    return out


def _averaged(
    target: Target, key: Key, loc: Tensor, tril: Tensor, curvature: Curvature, settings: FitSettings
) -> FullRankGaussian:
    """Natural-gradient steps from the curvature at the modes toward that averaged over q."""
    streams = key.streams("modes/fit", target.dtype, target.device)
    begin = Moments(loc, torch.cholesky_inverse(tril.to(precision_dtype(target))))
    steps = range(1, 1 + settings.warm_steps // 2)

    def noise(count: int) -> Tensor:
        return streams.normal(count, target.dim)

    if settings.patient(target.dim):
        # Gauss-Newton leaves out the decoder's own curvature, which can be most of it at a lesser mode that nothing
        # else polishes: a proposal of the wrong width there makes log p(x) wrong. Path gradients include all of it.
        steps = range(4 * settings.warm_steps)
        return polish_full_rank(target, begin.gaussian(), noise, steps, settings.polish_samples)
    return warm_start(target, begin, curvature, noise, steps, settings.warm_samples).gaussian()


def _without_curvature(
    target: Target, key: Key, loc: Tensor, tril: Tensor, stage: str, settings: FitSettings
) -> tuple[Gaussian, Tensor]:
    """Path-gradient steps of factorised Gaussians, and their scales in the form of ``tril``.

    Such a step uses no curvature and costs only its gradients: more of them are taken.
    """
    streams = key.streams(f"modes/{stage}", target.dtype, target.device)
    diagonal = DiagonalGaussian(loc, tril if tril.dim() == 2 else tril.diagonal(dim1=-2, dim2=-1))
    half = settings.warm_steps // 2
    steps = range(8 * half) if stage == "ascent" else range(8 * half, 8 * settings.warm_steps)
    samples = settings.coarse_samples if stage == "ascent" else settings.warm_samples

    def noise(count: int) -> Tensor:
        return streams.normal(count, target.dim)

    found = polish_diagonal(target, diagonal, noise, steps, samples)
    return found, found.scale if tril.dim() == 2 else torch.diag_embed(found.scale)
