"""Simple hierarchical models: given theta, datapoints know nothing of each other."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal

from gapkit.joint.model import HierarchicalModel

__all__ = ["Linear", "Nonlinear"]


@dataclass(frozen=True)
class Linear(HierarchicalModel):
    """z_n ~ N(0, 1), x_n ~ N(theta + tau z_n, sigma^2), theta flat: partial pooling.

    Source: Margossian, Blei (2024), proposition 3.6.

    Attributes:
        tau: how much of z_n shows in x_n.
        sigma: the standard deviation of the noise.
    """

    tau: float = 1.155
    sigma: float = 2.43
    global_size = 1

    def log_local(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """Shape (S, N)."""
        z = z[..., 0]
        return Normal(0.0, 1.0).log_prob(z) + Normal(theta + self.tau * z, self.sigma).log_prob(x[:, 0])

    def simulate(self, count: int, seed: int, theta: float = 0.0) -> Tensor:
        """Data of shape (N, 1)."""
        stream = torch.Generator().manual_seed(seed)
        z, noise = torch.randn(2, count, 1, dtype=torch.float64, generator=stream)
        return theta + self.tau * z + self.sigma * noise


@dataclass(frozen=True)
class Nonlinear(HierarchicalModel):
    """z_n ~ N(0, 1), x_n ~ N(theta + z_n (1 + sin z_n), exp(cos z_n)^2), theta ~ N(0, 1).

    Margossian and Blei (2024), equation 15, have the variance cos^2 z_n, which is 0 at pi / 2: no Gaussian q has a
    finite ELBO there. This is the model of their code, with the normaliser and the prior on theta that it drops.
    """

    global_size = 1

    def log_prior(self, theta: Tensor) -> Tensor:
        """Shape (S,)."""
        return Normal(0.0, 1.0).log_prob(theta).sum(-1)

    def log_local(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """Shape (S, N)."""
        z = z[..., 0]
        return Normal(0.0, 1.0).log_prob(z) + Normal(theta + z * (1 + z.sin()), z.cos().exp()).log_prob(x[:, 0])

    def simulate(self, count: int, seed: int, spread: float = 1.0) -> Tensor:
        """Data of shape (N, 1) at a theta of the prior; ``spread`` is the standard deviation of the z_n."""
        stream = torch.Generator().manual_seed(seed)
        theta = torch.randn(1, dtype=torch.float64, generator=stream)
        z, noise = torch.randn(2, count, 1, dtype=torch.float64, generator=stream)
        z = spread * z
        return theta + z * (1 + z.sin()) + z.cos().exp() * noise
