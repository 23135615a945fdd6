"""Warm starts of Gaussian posteriors: natural-gradient steps with curvature, from anywhere.

For mean m and precision P, with z_s = m + L u_s and averages over s,

    P <- (1 - rho) P + rho mean[-hess log p(x, z_s)],     m <- m + rho P^-1 mean[grad log p(x, z_s)]

Source: Khan & Nielsen, "Fast yet Simple Natural-Gradient Descent for Variational Inference in Complex Models" (2018),
https://arxiv.org/abs/1807.04489, equations 8 and 9.

A step many standard deviations long gets a line search on log p(x, z), which shortens it or takes it whole (Nocedal &
Wright, "Numerical Optimization" (2006), section 3.1). So a linear-Gaussian posterior is reached exactly from millions
of standard deviations away, and a curved one in steps that are not too long.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.families import FullRankGaussian
from gapkit.local.blocks import blocks_with
from gapkit.local.curvature import Curvature, precision_dtype
from gapkit.target import Target

__all__ = ["Moments", "cholesky_of_inverse", "eye_like", "warm_start"]

_DECAY, _LAST = 0.75, 0.15  # of the step sizes: from a full Newton step down to an average over the last few
_FURTHER = 30  # steps at most for problems that are still far away when all have had theirs
_LONG = 2.0  # in units of the radius: beyond it the length of a step is searched for
_SHARES = (-0.25, 0.0, 0.25, 0.5, 0.75, 1.0)  # lengths to try, as powers, from less than the radius to the whole step
_OUTDATED = 4.0  # a curvature that differs by such a factor replaces the old one instead of being averaged with it
_SHRUNK = 10.0  # by how much a start narrows at whose draws log p(x, z) has no gradient
_NUMBERS = 2**25  # in the matrices of the problems that take a step together


@dataclass(frozen=True)
class Moments:
    """A Gaussian by mean (P, D) and precision (P, D, D), for P problems; the precision may be of a wider type."""

    mean: Tensor
    precision: Tensor

    def gaussian(self) -> FullRankGaussian:
        """The same Gaussian as a transport."""
        return FullRankGaussian(self.mean, cholesky_of_inverse(self.precision).to(self.mean))


@dataclass(frozen=True)
class _State:
    """Where the problems are: mean, precision, its scale; steps since the last long one, -1 before any; who is far."""

    mean: Tensor
    precision: Tensor
    scale: Tensor
    age: Tensor
    far: Tensor

    def select(self, rows: Tensor) -> "_State":
        return _State(*(tensor[rows] for tensor in vars(self).values()))

    def put(self, rows: Tensor, part: "_State") -> None:
        """Put the problems of ``part`` in their places."""
        for mine, theirs in zip(vars(self).values(), vars(part).values(), strict=True):
            mine.index_copy_(0, rows, theirs)


def cholesky_of_inverse(precision: Tensor) -> Tensor:
    """Lower Cholesky factor of the inverse of (B, D, D) precisions; NaN where a matrix is not positive definite."""
    factor, failed = torch.linalg.cholesky_ex(precision)
    covariance = torch.cholesky_inverse(torch.where((failed > 0)[:, None, None], eye_like(factor), factor))
    result, failed_again = torch.linalg.cholesky_ex(covariance)
    return torch.where(((failed > 0) | (failed_again > 0))[:, None, None], torch.nan, result)


def eye_like(matrix: Tensor) -> Tensor:
    """Identity matrices in the shape of (..., D, D) ones."""
    return torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device).expand_as(matrix)


def warm_start(
    target: Target,
    start: Moments,
    curvature: Curvature,
    noise: Callable[[int], Tensor],
    steps: range,
    num_samples: int,
) -> Moments:
    """Take natural-gradient steps on mean and full precision for all problems at once.

    A problem whose step is not finite stays where it was. One that is still on its way after the last step takes
    further ones, up to a limit, without the others.

    Args:
        target: P problems.
        start: where they begin.
        curvature: averaged -hess log p(x, z).
        noise: gives standard normal draws of shape (S, P, D) for S samples.
        steps: which steps of the whole warm start these are; sizes go on where an earlier call stopped.
        num_samples: samples per step, even (used as antithetic pairs).
    """
    mean = start.mean.clone()
    age = torch.full(mean.shape[:1], steps.start or -1, device=mean.device)
    precision = start.precision.to(precision_dtype(target))
    scale = cholesky_of_inverse(precision).to(mean)
    state = _State(mean, precision.clone(), scale, age, torch.zeros_like(age, dtype=torch.bool))
    size = max(1, _NUMBERS // target.dim**2)
    for number in steps:
        # The very first draws are no antithetic pairs: by symmetry those would never leave a saddle between two modes.
        u = noise(num_samples) if number == 0 else _pairs(noise, num_samples)
        if size >= len(mean):
            state = _step(target, state, curvature, u)
            continue
        for rows in torch.arange(len(mean), device=mean.device).split(size):
            state.put(rows, _step(target.select(rows), state.select(rows), curvature, u[:, rows]))
    for _ in range(_FURTHER if len(steps) else 0):
        if not bool(state.far.any()):
            break
        u = _pairs(noise, num_samples)
        for block, places in blocks_with(state.far.clone()):
            part = _step(target.select(block), state.select(block), curvature, u[:, block])
            state.put(block[places], part.select(places))
    return Moments(state.mean, state.precision)


def _pairs(noise: Callable[[int], Tensor], num_samples: int) -> Tensor:
    u = noise(num_samples // 2)
    return torch.cat([u, -u])


def _step(target: Target, now: _State, curvature: Curvature, u: Tensor) -> _State:
    """One step of all problems, on noise of shape (S, P, D)."""
    z = FullRankGaussian(now.mean, now.scale).forward(u)
    grad, curved = target.grad(z).mean(0), curvature(target, z).to(now.precision)
    change = (curved.diagonal(dim1=-2, dim2=-1) / now.precision.diagonal(dim1=-2, dim2=-1)).log().abs().mean(-1)
    outdated = change > math.log(_OUTDATED)
    age = torch.where(outdated, now.age.clamp(max=0), now.age)
    rho = (_DECAY ** age.clamp(min=0).to(z.dtype)).clamp(min=_LAST)
    moved = torch.lerp(now.precision, curved, rho[:, None, None].to(curved))
    factor, failed = torch.linalg.cholesky_ex(moved)
    step = torch.cholesky_solve(grad.unsqueeze(-1).to(factor), factor).squeeze(-1).to(z)
    length = (step * grad).sum(-1).clamp(min=0.0).sqrt()  # in standard deviations: step' P step
    share = (2.0 * target.dim**0.5 / length.clamp(min=1e-30)).clamp(max=1.0)
    new_scale = cholesky_of_inverse(moved).to(z)
    fine = (failed == 0) & step.isfinite().all(-1) & new_scale.isfinite().all(-1).all(-1)
    long = fine & (share * torch.where(now.far, 1.0, _LONG) < 1.0)
    taken = torch.where(long, _searched(target, now.mean, step, share, long), rho * share)
    lost = ~fine & (now.age < 0)  # no gradient was finite here so far: draw closer to the mean
    return _State(
        torch.where(fine[:, None], now.mean + taken[:, None] * step, now.mean),
        torch.where(fine[:, None, None], moved, torch.where(lost[:, None, None], _SHRUNK**2, 1.0) * now.precision),
        torch.where(fine[:, None, None], new_scale, now.scale / torch.where(lost[:, None, None], _SHRUNK, 1.0)),
        torch.where(long, 0, torch.where(fine, age.clamp(min=0) + 1, now.age)),
        (long & (taken > 0)) | (fine & outdated) | lost,
    )


def _searched(target: Target, mean: Tensor, step: Tensor, share: Tensor, long: Tensor) -> Tensor:
    """How much of a long step to take, shape (P,): the length at whose end log p(x, z) is highest; zero elsewhere.

    Args:
        target: P problems.
        mean: where the step begins, shape (P, D).
        step: the whole of it, shape (P, D).
        share: how much of it is no longer than the radius, shape (P,).
        long: for whom to search, shape (P,).
    """
    found = torch.zeros_like(share)
    for block, places in blocks_with(long):
        powers = torch.tensor(_SHARES, dtype=share.dtype, device=share.device).unsqueeze(-1)
        lengths = share[block] ** (1.0 - powers)
        value = target.select(block).log_joint(mean[block] + lengths.unsqueeze(-1) * step[block])
        value = torch.where(value.isfinite(), value, -torch.inf)
        best = lengths.gather(0, value.argmax(0, keepdim=True))[0]
        best = torch.where(value.isfinite().any(0), best, 0.0)
        found.index_copy_(0, block[places], best[places])
    return found
