"""Find the modes of each posterior: warm starts from the encoder and from the bank, pruned and without duplicates."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.estimators.elbo import Elbo
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.families.protocol import Transport
from gapkit.local.blocks import blocks_with
from gapkit.local.curvature import MAX_DIM, Curvature, available
from gapkit.local.natural import Moments, eye_like, polish_diagonal, warm_start
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank
from gapkit.models.target import Target
from gapkit.randomness import Key

__all__ = ["Modes", "find_modes"]

Gaussian = DiagonalGaussian | FullRankGaussian
# The mixture keeps a little weight for every mode whatever its level, and for the encoder's own q.
_SHARED_EVENLY, _ENCODER = 0.1, 0.05


@dataclass(frozen=True)
class Modes:
    """Gaussians around the modes of each posterior; mode k began at start k, and start 0 is the encoder's q.

    Attributes:
        loc: means, shape (K, B, D).
        tril: Cholesky factors of the covariances, shape (K, B, D, D), or standard deviations (K, B, D) where the
            latents are too many for full matrices.
        level: L[q] of each mode on fixed noise, shape (K, B), in nats; -inf where there is no such mode.
    """

    loc: Tensor
    tril: Tensor
    level: Tensor

    def gaussian(self, k: int) -> Gaussian:
        """Mode k of every datapoint."""
        if self.tril.dim() == 3:
            return DiagonalGaussian(self.loc[k], self.tril[k])
        return FullRankGaussian(self.loc[k], self.tril[k])

    def diagonal(self, k: int) -> DiagonalGaussian:
        """The best factorised Gaussian for mode k: variances 1 / P_ii."""
        if self.tril.dim() == 3:
            return DiagonalGaussian(self.loc[k], self.tril[k])
        inverse = torch.linalg.solve_triangular(self.tril[k], eye_like(self.tril[k]), upper=False)
        return DiagonalGaussian(self.loc[k], inverse.square().sum(-2).rsqrt())

    def select(self, rows: Tensor) -> "Modes":
        """The modes of some datapoints: rows has shape (P,)."""
        return Modes(self.loc[:, rows], self.tril[:, rows], self.level[:, rows])

    def several(self) -> Tensor:
        """For which datapoints there is more than one mode: bools of shape (B,)."""
        return (self.level.isfinite() & self.loc.isfinite().all(-1)).sum(0) > 1

    def _weights(self) -> Tensor:
        """Half by level, half alike for all modes there are: shape (K, B)."""
        alive = self.level.isfinite() & self.loc.isfinite().all(-1)
        share = torch.softmax(torch.where(alive, self.level, -torch.inf), 0).nan_to_num(0.0)
        return 0.5 * share + 0.5 * alive / alive.sum(0).clamp(min=1)

    def pooled(self) -> Mixture:
        """All modes with a fair weight for each."""
        return Mixture(self._weights().log(), tuple(self.gaussian(k) for k in range(len(self.loc))))

    def spread_out(self) -> Gaussian:
        """The Gaussian of that mixture's mean and covariance: where a flow may begin that is to cover all modes."""
        weights = self._weights().unsqueeze(-1)
        there = weights > 0
        loc = torch.where(there, self.loc, 0.0)
        mean = (weights * loc).sum(0)
        apart = loc - mean
        if self.tril.dim() == 3:
            scale = torch.where(there, self.tril, 0.0)
            return DiagonalGaussian(mean, (weights * (scale.square() + apart.square())).sum(0).sqrt())
        tril = torch.where(there.unsqueeze(-1), self.tril, 0.0)
        inner = tril @ tril.mT + apart.unsqueeze(-1) * apart.unsqueeze(-2)
        return FullRankGaussian(mean, torch.linalg.cholesky_ex((weights.unsqueeze(-1) * inner).sum(0))[0])

    def mixture(self, encoder: Transport, best: Tensor, optimum: Gaussian) -> Mixture:
        """Pool all modes and the encoder's q, with the polished optimum in the place of the best mode.

        Args:
            encoder: the encoder's q.
            best: the best mode of each datapoint, shape (B,).
            optimum: its polished Gaussian.
        """
        loc, tril = self.loc.clone(), self.tril.clone()
        rows = torch.arange(len(best), device=best.device)
        loc[best, rows] = optimum.loc
        tril[best, rows] = optimum.scale if isinstance(optimum, DiagonalGaussian) else optimum.scale_tril
        usable = self.level.isfinite()
        usable[best, rows] = True  # without a single usable mode the optimum still stands in the best one's place
        usable &= loc.isfinite().all(-1)
        level = torch.where(usable, self.level.nan_to_num(neginf=0.0), -torch.inf)
        share = torch.softmax(level, 0).nan_to_num(0.0)
        even = usable / usable.sum(0).clamp(min=1)
        weights = (1 - _SHARED_EVENLY) * share + _SHARED_EVENLY * even
        # The encoder's q has a little weight where it is a number, and all of it where there is no usable mode.
        spread = encoder.marginal_scale()
        sound = (encoder.loc.isfinite() & spread.isfinite() & (spread > 0)).all(-1)
        given = torch.where(usable.any(0), _ENCODER * sound, 1.0)
        weights = torch.cat([(1 - given) * weights, given.unsqueeze(0)])
        modes = Modes(loc, tril, level)
        components = (*(modes.gaussian(k) for k in range(len(loc))), encoder)
        return Mixture(weights.clamp(min=0.0).log(), components, frame=optimum)


