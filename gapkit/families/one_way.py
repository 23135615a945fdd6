"""A flow that cannot be walked back: it gives draws with their densities, and no density of a z from elsewhere.

    z = f(T(u)),    log q(z) = log N(u) - log|det dz/du|

Planar flows and most inverse autoregressive ones are written that way. Bounds need draws alone, so that L[q] is exact;
what asks for q at other latents (proposals that are mixtures, a comparison of q* with q) takes a Gaussian instead.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.randomness import Streams
from gapkit.families.flow import TransformedGaussian
from gapkit.families.gaussian import DiagonalGaussian

__all__ = ["OneWayFlow", "has_inverse"]


@dataclass(frozen=True)
class OneWayFlow:
    """The draws of a transformed Gaussian whose transform has no inverse.

    Attributes:
        flow: of which only the way from noise to latents is used.

    Example:
        >>> class Bent(torch.distributions.Transform):
        ...     def _call(self, x):
        ...         return x + 0.5 * torch.tanh(x)
        ...     def log_abs_det_jacobian(self, x, y):
        ...         return (1 + 0.5 / torch.cosh(x) ** 2).log()
        >>> normal = DiagonalGaussian(torch.zeros(3, 2), torch.ones(3, 2))
        >>> flow = TransformedGaussian(normal, Bent(), torch.Size([2]))
        >>> has_inverse(flow), [part.shape for part in OneWayFlow(flow).push(torch.zeros(5, 3, 2))]
        (False, [torch.Size([5, 3, 2]), torch.Size([5, 3])])
    """

    flow: TransformedGaussian

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return self.flow.dim

    @property
    def loc(self) -> Tensor:
        """The image of the noise's origin, shape (B, D)."""
        return self.flow.loc

    def marginal_scale(self) -> Tensor:
        """Roughly the standard deviation of each latent, shape (B, D)."""
        return self.flow.marginal_scale()

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z) of shape (S, B)."""
        return self.flow.draw(streams, num_samples)

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The same from noise of shape (S, B, D)."""
        return self.flow.push(u)

    def stand_in(self) -> DiagonalGaussian:
        """A Gaussian of about the same place and width, for those who need a density of z."""
        return DiagonalGaussian(self.loc, self.marginal_scale())

    def whitening(self) -> DiagonalGaussian:
        """Coordinates for Markov chains over z."""
        return self.stand_in()

    def select(self, rows: Tensor) -> "OneWayFlow":
        """Only the whole batch, in order, can be selected.

        Raises:
            ValueError: any other selection.
        """
        return OneWayFlow(self.flow.select(rows))

    def can_be_cut(self) -> bool:
        """An x-conditioned transform belongs to its batch."""
        return False


def has_inverse(flow: TransformedGaussian) -> bool:
    """Whether the transform goes back from a z that it did not draw: asked of the image of the noise's origin.

    Some libraries keep the noise of the last draw and look it up, which is no inverse.
    """
    try:
        with torch.no_grad():
            flow.inverse(flow.loc.detach().clone().unsqueeze(0))
    except (NotImplementedError, KeyError):  # Pyro's say the second: the noise is not among what was kept
        return False
    return True
