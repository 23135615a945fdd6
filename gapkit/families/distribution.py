"""A posterior as a ``torch`` distribution: the form in which an encoder returns a family that torch does not know."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.distributions.constraints import Constraint

from gapkit.core.errors import InputError
from gapkit.families.protocol import Posterior, noise_dim

__all__ = ["TransportDistribution"]

_Shape = torch.Size | list[int] | tuple[int, ...]
_SINGLE = torch.Size()


class TransportDistribution(Distribution):
    """q(z|x) of B datapoints from a posterior that is made from standard normal noise.

    Batch shape (B,), event shape (D,). It has no mean or variance; ``transport`` gives the image of the noise's origin
    and rough standard deviations. Draws are differentiable in everything that the posterior was made of.

    Attributes:
        transport: the posterior; :func:`gapkit.target.recognise` gives it back.

    Example:
        >>> from gapkit.families.gaussian import DiagonalGaussian
        >>> q = TransportDistribution(DiagonalGaussian(torch.zeros(3, 2), torch.ones(3, 2)))
        >>> z, log_q = q.rsample_and_log_prob((5,))
        >>> z.shape, log_q.shape
        (torch.Size([5, 3, 2]), torch.Size([5, 3]))
    """

    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, transport: Posterior, validate_args: bool | None = None) -> None:
        self.transport = transport
        # Transports keep what they compute once: under no_grad they would keep it without its graph.
        self._origin = transport.loc.detach()
        super().__init__(self._origin.shape[:1], self._origin.shape[1:], validate_args=validate_args)

    def sample(self, sample_shape: _Shape = _SINGLE) -> Tensor:
        """Draw latents of shape (*sample_shape, B, D), without a gradient."""
        return self.rsample(sample_shape).detach()  # not under no_grad, see above

    def rsample(self, sample_shape: _Shape = _SINGLE) -> Tensor:
        """Draw latents of shape (*sample_shape, B, D), differentiable in the weights."""
        return self.rsample_and_log_prob(sample_shape)[0]

    def rsample_and_log_prob(self, sample_shape: _Shape = _SINGLE) -> tuple[Tensor, Tensor]:
        """Draw latents with their log densities in one pass, without an inverse.

        Args:
            sample_shape: of the draws.

        Returns:
            z of shape (*sample_shape, B, D) and log q(z), (*sample_shape, B), in nats. For a posterior without a
            density of z, such as an auxiliary-variable flow, the second is log q(z, v) - log r(v|z): what makes
            exp(log p(x, z) - it) an unbiased estimate of p(x) all the same.
        """
        shape = torch.Size(sample_shape)
        size = noise_dim(self.transport, self.event_shape[0])
        noise = torch.randn(
            shape.numel(), *self.batch_shape, size, dtype=self._origin.dtype, device=self._origin.device
        )
        z, log_q = self.transport.push(noise)
        return z.reshape(shape + self.batch_shape + self.event_shape), log_q.reshape(shape + self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log q(value): shape (..., B, D), or one that broadcasts to it, to (..., B), in nats.

        Raises:
            InputError: a posterior without a density of z.
        """
        density = getattr(self.transport, "log_prob", None)
        if density is None:
            do = (
                "use rsample_and_log_prob: its second value, log q(z, v) - log r(v|z), takes the place of log q(z) in "
                "bounds and importance weights"
            )
            found = "q(z) is the marginal of q(z, v), an integral over v without a closed form"
            raise InputError(f"log q(z) of a {type(self.transport).__name__}", found, do)
        if self._validate_args:
            self._validate_sample(value)
        shape = torch.broadcast_shapes(value.shape, self.batch_shape + self.event_shape)
        log_q: Tensor = density(value.expand(shape).reshape(-1, *self.batch_shape, *self.event_shape))
        return log_q.reshape(shape[:-1])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.transport).__name__})"
