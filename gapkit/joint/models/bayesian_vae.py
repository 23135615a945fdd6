"""A VAE whose decoder has a prior: theta is all of its weights, which A-VI and F-VI infer too."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal
from torch.nn.functional import leaky_relu

from gapkit.core.errors import InputError
from gapkit.joint.model import HierarchicalModel

__all__ = ["BayesianVae"]


@dataclass(frozen=True)
class BayesianVae(HierarchicalModel):
    """theta ~ N(0, I), z_n ~ N(0, I), x_n ~ N(Omega(z_n; theta), 1) or Bernoulli with these logits.

    Omega has one hidden layer with leaky ReLU; its weights are divided by the root of their inputs, so that a standard
    normal prior gives outputs of the same size for any width.
    Source: Margossian, Blei (2024), section 5, "Bayesian neural network", whose network is 2 x 256.

    Attributes:
        pixels: numbers of x_n.
        latent: numbers of z_n.
        width: of the hidden layer.
        likelihood: ``gaussian`` or ``bernoulli``.

    Raises:
        InputError: another likelihood.
    """

    pixels: int = 64
    latent: int = 8
    width: int = 32
    likelihood: str = "bernoulli"

    def __post_init__(self) -> None:
        if self.likelihood not in ("gaussian", "bernoulli"):
            raise InputError(f"a likelihood {self.likelihood!r}", "no such likelihood", "use gaussian or bernoulli")

    @property
    def local_size(self) -> int:  # type: ignore[override]
        """Of each z_n."""
        return self.latent

    @property
    def global_size(self) -> int:  # type: ignore[override]
        """All weights and biases of the decoder."""
        return sum(rows * columns for rows, columns in self._shapes)

    @property
    def _shapes(self) -> tuple[tuple[int, int], ...]:
        """Of both layers; the last row of each holds the biases."""
        return (self.latent + 1, self.width), (self.width + 1, self.pixels)

    def log_prior(self, theta: Tensor) -> Tensor:
        """Shape (S,)."""
        return Normal(0.0, 1.0).log_prob(theta).sum(-1)

    def begin(self) -> Tensor:
        """A draw of the prior, shape (G,)."""
        return torch.randn(self.global_size, dtype=torch.float64)

    def decode(self, theta: Tensor, z: Tensor) -> Tensor:
        """Means or logits of x: (S, G) and (S, N, D) to (S, N, pixels)."""
        start, found = 0, z
        for layer, (rows, columns) in enumerate(self._shapes):
            weights = theta[:, start : start + rows * columns].reshape(len(theta), rows, columns)
            start += rows * columns
            found = torch.baddbmm(weights[:, -1:], found, weights[:, :-1] / (rows - 1) ** 0.5)
            found = leaky_relu(found, 0.1) if layer == 0 else found
        return found

    def log_local(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """Shape (S, N)."""
        mean = self.decode(theta, z)
        seen = Bernoulli(logits=mean) if self.likelihood == "bernoulli" else Normal(mean, 1.0)
        return Normal(0.0, 1.0).log_prob(z).sum(-1) + seen.log_prob(x.flatten(1)).sum(-1)
