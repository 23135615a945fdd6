"""Low-rank plus diagonal Gaussians: covariance s^2 + F F', for latents too many for a full one."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gapkit.families.gaussian import Affine

__all__ = ["LowRankGaussian"]


class _Roots(torch.autograd.Function):
    """The R x R middles of (I + W W')^1/2 = I + W K W' and of its inverse I + W J W', from M = W' W.

    With T = (I + M)^1/2 they are K = (I + T)^-1 and J = -K T^-1, and the log determinant is that of T: smooth functions
    of M also where its eigenvalues meet. Its eigenvectors are not, so the derivative is not taken through them but
    written out, with the quotients (f(a) - f(b)) / (a - b) of Daleckii and Krein's formula; see Higham, "Functions of
    Matrices" (2008), section 3.2.
    """

    @staticmethod
    def forward(gram: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return K and J, (B, R, R), log det T, (B,), and the eigenvalues and eigenvectors of T; M is (B, R, R)."""
        fine = gram.isfinite().flatten(1).all(1)  # a datapoint whose q is undefined must not stop the others
        eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        values, vectors = torch.linalg.eigh(torch.where(fine[:, None, None], gram, eye))
        values = torch.where(fine[:, None], values.clamp(min=0.0), torch.nan)
        root = (1.0 + values).sqrt()
        change = 1.0 / (1.0 + root)
        middles = ((vectors * each.unsqueeze(-2)) @ vectors.mT for each in (change, -change / root))
        return *middles, 0.5 * torch.log1p(values).sum(-1), root, vectors

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, ...]) -> None:
        """Keep the spectrum."""
        ctx.save_for_backward(*output[3:])
        ctx.mark_non_differentiable(*output[3:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_k: Tensor, grad_j: Tensor, grad_log_det: Tensor, *_: Tensor) -> Tensor:
        """Gradient in M."""
        root, vectors = ctx.saved_tensors
        first, second = root.unsqueeze(-1), root.unsqueeze(-2)
        slope = 1.0 / ((1.0 + first) * (1.0 + second))
        inner = (1.0 / (first * second) - slope) * (vectors.mT @ grad_j @ vectors)
        inner = (inner - slope * (vectors.mT @ grad_k @ vectors)) / (first + second)
        inner = inner + (0.5 * grad_log_det.unsqueeze(-1) / root.square()).diag_embed()
        return vectors @ inner @ vectors.mT


@dataclass(frozen=True)
class LowRankGaussian(Affine):
    """Gaussians of covariance diag(scale^2) + factor factor', one per datapoint; no D x D matrix is ever made.

    With W = factor / scale, the transport is z = m + scale * (I + W W')^1/2 u.

    Attributes:
        loc: means, shape (B, D).
        scale: standard deviations of the diagonal part, shape (B, D).
        factor: directions of the further spread, shape (B, D, R).

    Example:
        >>> q = LowRankGaussian(torch.zeros(1, 2), torch.ones(1, 2), torch.tensor([[[3.0], [0.0]]]))
        >>> q.marginal_scale()
        tensor([[3.1623, 1.0000]])
    """

    loc: Tensor
    scale: Tensor
    factor: Tensor

    @cached_property
    def _slanted(self) -> Tensor:
        return self.factor / self.scale.unsqueeze(-1)

    @cached_property
    def _roots(self) -> tuple[Tensor, Tensor, Tensor]:
        k, j, log_det, *_ = _Roots.apply(self._slanted.mT @ self._slanted)
        return k, j, log_det

    def _along(self, u: Tensor, middle: Tensor) -> Tensor:
        """(I + W middle W') u."""
        inner = torch.bmm(u.transpose(0, 1), self._slanted)
        return u + torch.bmm(inner @ middle, self._slanted.mT).transpose(0, 1)

    def forward(self, u: Tensor) -> Tensor:
        """Z = m + scale * root u."""
        return torch.addcmul(self.loc, self.scale, self._along(u, self._roots[0]))

    def inverse(self, z: Tensor) -> Tensor:
        """U = root^-1 (z - m) / scale."""
        return self._along((z - self.loc) / self.scale, self._roots[1])

    def log_abs_det(self, u: Tensor) -> Tensor:
        """Shape (B,), the same for every u."""
        return self.scale.log().sum(-1) + self._roots[2]

    def pull_gradient(self, u: Tensor, grad_z: Tensor) -> Tensor:
        """Gradient in u of f(T(u)) + log|det dT/du| from the gradient of f in z: root (scale * grad)."""
        return self._along(self.scale * grad_z, self._roots[0])

    def _push_gradient(self, grad_u: Tensor) -> Tensor:
        return self._along(grad_u, self._roots[1]) / self.scale

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each latent, shape (B, D)."""
        return (self.scale.square() + self.factor.square().sum(-1)).sqrt()

    def widened(self, factor: float) -> "LowRankGaussian":
        """The same Gaussians with all standard deviations multiplied."""
        return LowRankGaussian(self.loc, factor * self.scale, factor * self.factor)

    def select(self, rows: Tensor) -> "LowRankGaussian":
        """Return the Gaussians of some datapoints: rows has shape (P,)."""
        return LowRankGaussian(self.loc[rows], self.scale[rows], self.factor[rows])

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by name."""
        return {"loc": self.loc, "scale": self.scale, "factor": self.factor}
