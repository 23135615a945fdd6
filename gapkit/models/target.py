"""log p(x, z) of a batch of datapoints as a function of flat latents: what every estimator and fit works on.

Shapes: S samples, B datapoints, D = number of latent dimensions after flattening the model's latent event.
"""

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.models.priors import moved
from gapkit.models.protocol import LatentModel

__all__ = ["Target", "unvalidated"]

# Rows of one decoder call hold about this many data values: enough to keep the cores busy, small enough for the caches
# and for decoders whose inner
# layers are many times wider than the data.
_VALUES_PER_CALL = 700_000
_MAX_ROWS = 4096


@contextlib.contextmanager
def unvalidated() -> Iterator[None]:
    """Switch off the argument checks of ``torch`` distributions for a while.

    They would turn one latent at which a decoder returns NaN into an error for the whole batch; here such a point is
    a weight of zero for one datapoint. Data are checked against the support once, before any work.
    """
    before = Distribution._validate_args
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


class Target:
    """The unnormalised posteriors of a batch: z -> log p(x_b, z) for every datapoint b.

    Samples are processed in chunks of at most ``max_rows`` decoder rows, so memory stays bounded whatever S is. The
    chunk is a function of shapes alone, never of free memory, so that results can be repeated.

    Args:
        model: an object of the model contract.
        x: data, shape (B, *x_shape).
        max_rows: decoder rows per call; None chooses from the size of a datapoint.
        latent_shape: event shape of z; None asks the encoder.
    """

    def __init__(
        self,
        model: LatentModel,
        x: Tensor,
        *,
        max_rows: int | None = None,
        latent_shape: torch.Size | None = None,
    ) -> None:
        self.model, self.x = model, x
        if latent_shape is None:
            with torch.no_grad(), unvalidated():
                latent_shape = model.encode(x[:1]).event_shape
        self.latent_shape = latent_shape
        self.num_datapoints = x.shape[0]
        self.dim = math.prod(latent_shape)
        self.max_rows = max_rows or max(16, min(_MAX_ROWS, _VALUES_PER_CALL // max(1, x[0].numel())))
        self._repeated: tuple[int, Tensor] | None = None
        with torch.no_grad(), unvalidated():
            self.prior: Distribution = moved(model.prior(), x.dtype, x.device)

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the data and the latents."""
        return self.x.dtype

    @property
    def device(self) -> torch.device:
        """Device of the data and the latents."""
        return self.x.device

    def select(self, rows: Tensor) -> "Target":
        """Return the target of some rows of the batch (a row may be repeated): rows has shape (P,)."""
        return Target(self.model, self.x[rows], max_rows=self.max_rows, latent_shape=self.latent_shape)

    def decode(self, z: Tensor) -> Distribution:
        """Return p(x|z) for flat latents z of shape (N, D)."""
        with unvalidated():
            return self.model.decode(z.reshape(-1, *self.latent_shape))

    def chunks(self, num_samples: int) -> list[int]:
        """Cut S samples of all B datapoints into chunks of at most ``max_rows`` decoder rows (at least one sample)."""
        size = max(1, self.max_rows // self.num_datapoints)
        return [min(size, num_samples - start) for start in range(0, num_samples, size)]

    def log_prior(self, z: Tensor) -> Tensor:
        """Log p(z): z has shape (S, B, D), the result (S, B), in nats."""
        with unvalidated():
            return self.prior.log_prob(z.reshape(*z.shape[:-1], *self.latent_shape))

    def log_likelihood(self, z: Tensor) -> Tensor:
        """Log p(x|z): z has shape (S, B, D), the result (S, B), in nats. One decoder call: the caller cuts chunks."""
        num_samples = z.shape[0]
        with unvalidated():
            values = self.decode(z).log_prob(self._repeat(num_samples))
        return values.reshape(num_samples, self.num_datapoints)

    def log_joint(self, z: Tensor) -> Tensor:
        """Log p(x, z): z has shape (S, B, D), the result (S, B), in nats; chunked over samples."""
        sizes = self.chunks(z.shape[0])
        parts = [self.log_likelihood(part) + self.log_prior(part) for part in z.split(sizes)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def log_joint_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log p(x, z) and its gradient in z: shapes (S, B) and (S, B, D); chunked over samples, no graph is kept."""
        values, gradients = [], []
        for part in z.detach().split(self.chunks(z.shape[0])):
            with torch.enable_grad():
                leaf = part.detach().requires_grad_(True)
                value = self.log_likelihood(leaf) + self.log_prior(leaf)
                (gradient,) = torch.autograd.grad(value.sum(), leaf)
            values.append(value.detach())
            gradients.append(gradient)
        if len(values) == 1:
            return values[0], gradients[0]
        return torch.cat(values), torch.cat(gradients)

    def _repeat(self, num_samples: int) -> Tensor:
        # The data are repeated once per chunk size and kept: a chain of transitions asks for the same size every time.
        if self._repeated is None or self._repeated[0] != num_samples:
            shape = self.x.shape
            repeated = self.x.expand(num_samples, *shape).reshape(num_samples * shape[0], *shape[1:])
            self._repeated = (num_samples, repeated)
        return self._repeated[1]
