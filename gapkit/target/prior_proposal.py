"""The prior as a proposal: the textbook start of annealed importance sampling."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.randomness import Streams, seeded
from gapkit.families.gaussian import DiagonalGaussian
from gapkit.models.priors import log_prob, log_prob_and_grad
from gapkit.models.unvalidated import unvalidated

__all__ = ["PriorProposal"]


@dataclass(frozen=True)
class PriorProposal:
    """p(z) for each of B datapoints, whatever distribution the model uses.

    Attributes:
        prior: the model's prior, batch shape (), or (B,) where it depends on a condition.
        num_datapoints: B.
        dtype: floating-point type of the latents.
        device: device of the latents.
        of_rows: the prior of some datapoints, batch shape (P,), by their places; where each has its own.
    """

    prior: Distribution
    num_datapoints: int
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    of_rows: Callable[[Tensor], Distribution] | None = None

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log p(z) of shape (S, B).

        A distribution's own ``sample`` uses the global generator only, so each datapoint's draws are made on a seed
        taken from its stream: unlike those of a transport, draws of one call are not the continuation of another's.
        """
        # Two uniforms of 24 bits each make a seed that no two datapoints are likely to share.
        halves = (streams.uniform(2, 1).double() * 2**24).long()[..., 0].tolist()
        seeds = [high * 2**24 + low for high, low in zip(*halves, strict=True)]
        draws = []
        for row, seed in enumerate(seeds):
            prior = self.prior if self.of_rows is None else self.of_rows(torch.tensor([row], device=self.device))
            with seeded(int(seed), "prior"):
                draws.append(prior.sample((num_samples,)).reshape(num_samples, -1))
        z = torch.stack(draws, 1).to(self.device, self.dtype)
        return z, self.log_prob(z)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log p(z): shape (S, B, D) to (S, B), in nats."""
        with unvalidated():
            return log_prob(self.prior, z.reshape(*z.shape[:-1], *self.prior.event_shape))

    def log_prob_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log p(z), shape (S, B), and its gradient in z, shape (S, B, D)."""
        with unvalidated():
            value, gradient = log_prob_and_grad(self.prior, z.reshape(*z.shape[:-1], *self.prior.event_shape))
        return value, gradient.reshape(z.shape)

    def select(self, rows: Tensor) -> "PriorProposal":
        """The priors of some datapoints; one that all share is that of another number of them."""
        whole, count = self.of_rows, rows.shape[0]
        if whole is None:
            return PriorProposal(self.prior, count, self.dtype, self.device)
        return PriorProposal(whole(rows), count, self.dtype, self.device, lambda part: whole(rows[part]))

    def whitening(self) -> DiagonalGaussian:
        """Coordinates scaled by the prior's standard deviation where it states one, else its own."""
        dim = self.prior.event_shape.numel()
        try:
            loc, scale = (part.reshape(-1, dim) for part in (self.prior.mean, self.prior.stddev))
        except NotImplementedError:
            loc, scale = torch.zeros(1, dim), torch.ones(1, dim)
        loc, scale = loc.to(self.device, self.dtype), scale.to(self.device, self.dtype)
        loc = torch.where(loc.isfinite(), loc, 0.0).expand(self.num_datapoints, -1)
        scale = torch.where(scale.isfinite() & (scale > 0), scale, 1.0).expand(self.num_datapoints, -1)
        return DiagonalGaussian(loc, scale)
