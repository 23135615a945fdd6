"""The averaged curvature of log p(x, z) that natural-gradient steps need, without asking the user for anything.

Gauss-Newton from the decoder's Jacobian (forward mode, positive definite by construction) where it can be had;
exact Hessians by double backward, with eigenvalues clamped from below, where it cannot; None where both fail or cost
too much.
Source: Martens, "New insights and perspectives on the natural gradient method" (2020),
https://arxiv.org/abs/1412.1193, section 8.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gapkit.models.observation import fisher_features
from gapkit.models.target import Target

__all__ = ["MAX_DIM", "available", "gauss_newton", "hessian", "prior_precision"]

# Above this many latents a full covariance costs more than it gives: fits fall back to diagonal preconditioning.
MAX_DIM = 256
_SMALLEST_EIGENVALUE = 0.5


def prior_precision(target: Target) -> Tensor:
    """Diagonal of the prior's precision, shape (D,): exact for normals, from its standard deviation otherwise."""
    try:
        scale = target.prior.stddev.detach().flatten()
        precision = scale.pow(-2)
    except NotImplementedError:
        precision = torch.ones(target.dim)
    precision = precision.to(target.device, target.dtype)
    return torch.where(precision.isfinite(), precision, 1.0)


def gauss_newton(target: Target, z: Tensor) -> Tensor:
    """Gauss-Newton approximation of -hess log p(x, z), averaged over samples: (S, B, D) to (B, D, D).

    Costs D forward-mode columns per latent point.
    """
    num_samples, batch, dim = z.shape
    basis = torch.eye(dim, dtype=z.dtype, device=z.device)
    rows = max(1, 4 * target.max_rows // dim)
    parts = []
    for part in z.reshape(-1, dim).split(rows):

        def features(points: Tensor) -> tuple[Tensor, Tensor]:
            return fisher_features(target.decode(points))

        def column(direction: Tensor, part: Tensor = part) -> tuple[Tensor, Tensor]:
            tangent = direction.expand_as(part)
            result: Any = torch.func.jvp(features, (part,), (tangent,), has_aux=True)
            return result[1], result[2]

        slopes, weights = torch.func.vmap(column, out_dims=(0, None))(basis)  # type: ignore[arg-type]
        scaled = (slopes * weights.sqrt()).transpose(0, 1)  # (N, D, M)
        parts.append(torch.bmm(scaled, scaled.mT))
    curvature = torch.cat(parts).reshape(num_samples, batch, dim, dim).mean(0)
    return curvature + torch.diag(prior_precision(target))


def hessian(target: Target, z: Tensor) -> Tensor:
    """-hess log p(x, z) by double backward, averaged over samples and clamped: (S, B, D) to (B, D, D).

    Costs D gradient-of-gradient evaluations per latent point.
    """
    total = torch.zeros(*z.shape[1:], z.shape[-1], dtype=z.dtype, device=z.device)
    for part in z.detach().split(target.chunks(z.shape[0])):
        with torch.enable_grad():
            leaf = part.clone().requires_grad_(True)
            value = target.log_likelihood(leaf) + target.log_prior(leaf)
            (gradient,) = torch.autograd.grad(value.sum(), leaf, create_graph=True)
            for d in range(z.shape[-1]):
                (column,) = torch.autograd.grad(gradient[..., d].sum(), leaf, retain_graph=True)
                total[..., d] -= column.sum(0)
    full = total / z.shape[0]
    broken = ~full.isfinite().all(-1).all(-1)
    safe = torch.where(broken[:, None, None], torch.eye(z.shape[-1]).to(full), 0.5 * (full + full.mT))
    values, vectors = torch.linalg.eigh(safe)
    return (vectors * values.clamp(min=_SMALLEST_EIGENVALUE).unsqueeze(-2)) @ vectors.mT


def available(target: Target) -> Callable[[Target, Tensor], Tensor] | None:
    """Return the curvature that this model's decoder supports, found by trying it on one latent point."""
    if target.dim > MAX_DIM:
        return None
    probe = torch.zeros(1, 1, target.dim, dtype=target.dtype, device=target.device)
    one = target.select(torch.zeros(1, dtype=torch.long, device=target.device))
    for curvature in (gauss_newton, hessian):
        try:
            # The first use of forward mode makes torch itself use something that it has deprecated.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                usable = bool(curvature(one, probe).isfinite().all())
            if usable:
                return curvature
        except Exception:  # a layer without forward-mode rules, a distribution without moments, ...
            continue
    return None
