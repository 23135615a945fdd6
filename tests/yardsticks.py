"""Models whose answers are known exactly: the truth every estimator is held to."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal


class LinearGaussian:
    """x | z ~ N(W z + b, s2 I), z ~ N(0, I): probabilistic PCA, with an encoder of one's choice.

    encoder: "posterior" (exact, full rank), "mean_field" (the best factorised Gaussian), or "scaled" (its mean is
    multiplied by ``factor``, its standard deviations are ``width`` times the best ones).
    """

    def __init__(self, weight, noise_variance=0.25, encoder="mean_field", factor=1.0, dtype=torch.float64, width=1.0):
        self.weight = torch.as_tensor(weight, dtype=dtype)
        self.noise_variance = noise_variance
        self.encoder, self.factor, self.width = encoder, factor, width
        self.x_dim, self.z_dim = self.weight.shape
        identity = torch.eye(self.z_dim, dtype=dtype)
        self.precision = identity + self.weight.T @ self.weight / noise_variance
        self.covariance = torch.linalg.inv(self.precision)
        self.marginal = MultivariateNormal(
            torch.zeros(self.x_dim, dtype=dtype),
            self.weight @ self.weight.T + noise_variance * torch.eye(self.x_dim, dtype=dtype),
        )

    # the model contract
    def encode(self, x: Tensor) -> Distribution:
        mean = self.posterior_mean(x)
        if self.encoder == "posterior":
            return MultivariateNormal(mean, precision_matrix=self.precision.expand(len(x), -1, -1))
        scale = (self.width * self.precision.diagonal().rsqrt()).expand_as(mean)
        factor = self.factor if self.encoder == "scaled" else 1.0
        return Independent(Normal(factor * mean, scale), 1)

    def decode(self, z: Tensor) -> Distribution:
        return Independent(Normal(z @ self.weight.T, math.sqrt(self.noise_variance)), 1)

    def prior(self) -> Distribution:
        zero = self.weight.new_zeros(self.z_dim)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)

    # the truth
    def sample(self, count: int, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        z = torch.randn(count, self.z_dim, generator=generator, dtype=self.weight.dtype)
        noise = torch.randn(count, self.x_dim, generator=generator, dtype=self.weight.dtype)
        return z @ self.weight.T + math.sqrt(self.noise_variance) * noise

    def log_px(self, x: Tensor) -> Tensor:
        return self.marginal.log_prob(x)

    def posterior_mean(self, x: Tensor) -> Tensor:
        return x @ self.weight @ self.covariance / self.noise_variance

    def approximation_gap(self) -> float:
        """KL of the best factorised Gaussian: 0.5 (sum log P_ii - log det P), the same for every x."""
        return float(0.5 * (self.precision.diagonal().log().sum() - torch.logdet(self.precision)))

    def amortization_gap(self, x: Tensor) -> Tensor:
        """What the encoder loses on each x: 0.5 (m - mu)' P (m - mu), and what its width costs."""
        shift = (1.0 - (self.factor if self.encoder == "scaled" else 1.0)) * self.posterior_mean(x)
        return 0.5 * torch.einsum("bi,ij,bj->b", shift, self.precision, shift) + self._of_width()

    def _of_width(self) -> float:
        return 0.5 * self.z_dim * (self.width**2 - 1.0 - 2.0 * math.log(self.width))

    def expected_amortization_gap(self) -> float:
        """Its mean over data from the model: 0.5 (1 - c)^2 tr(P A C A')."""
        gain = self.covariance @ self.weight.T / self.noise_variance
        spread = gain @ self.marginal.covariance_matrix @ gain.T
        return float(0.5 * (1.0 - self.factor) ** 2 * torch.trace(self.precision @ spread)) + self._of_width()


def ppca(encoder="mean_field", factor=1.0, rotated=False, dtype=torch.float64, width=1.0) -> LinearGaussian:
    """The seeded model of the references: approximation gap 0.43846 nats, 0 after the SVD rotation."""
    weight = np.random.default_rng(1).normal(size=(10, 3))
    if rotated:
        weight = weight @ np.linalg.svd(weight)[2].T
    return LinearGaussian(weight, 0.25, encoder, factor, dtype, width)


class GridModel:
    """log p(x) and posterior moments of any model with two latent dimensions, by quadrature on a grid."""

    def __init__(self, model, half_width=6.0, points=400):
        self.model = model
        axis = torch.linspace(-half_width, half_width, points)
        self.cell = float(axis[1] - axis[0]) ** 2
        self.grid = torch.cartesian_prod(axis, axis)

    @torch.no_grad()
    def log_px(self, x: Tensor, chunk: int = 4000) -> Tensor:
        parts = []
        for z in self.grid.split(chunk):
            decoded, prior = self.model.decode(z), self.model.prior().log_prob(z)
            inner = torch.stack([decoded.log_prob(row.expand(len(z), *row.shape)) for row in x])
            parts.append((inner + prior).double())
        return torch.logsumexp(torch.cat(parts, 1), 1) + math.log(self.cell)
