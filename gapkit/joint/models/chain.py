"""Time series: hidden Markov models, and one whose hidden states know the last observation alone."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Normal

from gapkit.joint.model import HierarchicalModel

__all__ = ["Chain", "Saw"]


@dataclass(frozen=True)
class Saw(HierarchicalModel):
    """z_n ~ N(x_{n-1}, 1), x_n ~ N(a (theta + z_n), 1), theta ~ N(0, 1), x_0 = 0 before the first one.

    Given theta, z_n depends on two observations: an inference function needs both.
    Source: Margossian, Blei (2024), equation 17.

    Attributes:
        slope: a.
        flat: whether theta has a flat prior, as in their code.
    """

    slope: float = 0.75
    flat: bool = False
    global_size = 1

    def log_prior(self, theta: Tensor) -> Tensor:
        """Shape (S,)."""
        return theta.new_zeros(len(theta)) if self.flat else Normal(0.0, 1.0).log_prob(theta).sum(-1)

    def log_local(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """Shape (S, N)."""
        z, before = z[..., 0], torch.cat([x.new_zeros(1), x[:-1, 0]])
        return Normal(before, 1.0).log_prob(z) + Normal(self.slope * (theta + z), 1.0).log_prob(x[:, 0])

    def simulate(self, count: int, seed: int) -> Tensor:
        """Data of shape (N, 1), at a theta of N(0, 1)."""
        stream = torch.Generator().manual_seed(seed)
        theta = torch.randn(1, dtype=torch.float64, generator=stream)
        noise = torch.randn(count, 2, dtype=torch.float64, generator=stream)
        found, last = [], torch.zeros(1, dtype=torch.float64)
        for state, seen in noise:
            last = self.slope * (theta + last + state) + seen
            found.append(last)
        return torch.stack(found)


@dataclass(frozen=True)
class Chain(HierarchicalModel):
    """z_n ~ N(rho z_{n-1}, 1), x_n ~ N(z_n, 1) for n = 1, ..., N: a hidden Markov model whose theta is z_0.

    Attributes:
        rho: 1 for a random walk.
        start: the standard deviation of z_0; None for a flat one; ``"stationary"`` for that of the long run.
    """

    rho: float = 0.9
    start: float | str | None = "stationary"
    global_size = 1

    def log_prior(self, theta: Tensor) -> Tensor:
        """Log p(z_0), shape (S,)."""
        if self.start is None:
            return theta.new_zeros(len(theta))
        sd = (1 - self.rho**2) ** -0.5 if self.start == "stationary" else float(self.start)
        return Normal(theta.new_zeros(()), sd).log_prob(theta).sum(-1)  # two plain numbers would be float32

    def log_local(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """Shape (S, N); the term of a datapoint looks one step back."""
        z = z[..., 0]
        before = torch.cat([theta, z[:, :-1]], 1)
        return Normal(self.rho * before, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(x[:, 0])