def find_modes(target: Target, q: Transport, bank: Bank | None, key: Key, settings: FitSettings) -> Modes:
    """Fit a Gaussian from the encoder's q and from further starts; drop modes that are negligible or found twice.

    Args:
        target: B datapoints.
        q: the encoder's posteriors.
        bank: where further starts come from; None uses the encoder's alone.
        key: seed and datapoint indices.
        settings: budgets.
    """
    loc, scale = q.loc.unsqueeze(0), q.marginal_scale().unsqueeze(0)
    exists = (loc.isfinite() & scale.isfinite() & (scale > 0)).all(-1)
    scale = torch.where(exists.unsqueeze(-1), scale, 1.0)
    if bank is not None and settings.num_starts > 0:
        others, found = bank.starts(target.x, q.loc, settings.starts(target.dim))
        loc, exists = torch.cat([loc, others]), torch.cat([exists, found])
        scale = torch.cat([scale, bank.spread.expand_as(others)])
    tril = scale if target.dim > MAX_DIM else torch.diag_embed(scale)
    modes = Modes(loc, tril, torch.where(exists, 0.0, -torch.inf).to(loc.dtype))
    # A short run from every start, then the rest of the steps for what is worth it.
    short = settings.warm_steps // 2
    curvature = available(target)
    modes = _improve(modes, target, key, settings, curvature, range(short))
    modes = _prune(modes, settings.keep_within)
    modes = _improve(modes, target, key, settings, curvature, range(short, settings.warm_steps))
    return _prune(modes, settings.keep_within)


def _improve(
    modes: Modes, target: Target, key: Key, settings: FitSettings, curvature: Curvature | None, steps: range
) -> Modes:
    """Take some steps with every mode that is alive and measure its level.

    All starts of all datapoints together where most are alive, which is so at first; later the first mode of everyone,
    then the second of the blocks of datapoints that have one, and so on: every batch has a fixed shape.
    """
    everyone = torch.arange(target.num_datapoints, device=target.device)
    starts = torch.arange(len(modes.loc), device=target.device)
    if len(steps) == 0:
        return modes
    alive = modes.level.isfinite()
    out = Modes(modes.loc.clone(), modes.tril.clone(), modes.level.clone())

    def improve(number: Tensor, rows: Tensor) -> None:
        loc, tril, level = _improved(modes, target, key, settings, curvature, steps, number, rows)
        there = alive[number, rows]
        number, rows = number[there], rows[there]
        out.loc[number, rows], out.tril[number, rows], out.level[number, rows] = loc[there], tril[there], level[there]

    if steps.start == 0:
        improve(starts.repeat_interleave(len(everyone)), everyone.repeat(len(starts)))
        return out
    # The start that is a datapoint's first, second, ... mode alive; dead ones come last.
    order = (~alive).to(torch.int8).argsort(dim=0, stable=True)
    improve(order[0], everyone)
    for rank in range(1, len(starts)):
        for block, _ in blocks_with(alive.sum(0) > rank):
            improve(order[rank, block], block)
    return out


