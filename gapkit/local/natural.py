"""Natural-gradient fits of Gaussian posteriors: the path-gradient polish.

With r = grad_z [log p(x, z) - log q(z)] at fixed parameters ("sticking the landing": its variance vanishes as
q approaches the posterior; Roeder, Wu, Duvenaud 2017, https://arxiv.org/abs/1703.09194, equation 7):

    full rank:   s = L' r,    m <- m + a L mean[s],     L <- L (I + a Phi(mean[s u']))
    mean field:  s = sigma r, m <- m + a C mean[r],     log sigma <- log sigma + a/2 mean[s u]

with Phi the lower part of a matrix and half its diagonal. At a Gaussian target both are Newton steps, so a = 1 would
land at once without noise; a falls as 1/t against the noise. At a Gaussian target with precision P, sigma r u of the
mean-field step is noisy through sigma u (P - diag P) sigma u, whose mean is zero whatever P: with an approximate P from
the mode it is subtracted (a control variate), which leaves the noise of what is not Gaussian.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.local.warm import Moments, cholesky_of_inverse, eye_like, warm_start
from gapkit.target import Target

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


def bounded(step: Tensor, limit: float) -> Tensor:
    """Shorten steps longer than ``limit`` (over all but the first axis) and drop those that are not finite."""
    flat = step.flatten(1)
    length = torch.linalg.vector_norm(flat, dim=1).clamp(min=1e-30)
    short = flat * (limit / length).clamp(max=1.0).unsqueeze(1)
    return torch.where(flat.isfinite().all(1, keepdim=True), short, 0.0).reshape(step.shape)


def polish_steps(steps: range) -> Iterator[tuple[float, float]]:
    """Size and averaging weight of each step: sizes fall as 1/t, and iterates are averaged.

    The first stretch starts far from the optimum and averages its second half only; later ones average all iterates.
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
