"""Low-rank plus diagonal Gaussians: covariance s^2 + F F', for latents too many for a full one."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gapkit.families.gaussian import Affine

__all__ = ["LowRankGaussian"]


@dataclass(frozen=True)
class LowRankGaussian(Affine):
    """Gaussians of covariance diag(scale^2) + factor factor', one per datapoint; no D x D matrix is ever made.

    With W = factor / scale = U sqrt(E) V', the transport is z = m + scale * (I + U (sqrt(1 + E) - 1) U') u.

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
    def _spectrum(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues (B, R) and eigenvectors (B, R, R) of W' W; NaN where W is not finite."""
        gram = self._slanted.mT @ self._slanted
        fine = gram.isfinite().flatten(1).all(1)
        values, vectors = torch.linalg.eigh(torch.where(fine[:, None, None], gram, torch.eye(gram.shape[-1]).to(gram)))
        return torch.where(fine[:, None], values.clamp(min=0.0), torch.nan), vectors

    def _along(self, u: Tensor, change: Tensor) -> Tensor:
        """(I + U change U') u, with U' u = E^-1/2 V' W' u; change has shape (B, R)."""
        values, vectors = self._spectrum
        # change / e has a finite limit as e falls to 0, and there W makes the product vanish anyway.
        middle = (vectors * (change / values.clamp(min=1e-12)).unsqueeze(-2)) @ vectors.mT
        inner = torch.bmm(u.transpose(0, 1), self._slanted)
        return u + torch.bmm(inner @ middle, self._slanted.mT).transpose(0, 1)

    def forward(self, u: Tensor) -> Tensor:
        """Z = m + scale * root u."""
        return torch.addcmul(self.loc, self.scale, self._along(u, self._root() - 1.0))

    def inverse(self, z: Tensor) -> Tensor:
        """U = root^-1 (z - m) / scale."""
        return self._along((z - self.loc) / self.scale, 1.0 / self._root() - 1.0)

    def log_abs_det(self, u: Tensor) -> Tensor:
        """Shape (B,), the same for every u."""
        return self.scale.log().sum(-1) + 0.5 * torch.log1p(self._spectrum[0]).sum(-1)

    def pull_gradient(self, u: Tensor, grad_z: Tensor) -> Tensor:
        """Gradient in u of f(T(u)) + log|det dT/du| from the gradient of f in z: root (scale * grad)."""
        return self._along(self.scale * grad_z, self._root() - 1.0)

    def _push_gradient(self, grad_u: Tensor) -> Tensor:
        return self._along(grad_u, 1.0 / self._root() - 1.0) / self.scale

    def _root(self) -> Tensor:
        """Square roots of the eigenvalues of I + W W' that are not one, shape (B, R)."""
        return (1.0 + self._spectrum[0]).sqrt()

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
