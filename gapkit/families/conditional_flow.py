"""A flow that another library computes, given what it knows of each datapoint: noise to latents and back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from gapkit.core.randomness import Streams
from gapkit.families.flow import marginal_scale_of, pulled_gradient
from gapkit.families.gaussian import DiagonalGaussian, standard_normal_log_prob

__all__ = ["ConditionalFlow"]

Way = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ConditionalFlow:
    """z = T(u; context): unlike a transform of a whole batch, it can be cut into single datapoints.

    Attributes:
        forward_way: noise (N, D) and contexts (N, C) to latents (N, D) and log|det dz/du|, (N,).
        inverse_way: latents and contexts to noise and log|det du/dz|.
        context: what the encoder knows of each datapoint, shape (B, C).
        dim: number of latent dimensions D.
    """

    forward_way: Way
    inverse_way: Way
    context: Tensor
    dim: int

    def _through(self, way: Way, points: Tensor) -> tuple[Tensor, Tensor]:
        lead = points.shape[:-1]
        context = self.context.expand(*lead, *self.context.shape[1:]).reshape(-1, *self.context.shape[1:])
        there, ladj = way(points.reshape(-1, self.dim), context)
        return there.reshape(points.shape), ladj.reshape(lead)

    @cached_property
    def loc(self) -> Tensor:
        """The image of the noise's origin, shape (B, D)."""
        return self.forward(self.context.new_zeros(1, len(self.context), self.dim))[0]

    def forward(self, u: Tensor) -> Tensor:
        """Z = T(u): shape (S, B, D) to (S, B, D)."""
        return self._through(self.forward_way, u)[0]

    def inverse(self, z: Tensor) -> Tensor:
        """U = T^-1(z): shape (S, B, D) to (S, B, D)."""
        return self._through(self.inverse_way, z)[0]

    def log_abs_det(self, u: Tensor) -> Tensor:
        """log|det dz/du|: shape (S, B, D) to (S, B)."""
        return self._through(self.forward_way, u)[1]

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = T(u) and log q(z), shapes (S, B, D) and (S, B)."""
        z, ladj = self._through(self.forward_way, u)
        return z, standard_normal_log_prob(u) - ladj

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z) of shape (S, B)."""
        return self.push(streams.normal(num_samples, self.dim))

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q(z): shape (S, B, D) to (S, B), in nats."""
        u, ladj = self._through(self.inverse_way, z)
        return standard_normal_log_prob(u) + ladj

    def pull_gradient(self, u: Tensor, grad_z: Tensor) -> Tensor:
        """Gradient in u of f(T(u)) + log|det dT/du| from the gradient of f in z, by reverse mode."""
        return pulled_gradient(self, u, grad_z)

    def marginal_scale(self) -> Tensor:
        """Roughly the standard deviation of each latent, shape (B, D)."""
        return marginal_scale_of(self)

    def whitening(self) -> DiagonalGaussian:
        """Coordinates for Markov chains: a Gaussian of the same place and widths, since they leave what was learned."""
        return DiagonalGaussian(self.loc, self.marginal_scale())

    def select(self, rows: Tensor) -> "ConditionalFlow":
        """Return the flows of some datapoints: rows has shape (P,)."""
        return ConditionalFlow(self.forward_way, self.inverse_way, self.context[rows], self.dim)
