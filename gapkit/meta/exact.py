"""Meta models whose answers are known: the linear-Gaussian one, and a block on an inclined plane."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.meta.data import MetaData
from gapkit.models.meta_vae import decoders_of
from gapkit.models.pair import PairModel
from gapkit.models.reference import build

__all__ = ["InclinedPlane", "LinearGaussianMeta"]

_G = 9.81


@dataclass(frozen=True)
class LinearGaussianMeta:
    """theta_i ~ N(0, kappa2), z ~ N(0, 1), x = theta_i + tau z + sigma e: data set i is one theta_i.

    The posterior in data set i is N(w (x - theta_i), 1/a) with w = tau/(sigma^2 + tau^2) and a = 1 + tau^2/sigma^2, so
    that a Gaussian encoder of one data set has no gap at all. One that knows a support set in the place of theta_i
    loses, at the best, (a w^2 / 2) Var(theta_i | x, D).

    Attributes:
        tau: of the latent.
        sigma: of the noise.
        kappa2: variance of theta over data sets.

    Example:
        >>> exact = LinearGaussianMeta()
        >>> [round(exact.meta_gap(size), 5) for size in (0, 1, 5, 10, 20)]
        [0.33333, 0.2, 0.07692, 0.04348, 0.02326]
    """

    tau: float = 1.0
    sigma: float = 1.0
    kappa2: float = 4.0

    @property
    def spread(self) -> float:
        """Variance of x within a data set."""
        return self.tau**2 + self.sigma**2

    def meta_gap(self, context_size: int) -> float:
        """What the best doubly amortized encoder loses on average with M datapoints beside x, in nats."""
        left = 1 / (1 / self.kappa2 + (context_size + 1) / self.spread)
        return 0.5 * self.tau**2 / (self.sigma**2 * self.spread) * left

    def posterior(self, x: Tensor, theta: Tensor) -> tuple[Tensor, float]:
        """Mean, of the shape of x, and variance of z given x in a data set."""
        return self.tau / self.spread * (x - theta), self.sigma**2 / self.spread

    def best(self, x: Tensor, support: Tensor) -> tuple[Tensor, float]:
        """Mean and variance of the best q(z|D, x): x has shape (K, 1), the support (K, M, 1)."""
        precision = 1 / self.kappa2 + (support.shape[1] + 1) / self.spread
        theta = (x + support.sum(1)) / self.spread / precision
        return self.posterior(x, theta)

    def log_px(self, x: Tensor, theta: Tensor) -> Tensor:
        """Log p_i(x), of the shape of x, in nats."""
        return -0.5 * ((x - theta).square() / self.spread + math.log(2 * math.pi * self.spread))

    def loss(self, mean: Tensor, variance: Tensor | float, x: Tensor, theta: Tensor) -> Tensor:
        """KL(N(mean, variance) || posterior in the data set), of the shape of x, in nats."""
        exact, exact_variance = self.posterior(x, theta)
        ratio = torch.as_tensor(variance) / exact_variance
        return 0.5 * (ratio + (mean - exact).square() / exact_variance - 1 - ratio.log())

    def data(self, num_datasets: int, size: int, held_out: int = 0, *, test: int = 50, seed: int = 0) -> MetaData:
        """Draw data sets: the last ``held_out`` of them are not seen; ``truth`` is theta, (T, 1)."""
        generator = torch.Generator().manual_seed(seed)
        theta = math.sqrt(self.kappa2) * torch.randn(num_datasets, 1, 1, generator=generator)
        noise = torch.randn(2, num_datasets, size + test, 1, generator=generator)
        x = theta + self.tau * noise[0] + self.sigma * noise[1]
        seen = torch.arange(num_datasets) < num_datasets - held_out
        return MetaData(x[:, :size], x[:, size:], seen, truth=theta[:, 0])

    def model(self, theta: Tensor, **config: object) -> PairModel:
        """A ``meta_vae`` whose decoders are those of the data sets: theta has shape (T, 1)."""
        fixed = {"x_shape": (1,), "latent": 1, "decoder_hidden": (), "likelihood": f"gaussian:sigma={self.sigma!r}"}
        model = build("meta_vae", **{"activation": "elu", **config, **fixed, "num_datasets": len(theta)})
        net = decoders_of(model).net
        with torch.no_grad():
            net.weights[0].fill_(self.tau)
            net.biases[0].copy_(theta)
        return model


@dataclass(frozen=True)
class InclinedPlane:
    """A block slides down a plane of length l and angle phi: z is its friction, x the time it takes, measured.

    t = sqrt(2 l / (g (sin phi - z cos phi))), x = t + 0.02 e, z uniform from 0.0001 to where the block still slides
    well (0.9 tan phi, at most 1). A plane is a data set.

    Attributes:
        noise: standard deviation of the measured time, in seconds.

    Example:
        >>> round(float(InclinedPlane().time(torch.tensor(0.0), torch.tensor(2.0), torch.tensor(30.0))), 4)
        0.903
    """

    noise: float = 0.02

    @staticmethod
    def time(friction: Tensor, length: Tensor, degrees: Tensor) -> Tensor:
        """How long the block takes, in seconds."""
        angle = torch.deg2rad(degrees)
        return (2 * length / (_G * (angle.sin() - friction * angle.cos()))).sqrt()

    @staticmethod
    def most(degrees: Tensor) -> Tensor:
        """The largest friction of a plane."""
        return (0.9 * torch.deg2rad(degrees).tan()).clamp(max=1.0)

    def draw(self, length: Tensor, degrees: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw so many (friction, measured time) of each plane: two of shape (G, count)."""
        most = self.most(degrees).unsqueeze(1)
        z = 1e-4 + (most - 1e-4) * torch.rand(len(length), count, generator=generator)
        t = self.time(z, length.unsqueeze(1), degrees.unsqueeze(1))
        return z, t + self.noise * torch.randn(t.shape, generator=generator)

    def log_posterior(self, x: Tensor, length: Tensor, degrees: Tensor, points: int = 2000) -> tuple[Tensor, Tensor]:
        """Log p(z|x) in nats on a grid of frictions, by the sum over the grid: both of shape (K, points).

        Args:
            x: measured times, shape (K,).
            length: of the planes, (K,).
            degrees: of the planes, (K,).
            points: of the grid.
        """
        most = self.most(degrees).double().unsqueeze(1)
        middle = (torch.arange(points, dtype=torch.float64) + 0.5) / points
        z = 1e-4 + (most - 1e-4) * middle
        t = self.time(z, length.double().unsqueeze(1), degrees.double().unsqueeze(1))
        log_w = -0.5 * ((x.double().unsqueeze(1) - t) / self.noise).square()
        return z, log_w - log_w.logsumexp(1, keepdim=True) - ((most - 1e-4) / points).log()
