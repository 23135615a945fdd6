"""What is known without sampling: log p(x) of few latents by quadrature, and probabilistic PCA in closed form."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

__all__ = ["Ppca", "quadrature"]

_ROWS = 20_000


@torch.no_grad()
def quadrature(model: object, x: Tensor, points: int, half_width: float = 5.0, shift: float = 0.0) -> Tensor:
    """Log p(x) of binary data under a decoder of Bernoulli logits, by the midpoint rule: (N,), float64, in nats.

    Args:
        model: one of ``gapkit train`` with two or three latents.
        x: zeros and ones, (N, *x_shape).
        points: of the grid along each latent.
        half_width: where the grid ends; the prior has 6e-7 of its mass beyond 5.
        shift: of the grid, in cells: where the value changes with it, the grid is too coarse.
    """
    latent = model.latent_shape[0]  # type: ignore[attr-defined]
    cell = 2 * half_width / points
    axis = (torch.arange(points) + 0.5 + shift) * cell - half_width
    grid = torch.cartesian_prod(*[axis] * latent)
    flat = x.flatten(1)
    total = torch.full((len(x),), -math.inf, dtype=torch.float64)
    for z in grid.split(_ROWS):
        logits = model.decoder(z).flatten(1)  # type: ignore[attr-defined]
        log_joint = (logits @ flat.T).sub_(torch.nn.functional.softplus(logits).sum(1, keepdim=True))
        log_joint -= 0.5 * (z.square().sum(1, keepdim=True) + latent * math.log(2 * math.pi))
        total = torch.logaddexp(total, log_joint.logsumexp(0).double())
    return total + latent * math.log(cell)


class Ppca:
    """x | z ~ N(W z, s2 I) with ten pixels and three latents; an encoder of one's choice.

    Args:
        encoder: ``posterior`` (full covariance), ``best`` (the best factorised Gaussian), ``scaled`` (its mean times
            0.9), ``prior``.
        rotated: turn W by its right singular vectors, so that W'W is diagonal.
        deaf: a decoder that ignores z.
    """

    noise_variance, factor = 0.25, 0.9

    def __init__(self, encoder: str = "best", *, rotated: bool = False, deaf: bool = False) -> None:
        weight = np.random.default_rng(1).normal(size=(10, 3))
        if rotated:
            weight = weight @ np.linalg.svd(weight)[2].T
        self.weight, self.encoder, self.deaf = torch.from_numpy(weight), encoder, deaf
        eye = torch.eye(3, dtype=torch.float64)
        self.precision = eye + self.weight.T @ self.weight / self.noise_variance
        self.covariance = torch.linalg.inv(self.precision)
        noise = self.noise_variance * torch.eye(10, dtype=torch.float64)
        self.marginal = MultivariateNormal(torch.zeros(10).double(), self.weight @ self.weight.T + noise)

    def encode(self, x: Tensor) -> Distribution:
        """q(z|x)."""
        mean = self.mean(x)
        if self.encoder == "posterior":
            return MultivariateNormal(mean, precision_matrix=self.precision.expand(len(x), 3, 3))
        if self.encoder == "prior":
            return Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
        scale = self.precision.diagonal().rsqrt().expand_as(mean)
        return Independent(Normal(mean * (self.factor if self.encoder == "scaled" else 1.0), scale), 1)

    def decode(self, z: Tensor) -> Distribution:
        """p(x|z)."""
        mean = z @ self.weight.T * (0.0 if self.deaf else 1.0)
        return Independent(Normal(mean, math.sqrt(self.noise_variance)), 1)

    def prior(self) -> Distribution:
        """p(z)."""
        zero = torch.zeros(3, dtype=torch.float64)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)

    def sample(self, count: int, seed: int) -> Tensor:
        """Data of the model."""
        generator = torch.Generator().manual_seed(seed)
        z, noise = (torch.randn(count, size, generator=generator, dtype=torch.float64) for size in (3, 10))
        return z @ self.weight.T + math.sqrt(self.noise_variance) * noise

    def mean(self, x: Tensor) -> Tensor:
        """Of p(z|x)."""
        return x @ self.weight @ self.covariance / self.noise_variance

    def divergence(self, loc: Tensor, scale: Tensor, x: Tensor) -> Tensor:
        """KL of N(loc, diag(scale^2)) from p(z|x), (N,), in nats."""
        away, spread = loc - self.mean(x), (self.precision.diagonal() * scale.square()).sum(-1)
        quadratic = torch.einsum("ni,ij,nj->n", away, self.precision, away)
        return 0.5 * (spread + quadratic - torch.logdet(self.precision) - 2 * scale.log().sum(-1) - 3)

    def approximation_gap(self) -> float:
        """0.5 (sum log P_ii - log det P), the same for every x."""
        return float(0.5 * (self.precision.diagonal().log().sum() - torch.logdet(self.precision)))

    def amortization_gap(self, x: Tensor) -> Tensor:
        """Of the ``scaled`` encoder, 0.5 (1 - c)^2 m'Pm, (N,)."""
        away = (1 - self.factor) * self.mean(x)
        return 0.5 * torch.einsum("ni,ij,nj->n", away, self.precision, away)

    def mean_amortization_gap(self) -> float:
        """Its mean over data of the model, 0.5 (1 - c)^2 tr(P A C A')."""
        gain = self.covariance @ self.weight.T / self.noise_variance
        spread = gain @ self.marginal.covariance_matrix @ gain.T
        return float(0.5 * (1 - self.factor) ** 2 * torch.trace(self.precision @ spread))
