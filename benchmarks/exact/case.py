"""What a case is: a model, data, and the exact value of log p(x) for each datapoint."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from gapkit.models.protocol import LatentModel

__all__ = ["DOUBLE", "Case", "Model", "noise", "normal", "standard"]

DOUBLE = torch.float64


@dataclass(frozen=True)
class Case:
    """A model whose log p(x) is known.

    Attributes:
        kind: what makes it hard, or ``easy``; cases of a kind stand together on the benchmark page.
        model: an object of the model contract.
        x: data, shape (B, *x_shape), in the model's own type.
        exact: log p(x), shape (B,), float64, nats: a closed form or dense quadrature.
        facts: what is known of the posteriors, in words.
        elbo: exact L[q] of the encoder, shape (B,), where there is a closed form.
        elbo_star: exact L[q*] of the best q in the encoder's family, shape (B,), where it is known.
        fault: where the larger gap lies, ``encoder``, ``family``, ``nothing`` (no gap) or ``model`` (latents unused),
            where that is beyond doubt; an advice for another part contradicts the truth.
        strict: held to 0.02 nats and to no flagged datapoint: nothing here is beyond a careful search.
        name: what commands, tests and the page call it.
    """

    kind: str
    model: LatentModel
    x: Tensor
    exact: Tensor
    facts: str
    elbo: Tensor | None = None
    elbo_star: Tensor | None = None
    fault: str | None = None
    strict: bool = False
    name: str = ""


@dataclass(frozen=True)
class Model:
    """A model from its two conditional distributions and its prior."""

    to_q: Callable[[Tensor], Distribution]
    to_x: Callable[[Tensor], Distribution]
    p_z: Distribution

    def encode(self, x: Tensor) -> Distribution:
        """q(z|x), batch shape (B,)."""
        return self.to_q(x)

    def decode(self, z: Tensor) -> Distribution:
        """p(x|z), batch shape (N,)."""
        return self.to_x(z)

    def prior(self) -> Distribution:
        """p(z), batch shape ()."""
        return self.p_z


def normal(loc: Tensor, scale: Tensor | float) -> Independent:
    """Independent normals along the last axis; the scale is broadcast."""
    return Independent(Normal(loc, torch.as_tensor(scale, dtype=loc.dtype).expand_as(loc)), 1)


def standard(dim: int, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> Independent:
    """N(0, scale^2 I)."""
    return normal(torch.zeros(dim, dtype=dtype), scale)


def noise(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Standard normal numbers of their own seed, whatever else has drawn."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
