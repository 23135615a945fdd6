"""Mixtures of full-rank Gaussians as a family of q: a posterior with several modes, or one that is bent."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gapkit.core.randomness import Streams
from gapkit.families.gaussian import FullRankGaussian
from gapkit.families.mixture import Mixture

__all__ = ["GaussianMixture"]


@dataclass(frozen=True)
class GaussianMixture:
    """q(z) = sum_k w_k N(m_k, L_k L_k'), each datapoint with K components of its own.

    Attributes:
        log_weights: shape (B, K).
        means: shape (B, K, D).
        scale_tril: Cholesky factors, shape (B, K, D, D).
    """

    log_weights: Tensor
    means: Tensor
    scale_tril: Tensor

    def component(self, k: int) -> FullRankGaussian:
        """The k-th Gaussian of every datapoint."""
        return FullRankGaussian(self.means[:, k], self.scale_tril[:, k])

    @cached_property
    def mixture(self) -> Mixture:
        """The same density in the form that proposals have."""
        components = tuple(self.component(k) for k in range(self.means.shape[1]))
        return Mixture(torch.log_softmax(self.log_weights, 1).mT, components)

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return self.means.shape[-1]

    @property
    def noise_dim(self) -> int:
        """Standard normal numbers that a draw takes: D + 1."""
        return self.dim + 1

    @property
    def loc(self) -> Tensor:
        """The mean of the mixture, shape (B, D)."""
        return (self.log_weights.softmax(1).unsqueeze(-1) * self.means).sum(1)

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each latent, shape (B, D)."""
        weights = self.log_weights.softmax(1).unsqueeze(-1)
        spread = self.scale_tril.square().sum(-1) + (self.means - self.loc.unsqueeze(1)).square()
        return (weights * spread).sum(1).sqrt()

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z) of shape (S, B)."""
        return self.mixture.draw(streams, num_samples)

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The same from noise of shape (S, B, D + 1)."""
        return self.mixture.push(u)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q(z): shape (S, B, D) to (S, B), in nats."""
        return self.mixture.log_prob(z)

    def log_prob_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log q(z), shape (S, B), and its gradient in z, shape (S, B, D)."""
        return self.mixture.log_prob_and_grad(z)

    def whitening(self) -> FullRankGaussian:
        """Coordinates of the heaviest component."""
        rows = torch.arange(len(self.means), device=self.means.device)
        best = self.log_weights.argmax(1)
        return FullRankGaussian(self.means[rows, best], self.scale_tril[rows, best])

    def stand_in(self) -> FullRankGaussian:
        """The Gaussian of the same mean and covariance, for those who need a transport."""
        weights = self.log_weights.softmax(1).unsqueeze(-1).unsqueeze(-1)
        off = (self.means - self.loc.unsqueeze(1)).unsqueeze(-1)
        cov = (weights * (self.scale_tril @ self.scale_tril.mT + off @ off.mT)).sum(1)
        return FullRankGaussian(self.loc, torch.linalg.cholesky(cov))

    def select(self, rows: Tensor) -> "GaussianMixture":
        """Return the mixtures of some datapoints: rows has shape (P,)."""
        return GaussianMixture(self.log_weights[rows], self.means[rows], self.scale_tril[rows])

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by name; :meth:`of` makes the same family member of them."""
        return {"log_weights": self.log_weights, "means": self.means, "scale_tril": self.scale_tril}

    @classmethod
    def of(cls, **tensors: Tensor) -> "GaussianMixture":
        """Make a member of the tensors that :meth:`tensors` gives."""
        return cls(**tensors)