def _improved(
    modes: Modes,
    target: Target,
    key: Key,
    settings: FitSettings,
    curvature: Curvature | None,
    steps: range,
    number: Tensor,
    rows: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """The same for some starts of some datapoints, both of shape (P,): means, scales and levels afterwards."""
    samples = settings.coarse_samples if steps.start == 0 else settings.warm_samples
    problems, key = target.select(rows), key.select(rows)
    streams = key.streams(f"modes/{steps.start}", target.dtype, target.device)

    def noise(count: int) -> Tensor:
        return streams.normal(count, target.dim)

    # Starts that do not exist are carried along to keep the shape; they need only be numbers.
    loc, tril = modes.loc[number, rows].nan_to_num(0.0, 0.0, 0.0), modes.tril[number, rows]
    fitted: Gaussian
    if curvature is None:
        diagonal = DiagonalGaussian(loc, tril if tril.dim() == 2 else tril.diagonal(dim1=-2, dim2=-1))
        # Without curvature a step knows less, but costs only its gradients: take more of them.
        longer = range(8 * steps.start, 8 * steps.stop)
        fitted = polish_diagonal(problems, diagonal, noise, longer, samples)
        new_tril = fitted.scale if tril.dim() == 2 else torch.diag_embed(fitted.scale)
    else:
        moments = Moments(loc, torch.cholesky_inverse(tril))
        fitted = warm_start(problems, moments, curvature, noise, steps, samples).gaussian()
        new_tril = fitted.scale_tril
    judge = Elbo(num_samples=settings.select_samples, antithetic=True, stage="modes/level")
    level = judge(problems, problems.x, fitted, key).value.to(loc.dtype)
    return fitted.loc, new_tril, torch.where(level.isfinite(), level, -torch.inf)


def _prune(modes: Modes, keep_within: float) -> Modes:
    """Switch off modes far below the best one; of modes that are the same keep the best fit, under the earliest start.

    So a mode counts as the encoder's own whenever its start leads there too, whichever fit was the better one.
    """
    loc, tril = modes.loc.clone(), modes.tril.clone()
    level = torch.where(modes.level >= modes.level.amax(0) - keep_within, modes.level, -torch.inf)
    for early in range(len(level)):
        for late in range(early + 1, len(level)):
            later_is_better = level[late] > level[early]
            better_tril = _where(later_is_better, tril[late], tril[early])
            same = _squared_distance(loc[late] - loc[early], better_tril) < 0.5 * loc.shape[-1]
            same &= level[early].isfinite() & level[late].isfinite()
            moved = same & later_is_better
            loc[early] = _where(moved, loc[late], loc[early])
            tril[early] = _where(moved, tril[late], tril[early])
            level[early] = torch.where(moved, level[late], level[early])
            level[late] = torch.where(same, -torch.inf, level[late])
    return Modes(loc, tril, level)


def _squared_distance(apart: Tensor, tril: Tensor) -> Tensor:
    """In standard deviations: (B, D) and a scale of shape (B, D) or (B, D, D) to (B,). Draws are about 2 D apart."""
    if tril.dim() == 2:
        return (apart / tril).square().sum(-1)
    return torch.linalg.solve_triangular(tril, apart.unsqueeze(-1), upper=False).square().sum((-2, -1))


def _where(mask: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    """Choose per datapoint: the mask has shape (B,), the rest (B, ...)."""
    return torch.where(mask.reshape(-1, *[1] * (ours.dim() - 1)), ours, theirs)
