"""Natural-gradient fits of Gaussian posteriors: a Gauss-Newton warm start and a path-gradient polish.

Warm start, for mean m and precision P: with z_s = m + L u_s and averages over s,

    P <- (1 - rho) P + rho mean[-hess log p(x, z_s)],     m <- m + rho P^-1 mean[grad log p(x, z_s)]

Source: Khan & Nielsen, "Fast yet Simple Natural-Gradient Descent for Variational Inference in Complex Models" (2018),
https://arxiv.org/abs/1807.04489, equations 8 and 9.

Polish, with r = grad_z [log p(x, z) - log q(z)] at fixed parameters ("sticking the landing": its variance vanishes as
q approaches the posterior; Roeder, Wu, Duvenaud 2017, https://arxiv.org/abs/1703.09194, equation 7):

    full rank:   s = L' r,    m <- m + a L mean[s],     L <- L (I + a Phi(mean[s u']))
    mean field:  s = sigma r, m <- m + a C mean[r],     log sigma <- log sigma + a/2 mean[s u]

with Phi the lower part of a matrix and half its diagonal. At a Gaussian target both are Newton steps, so a = 1 would
land at once without noise; a falls as 1/t against the noise. At a Gaussian target with precision P, sigma r u of the
mean-field step is noisy through sigma u (P - diag P) sigma u, whose mean is zero whatever P: with P known about right
from the mode it is taken out (a control variate), which leaves the noise of what is not Gaussian.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.local.curvature import Curvature
from gapkit.models.target import Target

__all__ = [
    "Moments",
    "bounded",
    "cholesky_of_inverse",
    "eye_like",
    "off_diagonal_precision",
    "polish_diagonal",
    "polish_full_rank",
    "polish_steps",
    "scale_gradient",
    "warm_start",
]


@dataclass(frozen=True)
class Moments:
    """A Gaussian by mean (P, D) and precision (P, D, D), for P problems."""

    mean: Tensor
    precision: Tensor

    def gaussian(self) -> FullRankGaussian:
        """The same Gaussian as a transport."""
        return FullRankGaussian(self.mean, cholesky_of_inverse(self.precision))


def cholesky_of_inverse(precision: Tensor) -> Tensor:
    """Lower Cholesky factor of the inverse of (B, D, D) precisions; NaN where a matrix is not positive definite."""
    factor, failed = torch.linalg.cholesky_ex(precision)
    covariance = torch.cholesky_inverse(torch.where((failed > 0)[:, None, None], eye_like(factor), factor))
    result, failed_again = torch.linalg.cholesky_ex(covariance)
    return torch.where(((failed > 0) | (failed_again > 0))[:, None, None], torch.nan, result)


def eye_like(matrix: Tensor) -> Tensor:
    """Identity matrices in the shape of (..., D, D) ones."""
    return torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device).expand_as(matrix)


def step_sizes(steps: range, *, decay: float = 0.75, last: float = 0.15) -> Iterator[float]:
    """Step sizes of the warm start: from a full Newton step down to an average over the last few."""
    for t in steps:
        yield max(last, decay**t)


def warm_start(
    target: Target,
    start: Moments,
    curvature: Curvature,
    noise: Callable[[int], Tensor],
    steps: range,
    num_samples: int,
) -> Moments:
    """Take natural-gradient steps on mean and full precision for all problems at once.

    A problem whose step is not finite stays where it was.

    Args:
        target: P problems.
        start: where they begin.
        curvature: averaged -hess log p(x, z).
        noise: gives standard normal draws of shape (S, P, D) for S samples.
        steps: which steps of the whole warm start these are; sizes go on where an earlier call stopped.
        num_samples: samples per step, even (used as antithetic pairs).
    """
    mean, precision = start.mean, start.precision
    scale = cholesky_of_inverse(precision)
    radius = 2.0 * target.dim**0.5
    for step_number, rho in zip(steps, step_sizes(steps), strict=True):
        # The very first draws are no antithetic pairs: by symmetry those would never leave a saddle between two modes.
        u = noise(num_samples) if step_number == 0 else noise(num_samples // 2)
        z = FullRankGaussian(mean, scale).forward(u if step_number == 0 else torch.cat([u, -u]))
        grad = target.grad(z)
        moved = torch.lerp(precision, curvature(target, z), rho)
        factor, failed = torch.linalg.cholesky_ex(moved)
        step = torch.cholesky_solve(grad.mean(0).unsqueeze(-1), factor).squeeze(-1)
        length = torch.einsum("pi,pij,pj->p", step, moved, step).clamp(min=1e-30).sqrt()
        step = step * (radius / length).clamp(max=1.0).unsqueeze(-1)
        new_scale = cholesky_of_inverse(moved)
        fine = (failed == 0) & step.isfinite().all(-1) & new_scale.isfinite().all(-1).all(-1)
        mean = torch.where(fine[:, None], mean + rho * step, mean)
        precision = torch.where(fine[:, None, None], moved, precision)
        scale = torch.where(fine[:, None, None], new_scale, scale)
    return Moments(mean, precision)


def bounded(step: Tensor, limit: float) -> Tensor:
    """Shorten steps longer than ``limit`` (over all but the first axis) and drop those that are not finite."""
    flat = step.flatten(1)
    length = torch.linalg.vector_norm(flat, dim=1).clamp(min=1e-30)
    short = flat * (limit / length).clamp(max=1.0).unsqueeze(1)
    return torch.where(flat.isfinite().all(1, keepdim=True), short, 0.0).reshape(step.shape)


def polish_steps(steps: range) -> Iterator[tuple[float, float]]:
    """Size and averaging weight of each step: sizes fall as 1/t, and iterates are averaged.

    The first stretch comes from afar and averages its second half only; those that go on from it average all.
    """
    half = len(steps) // 2 if steps.start == 0 else 0
    for position, t in enumerate(steps):
        yield min(0.5, 8.0 / (t + 8.0)), 1.0 / max(1, position - half + 1)


def polish_full_rank(
    target: Target,
    q: FullRankGaussian,
    noise: Callable[[int], Tensor],
    steps: range,
    num_samples: int,
    *,
    precision: str = "full",
) -> FullRankGaussian:
    """Stochastic natural-gradient ascent on L[q] over full-rank Gaussians; returns the average of the last half."""
    loc, tril = q.loc, q.scale_tril
    mean_loc, mean_tril = loc, tril
    for size, weight in polish_steps(steps):
        u = noise(num_samples // 2)
        u = torch.cat([u, -u])
        now = FullRankGaussian(loc, tril)
        # grad log q at z = m + L u is -L^-T u, so L' r = L' grad log p + u.
        s = now.pull_gradient(u, target.grad(now.forward(u), precision)) + u
        outer = torch.einsum("spi,spj->pij", s, u) / u.shape[0]
        change = outer.tril(-1) + torch.diag_embed(0.5 * outer.diagonal(dim1=-2, dim2=-1))
        shift = bounded(size * s.mean(0), 1.0)
        loc = loc + (tril @ shift.unsqueeze(-1)).squeeze(-1)
        tril = tril + tril @ bounded(size * change, 0.5)
        mean_loc, mean_tril = torch.lerp(mean_loc, loc, weight), torch.lerp(mean_tril, tril, weight)
    return FullRankGaussian(mean_loc, mean_tril)


def off_diagonal_precision(covariance_tril: Tensor | None) -> Tensor | None:
    """P - diag P of the covariances with these Cholesky factors, shape (P, D, D); None of None."""
    if covariance_tril is None:
        return None
    precision = torch.cholesky_inverse(covariance_tril)
    return precision - torch.diag_embed(precision.diagonal(dim1=-2, dim2=-1))


def scale_gradient(scale: Tensor, r: Tensor, u: Tensor, coupling: Tensor | None) -> Tensor:
    """The mean of sigma r u over draws, shape (P, D), without the noise that couplings between latents make.

    Args:
        scale: sigma, shape (P, D).
        r: path gradients, shape (S, P, D).
        u: noise, shape (S, P, D).
        coupling: see :func:`off_diagonal_precision`; None takes nothing out.
    """
    moved = scale * u
    if coupling is not None:
        r = r + torch.bmm(moved.transpose(0, 1), coupling).transpose(0, 1)
    return (moved * r).mean(0)


def polish_diagonal(
    target: Target,
    q: DiagonalGaussian,
    noise: Callable[[int], Tensor],
    steps: range,
    num_samples: int,
    covariance_tril: Tensor | None = None,
    *,
    precision: str = "full",
) -> DiagonalGaussian:
    """Stochastic natural-gradient ascent on L[q] over mean-field Gaussians; returns the average of the last half.

    Args:
        target: P problems.
        q: where they begin.
        noise: gives standard normal draws of shape (S, P, D).
        steps: which steps of the whole polish these are; sizes go on where an earlier call stopped.
        num_samples: samples per step, even.
        covariance_tril: Cholesky factor of the posterior's covariance, shape (P, D, D), which preconditions the mean;
            None uses the family's own variances.
        precision: of the gradients.
    """
    loc, log_scale = q.loc, q.scale.log()
    root = torch.diag_embed(q.scale) if covariance_tril is None else covariance_tril
    coupling = off_diagonal_precision(covariance_tril)
    mean_loc, mean_log_scale = loc, log_scale
    for size, weight in polish_steps(steps):
        u = noise(num_samples // 2)
        u = torch.cat([u, -u])
        scale = log_scale.exp()
        r = target.grad(DiagonalGaussian(loc, scale).forward(u), precision) + u / scale
        shift = bounded(size * (root.mT @ r.mean(0).unsqueeze(-1)).squeeze(-1), 1.0)
        loc = loc + (root @ shift.unsqueeze(-1)).squeeze(-1)
        log_scale = log_scale + bounded(0.5 * size * scale_gradient(scale, r, u, coupling), 0.5)
        mean_loc, mean_log_scale = torch.lerp(mean_loc, loc, weight), torch.lerp(mean_log_scale, log_scale, weight)
    return DiagonalGaussian(mean_loc, mean_log_scale.exp())
