"""Flow posteriors: coupling layers of each datapoint's own, and any other transform of a Gaussian as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Transform

from gapkit.core.randomness import Streams
from gapkit.families.coupling import CouplingStack
from gapkit.families.gaussian import Affine, DiagonalGaussian, FullRankGaussian, standard_normal_log_prob

__all__ = ["CouplingFlow", "TransformedGaussian", "marginal_scale_of", "pulled_gradient"]


class _Deep(Protocol):
    """What the helpers below need of a flow."""

    @property
    def dim(self) -> int: ...

    @property
    def loc(self) -> Tensor: ...

    def forward(self, u: Tensor) -> Tensor: ...

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]: ...


def pulled_gradient(q: _Deep, u: Tensor, grad_z: Tensor) -> Tensor:
    """Gradient in u of f(T(u)) + log|det dT/du| from the gradient of f in z, by reverse mode."""
    with torch.enable_grad():
        leaf = u.detach().requires_grad_(True)
        z, log_q = q.push(leaf)
        score = (z * grad_z).sum() + (standard_normal_log_prob(leaf) - log_q).sum()
        (gradient,) = torch.autograd.grad(score, leaf)
    return gradient


def marginal_scale_of(q: _Deep) -> Tensor:
    """Roughly the standard deviation of each latent, from the images of the unit vectors: shape (B, D)."""
    loc = q.loc
    units = torch.eye(q.dim, dtype=loc.dtype, device=loc.device).unsqueeze(1).expand(-1, len(loc), -1)
    both = torch.cat([q.forward(units) - loc, q.forward(-units) - loc])
    return (0.5 * both.square().sum(0)).sqrt()


@dataclass(frozen=True)
class CouplingFlow:
    """z = A(f(u)): coupling layers f on standard normal noise, then an affine map, all of each datapoint's own.

    Attributes:
        affine: the last map, a Gaussian transport; without coupling layers q would be this Gaussian.
        weights: of the coupling layers; see :class:`gapkit.families.coupling.CouplingStack`.
    """

    affine: DiagonalGaussian | FullRankGaussian
    weights: Mapping[str, Tensor]

    @cached_property
    def stack(self) -> CouplingStack:
        """The coupling layers."""
        return CouplingStack(self.weights)

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        return self.affine.dim

    @property
    def loc(self) -> Tensor:
        """The image of the noise's origin, shape (B, D)."""
        return self.forward(torch.zeros_like(self.affine.loc).unsqueeze(0))[0]

    def forward(self, u: Tensor) -> Tensor:
        """Z = A(f(u)): shape (S, B, D) to (S, B, D)."""
        return self.affine.forward(self.stack.call_and_ladj(u)[0])

    def inverse(self, z: Tensor) -> Tensor:
        """U = f^-1(A^-1(z)): shape (S, B, D) to (S, B, D)."""
        return self.stack.inverse_and_ladj(self.affine.inverse(z))[0]

    def log_abs_det(self, u: Tensor) -> Tensor:
        """log|det dz/du|: shape (S, B, D) to (S, B)."""
        return self.stack.call_and_ladj(u)[1] + self.affine.log_abs_det(u)

    def pull_gradient(self, u: Tensor, grad_z: Tensor) -> Tensor:
        """Gradient in u of f(T(u)) + log|det dT/du| from the gradient of f in z, by reverse mode."""
        return pulled_gradient(self, u, grad_z)

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z) of shape (S, B)."""
        return self.push(streams.normal(num_samples, self.dim))

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = T(u) and log q(z) from the noise itself."""
        y, ladj = self.stack.call_and_ladj(u)
        return self.affine.forward(y), standard_normal_log_prob(u) - ladj - self.affine.log_abs_det(y)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q(z): shape (S, B, D) to (S, B), in nats."""
        y = self.affine.inverse(z)
        u, ladj = self.stack.inverse_and_ladj(y)
        return standard_normal_log_prob(u) - ladj - self.affine.log_abs_det(y)

    def marginal_scale(self) -> Tensor:
        """Roughly the standard deviation of each latent, shape (B, D)."""
        return marginal_scale_of(self)

    def whitening(self) -> "CouplingFlow":
        """The flow's own noise coordinates."""
        return self

    def select(self, rows: Tensor) -> "CouplingFlow":
        """Return the flows of some datapoints: rows has shape (P,)."""
        weights = {name: tensor[rows] if len(tensor) > 1 else tensor for name, tensor in self.weights.items()}
        return CouplingFlow(self.affine.select(rows), weights)

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by name, one row per datapoint; :meth:`of` makes the same flow of them."""
        batch = len(self.affine.loc)
        weights = {name: tensor.expand(batch, *tensor.shape[1:]) for name, tensor in self.weights.items()}
        return {**self.affine.tensors(), **weights}

    @classmethod
    def of(cls, **tensors: Tensor) -> "CouplingFlow":
        """Make a flow of the tensors that :meth:`tensors` gives."""
        loc, scale, tril = (tensors.pop(name, None) for name in ("loc", "scale", "scale_tril"))
        assert loc is not None
        if tril is not None:
            return cls(FullRankGaussian(loc, tril), tensors)
        assert scale is not None
        return cls(DiagonalGaussian(loc, scale), tensors)


@dataclass(frozen=True)
class TransformedGaussian:
    """z = f(T(u)): a Gaussian transport followed by an invertible ``torch.distributions`` transform.

    The transform belongs to the whole batch, so single datapoints cannot be taken out of it.

    Attributes:
        base: the Gaussian transport below.
        transform: an invertible map over latents of shape (S, B, *event_shape).
        event_shape: shape of one latent.
    """

    base: Affine
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
        return pulled_gradient(self, u, grad_z)

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
        """Roughly the standard deviation of each latent, shape (B, D)."""
        return marginal_scale_of(self)

    def whitening(self) -> "TransformedGaussian":
        """The flow's own noise coordinates."""
        return self

    def _shaped(self, z: Tensor) -> Tensor:
        return z.reshape(*z.shape[:2], *self.event_shape)
