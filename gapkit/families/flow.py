"""Any ``TransformedDistribution`` of a Gaussian as a transport: what an encoder with a flow posterior returns."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Transform

from gapkit.families.gaussian import DiagonalGaussian, FullRankGaussian, standard_normal_log_prob
from gapkit.randomness import Streams

__all__ = ["TransformedGaussian"]


@dataclass(frozen=True)
class TransformedGaussian:
    """z = f(T(u)): a Gaussian transport followed by an invertible ``torch.distributions`` transform.

    The transform belongs to the whole batch, so single datapoints cannot be taken out of it.

    Attributes:
        base: the Gaussian transport below.
        transform: an invertible map over latents of shape (S, B, *event_shape).
        event_shape: shape of one latent.
    """

    base: DiagonalGaussian | FullRankGaussian
    transform: Transform
    event_shape: torch.Size

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return self.base.dim

    @property
    def loc(self) -> Tensor:
        """The image of the noise's origin, shape (B, D)."""
        return self.forward(torch.zeros_like(self.base.loc).unsqueeze(0))[0]

    def forward(self, u: Tensor) -> Tensor:
        """Z = f(T(u)): shape (S, B, D) to (S, B, D)."""
        return self.transform(self._shaped(self.base.forward(u))).flatten(2)

    def inverse(self, z: Tensor) -> Tensor:
        """U = T^-1(f^-1(z)): shape (S, B, D) to (S, B, D)."""
        return self.base.inverse(self.transform.inv(self._shaped(z)).flatten(2))

    def log_abs_det(self, u: Tensor) -> Tensor:
        """log|det dz/du|: shape (S, B, D) to (S, B)."""
        inner = self._shaped(self.base.forward(u))
        outer = self.transform.log_abs_det_jacobian(inner, self.transform(inner))
        return outer.reshape(*u.shape[:2], -1).sum(-1) + self.base.log_abs_det(u)

    def pull_gradient(self, u: Tensor, grad_z: Tensor) -> Tensor:
        """Gradient in u of f(T(u)) + log|det dT/du| from the gradient of f in z, by reverse mode."""
        with torch.enable_grad():
            leaf = u.detach().requires_grad_(True)
            score = (self.forward(leaf) * grad_z).sum() + self.log_abs_det(leaf).sum()
            (gradient,) = torch.autograd.grad(score, leaf)
        return gradient

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z) of shape (S, B)."""
        return self.push(streams.normal(num_samples, self.dim))

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = T(u) and log q(z) from the noise itself."""
        return self.forward(u), standard_normal_log_prob(u) - self.log_abs_det(u)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q(z): shape (S, B, D) to (S, B), in nats."""
        u = self.inverse(z)
        return standard_normal_log_prob(u) - self.log_abs_det(u)

    def select(self, rows: Tensor) -> "TransformedGaussian":
        """Only the whole batch, in order, can be selected: an x-conditioned transform cannot be cut.

        Raises:
            ValueError: any other selection.
        """
        if not torch.equal(rows, torch.arange(self.base.loc.shape[0], device=rows.device)):
            raise ValueError("a transformed posterior cannot be cut into single datapoints; encode them instead")
        return self

    def can_be_cut(self) -> bool:
        """An x-conditioned transform belongs to its batch."""
        return False

    def marginal_scale(self) -> Tensor:
        """Roughly the standard deviation of each latent, from the images of the unit vectors: shape (B, D)."""
        loc = self.loc
        units = torch.eye(self.dim, dtype=loc.dtype, device=loc.device).unsqueeze(1).expand(-1, len(loc), -1)
        return (self.forward(units) - loc).square().sum(0).sqrt()

    def whitening(self) -> "TransformedGaussian":
        """The flow's own noise coordinates."""
        return self

    def _shaped(self, z: Tensor) -> Tensor:
        return z.reshape(*z.shape[:2], *self.event_shape)
