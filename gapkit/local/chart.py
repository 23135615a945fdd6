"""L[q] around a Gaussian, on fixed noise, in coordinates in which it should curve like minus one in every direction.

    mean field:  m = m0 + C a,     log sigma = log sigma0 + b / sqrt 2
    full rank:   m = m0 + L0 a,    L = L0 (I + M), M lower triangular: b below its diagonal, b / sqrt 2 on it

With C C' the inverse of the curvature of -log p(x, z) under q these are the natural coordinates of the family: at a
Gaussian target a gradient is a Newton step. On fixed draws L[q] is a function without noise, whose gradients can be
compared with each other (a sample average approximation: Giordano, Ingram, Broderick, "Black Box Variational Inference
with a Deterministic Objective" (2024), https://arxiv.org/abs/2304.05527). The sampling noise of a Gaussian target of
the same curvature is subtracted (a control variate) from value and gradient; at the origin that leaves the path
gradient.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from gapkit.families import DiagonalGaussian, FullRankGaussian
from gapkit.target import Target

__all__ = ["Chart", "FullRankChart", "MeanFieldChart", "suited_root"]

_ROOT2 = 2.0**0.5


class Chart(Protocol):
    """A family around one of its members: coordinates of shape (B, N), zero at the member itself."""

    @property
    def size(self) -> int:
        """Number of coordinates N."""
        ...

    def member(self, v: Tensor) -> Any:
        """The member at these coordinates."""
        ...

    def value_and_gradient(self, v: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """L[q] on antithetic noise u of shape (S, B, D), up to a constant, (B,), and its gradient, (B, N)."""
        ...

    def gradient(self, v: Tensor, u: Tensor) -> Tensor:
        """The gradient alone."""
        ...


def suited_root(root: Tensor | None, scale: Tensor) -> Tensor:
    """A root of a covariance whose precision has the diagonal that a mean-field optimum of these scales implies.

    Where L[q] is stationary in sigma_i, the curvature of -log p(x, z) under q is 1 / sigma_i^2 along axis i: it need
    not be that of the wider Gaussian which a mode was fitted with. Correlations are kept.

    Args:
        root: lower Cholesky factors, shape (B, D, D); None for none.
        scale: standard deviations of the mean-field Gaussians, shape (B, D).

    Returns:
        Lower Cholesky factors, shape (B, D, D), or the scales themselves, (B, D), without a root.
    """
    if root is None:
        return scale
    eye = torch.eye(root.shape[-1], dtype=root.dtype, device=root.device).expand_as(root)
    inverse = torch.linalg.solve_triangular(root, eye, upper=False)
    return (scale * inverse.square().sum(-2).sqrt()).unsqueeze(-1) * root


@dataclass(frozen=True)
class MeanFieldChart:
    """Around factorised Gaussians.

    Attributes:
        target: B datapoints.
        q: the members at the origin.
        root: C as :func:`suited_root` gives it.
    """

    target: Target
    q: DiagonalGaussian
    root: Tensor

    @property
    def size(self) -> int:
        """Mean and log scale of every latent."""
        return 2 * self.q.dim

    @cached_property
    def _precision(self) -> Tensor:
        """The curvature of a Gaussian target, with the q's own on the diagonal: shape (B, D, D)."""
        own = torch.diag_embed(self.q.scale.pow(-2))
        if self.root.dim() == 2:
            return own
        full = torch.cholesky_inverse(self.root)
        return full - torch.diag_embed(full.diagonal(dim1=-2, dim2=-1)) + own

    def member(self, v: Tensor) -> DiagonalGaussian:
        """Shift and stretch."""
        a, b = v.chunk(2, -1)
        shift = self.root * a if self.root.dim() == 2 else (self.root @ a.unsqueeze(-1)).squeeze(-1)
        return DiagonalGaussian(self.q.loc + shift, self.q.scale * (b / _ROOT2).exp())

    def _accident(self, u: Tensor, scale: Tensor) -> Tensor:
        """K sigma, where 1/2 sigma' K sigma is what the draws' second moments change at a Gaussian target."""
        moments = torch.bmm(u.permute(1, 2, 0), u.transpose(0, 1)) / len(u)
        eye = torch.eye(u.shape[-1], dtype=u.dtype, device=u.device)
        return ((self._precision * (moments - eye)) @ scale.unsqueeze(-1)).squeeze(-1)

    def _slope(self, q: DiagonalGaussian, u: Tensor, grad: Tensor, accident: Tensor) -> Tensor:
        mean = grad.mean(0)
        in_mean = self.root * mean if self.root.dim() == 2 else (self.root.mT @ mean.unsqueeze(-1)).squeeze(-1)
        in_scale = q.scale * ((u * grad).mean(0) + accident) + 1.0
        return torch.cat([in_mean, in_scale / _ROOT2], -1)

    def value_and_gradient(self, v: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Both at once."""
        q = self.member(v)
        value, grad = self.target.log_joint_and_grad(q.forward(u))
        accident = self._accident(u, q.scale)
        extra = 0.5 * (q.scale * accident).sum(-1) + q.scale.log().sum(-1)
        return value.double().mean(0) + extra.double(), self._slope(q, u, grad, accident)

    def gradient(self, v: Tensor, u: Tensor) -> Tensor:
        """The gradient alone."""
        q = self.member(v)
        return self._slope(q, u, self.target.grad(q.forward(u)), self._accident(u, q.scale))


@dataclass(frozen=True)
class FullRankChart:
    """Around full-rank Gaussians.

    Attributes:
        target: B datapoints.
        q: the members at the origin.
    """

    target: Target
    q: FullRankGaussian

    @property
    def size(self) -> int:
        """Mean and a square matrix, whose upper part is empty."""
        return self.q.dim + self.q.dim**2

    def _factor(self, v: Tensor) -> Tensor:
        """I + M."""
        dim = self.q.dim
        m = v[:, dim:].reshape(-1, dim, dim)
        return m.tril(-1) + torch.diag_embed(1.0 + m.diagonal(dim1=-2, dim2=-1) / _ROOT2)

    def member(self, v: Tensor) -> FullRankGaussian:
        """Shift and shear; where a factor's diagonal would not be positive, there is none: NaN."""
        factor = self._factor(v)
        there = (factor.diagonal(dim1=-2, dim2=-1) > 0).all(-1)[:, None, None]
        shift = (self.q.scale_tril @ v[:, : self.q.dim].unsqueeze(-1)).squeeze(-1)
        return FullRankGaussian(self.q.loc + shift, torch.where(there, self.q.scale_tril @ factor, torch.nan))

    def _slope(self, factor: Tensor, u: Tensor, grad: Tensor, accident: Tensor) -> Tensor:
        pulled = self.q.pull_gradient(u, grad)
        outer = torch.bmm(pulled.permute(1, 2, 0), u.transpose(0, 1)) / len(u) + accident
        on = outer.diagonal(dim1=-2, dim2=-1) + 1.0 / factor.diagonal(dim1=-2, dim2=-1)
        return torch.cat([pulled.mean(0), (outer.tril(-1) + torch.diag_embed(on / _ROOT2)).flatten(1)], -1)

    @staticmethod
    def _accident(u: Tensor, factor: Tensor) -> Tensor:
        """(I + M) K, where 1/2 tr (I + M) K (I + M)' is what the draws' second moments change at a Gaussian target."""
        moments = torch.bmm(u.permute(1, 2, 0), u.transpose(0, 1)) / len(u)
        return factor @ (moments - torch.eye(u.shape[-1], dtype=u.dtype, device=u.device))

    def value_and_gradient(self, v: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Both at once."""
        factor = self._factor(v)
        value, grad = self.target.log_joint_and_grad(self.member(v).forward(u))
        accident = self._accident(u, factor)
        extra = 0.5 * (factor * accident).sum((-2, -1)) + factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return value.double().mean(0) + extra.double(), self._slope(factor, u, grad, accident)

    def gradient(self, v: Tensor, u: Tensor) -> Tensor:
        """The gradient alone."""
        factor = self._factor(v)
        grad = self.target.grad(self.member(v).forward(u))
        return self._slope(factor, u, grad, self._accident(u, factor))
