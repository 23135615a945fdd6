"""Gaussian families as affine transports: mean-field z = m + s * u and full-rank z = m + L u, with u ~ N(0, I)."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from gapkit.core.randomness import Streams

__all__ = ["Affine", "DiagonalGaussian", "FullRankGaussian", "standard_normal_log_prob"]

_LOG_2PI = math.log(2.0 * math.pi)


def standard_normal_log_prob(u: Tensor) -> Tensor:
    """Log density of N(0, I), summed over the last axis: shape (..., D) to (...), in nats."""
    return -0.5 * (u.square().sum(-1) + u.shape[-1] * _LOG_2PI)


class Affine(ABC):
    """What all Gaussian transports share: everything that follows from forward, inverse and a constant log det."""

    loc: Tensor

    @abstractmethod
    def forward(self, u: Tensor) -> Tensor:
        """z = T(u): shape (S, B, D) to (S, B, D)."""

    @abstractmethod
    def inverse(self, z: Tensor) -> Tensor:
        """U = T^-1(z): shape (S, B, D) to (S, B, D)."""

    @abstractmethod
    def log_abs_det(self, u: Tensor) -> Tensor:
        """log|det dT/du|: shape (B,), the same for every u."""

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z) of shape (S, B)."""
        return self.push(streams.normal(num_samples, self.dim))

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return self.loc.shape[-1]

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = T(u) and log q(z) from the noise itself: no inverse, no cancellation."""
        return self.forward(u), standard_normal_log_prob(u) - self.log_abs_det(u)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q(z): shape (S, B, D) to (S, B), in nats."""
        u = self.inverse(z)
        return standard_normal_log_prob(u) - self.log_abs_det(u)

    @abstractmethod
    def _push_gradient(self, grad_u: Tensor) -> Tensor:
        """T'^-T grad: a gradient in u, (S, B, D), to the gradient in z of the same function."""

    def log_prob_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log q(z), shape (S, B), and its gradient in z, shape (S, B, D)."""
        u = self.inverse(z)
        return standard_normal_log_prob(u) - self.log_abs_det(u), self._push_gradient(-u)

    def whitening(self) -> Self:
        """The family's own coordinates are the ones in which it is isotropic."""
        return self

    @classmethod
    def of(cls, **tensors: Tensor) -> Self:
        """Make a member of the tensors that ``tensors`` gives."""
        return cls(**tensors)


@dataclass(frozen=True)
class DiagonalGaussian(Affine):
    """Mean-field Gaussians, one per datapoint.

    Attributes:
        loc: means, shape (B, D).
        scale: standard deviations, shape (B, D).

    Example:
        >>> q = DiagonalGaussian(torch.zeros(1, 2), torch.full((1, 2), 2.0))
        >>> q.forward(torch.ones(3, 1, 2))[0]
        tensor([[2., 2.]])
    """

    loc: Tensor
    scale: Tensor

    def forward(self, u: Tensor) -> Tensor:
        """Z = m + s * u."""
        return torch.addcmul(self.loc, self.scale, u)

    def inverse(self, z: Tensor) -> Tensor:
        """U = (z - m) / s."""
        return (z - self.loc) / self.scale

    def log_abs_det(self, u: Tensor) -> Tensor:
        """Sum of log s: shape (B,), the same for every u."""
        return self.scale.log().sum(-1)

    def pull_gradient(self, u: Tensor, grad_z: Tensor) -> Tensor:
        """Gradient in u of f(T(u)) + log|det dT/du| from the gradient of f in z: s * grad."""
        return self.scale * grad_z

    def _push_gradient(self, grad_u: Tensor) -> Tensor:
        return grad_u / self.scale

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each latent, shape (B, D)."""
        return self.scale

    def widened(self, factor: float) -> "DiagonalGaussian":
        """The same Gaussians with all standard deviations multiplied."""
        return DiagonalGaussian(self.loc, factor * self.scale)

    def stretched(self, shift: Tensor, factor: Tensor) -> "DiagonalGaussian":
        """The Gaussians of shift + factor * z, both of shape (B, D)."""
        return DiagonalGaussian(shift + factor * self.loc, factor.abs() * self.scale)

    def select(self, rows: Tensor) -> "DiagonalGaussian":
        """Return the Gaussians of some datapoints: rows has shape (P,)."""
        return DiagonalGaussian(self.loc[rows], self.scale[rows])

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by name, for storage: ``DiagonalGaussian(**tensors)`` is the same family."""
        return {"loc": self.loc, "scale": self.scale}


@dataclass(frozen=True)
class FullRankGaussian(Affine):
    """Full-rank Gaussians, one per datapoint.

    Attributes:
        loc: means, shape (B, D).
        scale_tril: lower Cholesky factors of the covariances with positive diagonal, shape (B, D, D).
    """

    loc: Tensor
    scale_tril: Tensor

    def forward(self, u: Tensor) -> Tensor:
        """Z = m + L u."""
        # One batched product per datapoint, (B, S, D) x (B, D, D): far faster than a product per sample.
        moved = torch.baddbmm(self.loc.unsqueeze(1), u.transpose(0, 1), self.scale_tril.mT)
        return moved.transpose(0, 1)

    @cached_property
    def _inverse_tril(self) -> Tensor:
        # Kept, because a product is much faster than solving a triangular system anew for every draw.
        eye = torch.eye(self.dim, dtype=self.loc.dtype, device=self.loc.device)
        return torch.linalg.solve_triangular(self.scale_tril, eye.expand_as(self.scale_tril), upper=False)

    @cached_property
    def _log_det(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def inverse(self, z: Tensor) -> Tensor:
        """U = L^-1 (z - m)."""
        return torch.bmm((z - self.loc).transpose(0, 1), self._inverse_tril.mT).transpose(0, 1)

    def log_abs_det(self, u: Tensor) -> Tensor:
        """Sum of log diag L: shape (B,), the same for every u."""
        return self._log_det

    def _push_gradient(self, grad_u: Tensor) -> Tensor:
        return torch.bmm(grad_u.transpose(0, 1), self._inverse_tril).transpose(0, 1)

    def pull_gradient(self, u: Tensor, grad_z: Tensor) -> Tensor:
        """Gradient in u of f(T(u)) + log|det dT/du| from the gradient of f in z: L' grad."""
        return torch.bmm(grad_z.transpose(0, 1), self.scale_tril).transpose(0, 1)

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each latent, shape (B, D)."""
        return self.scale_tril.square().sum(-1).sqrt()

    def widened(self, factor: float) -> "FullRankGaussian":
        """The same Gaussians with all standard deviations multiplied."""
        return FullRankGaussian(self.loc, factor * self.scale_tril)

    def stretched(self, shift: Tensor, factor: Tensor) -> "FullRankGaussian":
        """The Gaussians of shift + factor * z, both of shape (B, D); the noise turns round so that diag L > 0."""
        tril = factor.unsqueeze(-1) * self.scale_tril * factor.sign().unsqueeze(-2)
        return FullRankGaussian(shift + factor * self.loc, tril)

    def select(self, rows: Tensor) -> "FullRankGaussian":
        """Return the Gaussians of some datapoints: rows has shape (P,)."""
        return FullRankGaussian(self.loc[rows], self.scale_tril[rows])

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by name, for storage: ``FullRankGaussian(**tensors)`` is the same family."""
        return {"loc": self.loc, "scale_tril": self.scale_tril}
