"""The averaged curvature of log p(x, z) that natural-gradient steps need, without asking the user for anything.

Gauss-Newton from the decoder's Jacobian (forward mode, positive definite by construction) where that is available;
exact Hessians by double backward, with eigenvalues clamped from below, where it is not; None where both fail or cost
too much. Source: Martens, "New insights and perspectives on the natural gradient method" (2020),
https://arxiv.org/abs/1412.1193, section 8.
"""

import warnings
from typing import Protocol

import torch
from torch import Tensor

from gapkit.models.prior_curvature import prior_curvature, raised
from gapkit.models.unvalidated import unvalidated
from gapkit.target import Target
from gapkit.target.precision import has_fast_bfloat16

__all__ = ["MAX_DIM", "Curvature", "available", "coarse_precision", "gauss_newton", "hessian", "precision_dtype"]


class Curvature(Protocol):
    """-hess log p(x, z) averaged over samples, or something close that is positive definite."""

    def __call__(self, target: Target, z: Tensor) -> Tensor:
        """(S, B, D) to (B, D, D)."""
        ...


# Above this many latents full covariances take too much memory (1 MiB each) and time (cubic): fits fall back to
# diagonal preconditioning, and posteriors whose latents are coupled are then described badly, and flagged.
MAX_DIM = 512
_SMALLEST_EIGENVALUE = 0.5  # of a Hessian, in units of the prior's curvature
_FEW_LATENTS = 10  # up to here precisions in double cost nothing beside the decoder


def precision_dtype(target: Target) -> torch.dtype:
    """The type that precisions of the posterior are added up, inverted and solved with.

    Data that inform about a few directions and not about the others (one pixel and two latents) make precisions whose
    smallest eigenvalue is the prior's, and less than the rounding of the largest in single precision: a Newton step
    would then be noise. So these are in double: always where latents are few, because it costs nothing there.
    """
    deficient = target.dim <= _FEW_LATENTS or target.x[0].numel() < target.dim
    return torch.float64 if deficient and target.device.type != "mps" else target.dtype  # which has no doubles


def coarse_precision(target: Target) -> str:
    """The precision of preconditioners and first steps: bfloat16 for float32 decoders where there are units for it."""
    low = target.by_hand and target.dtype == torch.float32 and has_fast_bfloat16(target.device)
    return "bfloat16" if low else "full"


def gauss_newton(target: Target, z: Tensor) -> Tensor:
    """Gauss-Newton approximation of -hess log p(x, z), averaged over samples: (S, B, D) to (B, D, D).

    In the type of :func:`precision_dtype`.

    Costs D columns of the decoder's Jacobian per latent point. Those of a float32 decoder are made in bfloat16 where
    the processor has units for it: entries to half a percent cost a Gaussian in 50 dimensions some 1e-4 nats. The last
    product, in full precision, keeps the outcome positive definite.
    """
    num_samples, batch, dim = z.shape
    precision = coarse_precision(target)
    with unvalidated():
        prior = prior_curvature(target.prior, z).to(precision_dtype(target))
    rows = max(1, 4 * target.max_rows // dim)
    parts = []
    datapoints = torch.arange(batch, device=z.device).repeat(num_samples)
    for part, owner in zip(z.reshape(-1, dim).split(rows), datapoints.split(rows), strict=True):
        root = target.root_fisher(part, precision, owner)  # (rows, D, outputs)
        root = root.to(prior)
        parts.append(torch.bmm(root, root.mT))
    curvature = torch.cat(parts).reshape(num_samples, batch, dim, dim).mean(0)
    return curvature + prior


def hessian(target: Target, z: Tensor) -> Tensor:
    """-hess log p(x, z) by double backward, averaged over samples and clamped: (S, B, D) to (B, D, D).

    Costs D gradient-of-gradient evaluations per latent point.
    """
    target.work.columns += 4 * z.numel()  # D gradients of gradients, each twice a gradient
    total = torch.zeros(*z.shape[1:], z.shape[-1], dtype=z.dtype, device=z.device)
    for part in z.detach().split(target.chunks(z.shape[0])):
        with torch.enable_grad():
            leaf = part.clone().requires_grad_(True)
            value = target.log_likelihood(leaf) + target.log_prior(leaf)
            (gradient,) = torch.autograd.grad(value.sum(), leaf, create_graph=True)
            for d in range(z.shape[-1]):
                (column,) = torch.autograd.grad(gradient[..., d].sum(), leaf, retain_graph=True)
                total[..., d] -= column.sum(0)
    # In units of the prior: an absolute limit would depend on those that the latents happen to have.
    with unvalidated():
        reference = prior_curvature(target.prior, z)
    return raised(total / z.shape[0], reference, _SMALLEST_EIGENVALUE)


def available(target: Target) -> Curvature | None:
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
