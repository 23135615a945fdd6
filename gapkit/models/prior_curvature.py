"""How log p(z) curves: what a natural-gradient step needs to know of the prior besides its gradient.

A prior without one centre has no precision of its own: the curvature is taken at the latents in question, and always
positive semidefinite, because a step divides by it:

    normals                 the precision itself
    mixtures of normals     sum_k r_k(z) P_k, the curvature of the bound that an EM step climbs (Dempster, Laird, Rubin,
                            1977): r_k is the probability that z came from component k
    Student-t, Cauchy       (nu + 1) / (nu s^2 + r^2), the weights of iteratively reweighted least squares (Lange,
                            Little, Taylor, "Robust statistical modeling using the t distribution", 1989, section 2)
    anything else           minus the Hessian where it is finite, its eigenvalues raised to a tenth of 1 / variance;
                            1 / variance along latents in which log p(z) is piecewise linear (Laplace, uniform)
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    Cauchy,
    Distribution,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

from gapkit.core.randomness import seeded
from gapkit.models.naming import innermost
from gapkit.models.priors import log_prob

__all__ = ["prior_curvature", "raised", "typical_precision"]

_SMALLEST = 0.1  # of the typical precision: how little a curvature may be
_DRAWS = 512
_QUARTILES = 1.349  # between the quartiles of a normal, in standard deviations
_MANY = 10_000_000  # numbers of a matrix of responsibilities at a time


def prior_curvature(prior: Distribution, z: Tensor) -> Tensor:
    """Minus the Hessian of log p(z) averaged over samples, or its positive stand-in.

    Args:
        prior: any ``torch`` distribution, batch shape (), or (B,) where each datapoint has its own.
        z: flat latents, shape (S, B, D).

    Returns:
        Symmetric positive semidefinite matrices of shape (B, D, D); the datapoints do not influence each other.

    Example:
        >>> prior = MultivariateNormal(torch.zeros(2), torch.tensor([[2.0, 0.0], [0.0, 0.5]]))
        >>> prior_curvature(prior, torch.ones(3, 1, 2)).diagonal(dim1=1, dim2=2)
        tensor([[0.5000, 2.0000]])
    """
    batch, dim = z.shape[1:]
    base = innermost(prior)
    if isinstance(base, MixtureSameFamily):
        found = _of_mixture(base, z)
        if found is not None:
            return found
    precision = _precisions(base, dim, tuple(prior.batch_shape))
    if precision is not None:
        factorised = precision.dim() == len(prior.batch_shape) + 1
        return (torch.diag_embed(precision) if factorised else precision).to(z).expand(batch, dim, dim)
    if isinstance(base, StudentT | Cauchy) and base.batch_shape == prior.event_shape:
        df = base.df if isinstance(base, StudentT) else torch.ones_like(base.scale)
        loc, scale, df = (part.detach().flatten() for part in torch.broadcast_tensors(base.loc, base.scale, df))
        weights = (df + 1.0) / (df * scale.square() + (z - loc).square())
        return torch.diag_embed(weights.mean(0))
    return _of_hessian(prior, z)


def typical_precision(prior: Distribution, dim: int) -> Tensor:
    """One over a typical variance of each latent, shape (D,) or (B, D): it gives curvatures their units.

    Where a prior has no finite variance, the distance between the quartiles of draws stands in for it; where there are
    no draws either, it is one.
    """
    try:
        scale = prior.stddev.detach().reshape(*prior.batch_shape, dim)
    except NotImplementedError:
        scale = torch.full((*prior.batch_shape, dim), torch.nan)
    if not bool((scale.isfinite() & (scale > 0)).all()):
        scale = torch.where(scale.isfinite() & (scale > 0), scale, _spread(prior, dim).to(scale))
    return scale.pow(-2)


def _spread(prior: Distribution, dim: int) -> Tensor:
    try:
        with torch.no_grad(), seeded(0, "typical precision"):
            draws = prior.sample(torch.Size([_DRAWS])).reshape(_DRAWS, *prior.batch_shape, dim).float()
    except NotImplementedError:
        return torch.ones(*prior.batch_shape, dim)
    low, high = draws.quantile(0.25, dim=0), draws.quantile(0.75, dim=0)
    spread = (high - low) / _QUARTILES
    return torch.where(spread.isfinite() & (spread > 0), spread, 1.0)


def _precisions(base: Any, dim: int, components: tuple[int, ...]) -> Tensor | None:
    """Precisions of normals, (K, D) where diagonal and (K, D, D) elsewhere, without K for no components; else None."""
    if type(base) is Normal:
        scale = base.scale.detach().expand(base.batch_shape)
        shape = (*components, dim)
        return scale.pow(-2).reshape(shape) if scale.numel() == math.prod(shape) else None
    if isinstance(base, MultivariateNormal | LowRankMultivariateNormal):
        return base.precision_matrix.detach() if base.batch_shape == components else None
    return None


def _of_mixture(mixture: MixtureSameFamily, z: Tensor) -> Tensor | None:
    parts = mixture.component_distribution
    if mixture.batch_shape:
        return None
    count, dim = parts.batch_shape[-1], z.shape[-1]
    if parts.batch_shape != (count,):
        return None
    precision = _precisions(innermost(parts), dim, (count,))
    if precision is None:
        return None
    log_weights = torch.log_softmax(mixture.mixture_distribution.logits.detach(), -1)
    points = z.reshape(-1, dim)
    shares = []
    for part in points.split(max(1, _MANY // (count * dim))):
        shaped = part.reshape(-1, 1, *parts.event_shape)
        # A latent that no component can have made is nobody's: its responsibilities are not a number.
        shares.append(torch.softmax(parts.log_prob(shaped).detach() + log_weights, -1))
    share = torch.cat(shares).reshape(*z.shape[:2], count).mean(0)
    share = torch.where(share.isfinite().all(-1, keepdim=True), share, log_weights.exp())
    if precision.dim() == 2:
        return torch.diag_embed(share @ precision.to(z))
    return (share @ precision.to(z).flatten(1)).reshape(len(share), dim, dim)


def _of_hessian(prior: Distribution, z: Tensor) -> Tensor:
    dim = z.shape[-1]
    typical = typical_precision(prior, dim).to(z)
    shape = z.shape[:-1] + prior.event_shape
    total = torch.zeros(*z.shape[:2], dim, dim, dtype=z.dtype, device=z.device)
    with torch.enable_grad():
        leaf = z.detach().clone().requires_grad_(True)
        value = log_prob(prior, leaf.reshape(shape))
        (gradient,) = torch.autograd.grad(value.sum(), leaf, create_graph=True) if value.requires_grad else (None,)
        if gradient is not None and gradient.requires_grad:
            for d in range(dim):
                (column,) = torch.autograd.grad(gradient[..., d].sum(), leaf, retain_graph=True, allow_unused=True)
                total[..., d] = 0.0 if column is None else -column
    # Averaged over the samples at which it is a number.
    fine = total.isfinite().flatten(2).all(-1)[..., None, None]
    full = torch.where(fine, total, 0.0).sum(0) / fine.sum(0).clamp(min=1)
    straight = (full == 0).all(-1)  # piecewise linear there: the Hessian knows nothing
    full = full + torch.diag_embed(torch.where(straight, typical, 0.0))
    return raised(full, torch.diag_embed(typical), _SMALLEST)


def raised(matrix: Tensor, reference: Tensor, smallest: float) -> Tensor:
    """Raise eigenvalues below a share of a reference precision, in whose units they are taken.

    Args:
        matrix: symmetric up to rounding, shape (B, D, D); those that are not finite become the reference.
        reference: positive definite, shape (D, D) or (B, D, D).
        smallest: the share.
    """
    root = torch.linalg.cholesky_ex(reference)[0].expand_as(matrix)
    eye = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    half = torch.linalg.solve_triangular(root, 0.5 * (matrix + matrix.mT), upper=False)
    scaled = torch.linalg.solve_triangular(root, half.mT, upper=False)
    fine = scaled.isfinite().all(-1).all(-1)
    values, vectors = torch.linalg.eigh(torch.where(fine[:, None, None], 0.5 * (scaled + scaled.mT), eye))
    lift = (smallest - values).clamp(min=0.0)
    # What is high enough already is left as it is, to the last digit.
    whole = torch.where(fine[:, None, None], 0.5 * (matrix + matrix.mT), root @ root.mT)
    across = root @ vectors
    return whole + (across * lift.unsqueeze(-2)) @ across.mT
