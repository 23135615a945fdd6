"""What a variational family is: a transport z = T(u) of standard normal noise, one per datapoint."""

from typing import Protocol, Self, cast

import torch
from torch import Tensor

from gapkit.core.randomness import Streams

__all__ = [
    "Draws",
    "Posterior",
    "Proposal",
    "Transport",
    "as_transport",
    "can_be_cut",
    "log_prob_and_grad",
    "noise_dim",
    "with_density",
]


class Draws(Protocol):
    """Anything that gives draws with their weights: all that bounds need."""

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z), or what stands for it, of shape (S, B)."""
        ...


class Posterior(Draws, Protocol):
    """What an encoder gives for each datapoint: draws with weights, made from standard normal noise.

    Every transport is one. A family without a density of z, such as an auxiliary-variable flow, gives in the place of
    log q(z) what makes exp(log p(x, z) - it) an unbiased estimate of p(x) all the same.
    """

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        ...

    @property
    def loc(self) -> Tensor:
        """The image of the noise's origin, shape (B, D)."""
        ...

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each latent, shape (B, D)."""
        ...

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z), or what stands for it, of shape (S, B)."""
        ...

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """The same from noise of shape (S, B, ``noise_dim``)."""
        ...

    def select(self, rows: Tensor) -> Self:
        """Return the posteriors of some datapoints of the batch: rows has shape (P,)."""
        ...


class Proposal(Draws, Protocol):
    """A density over latents, one per datapoint, that can be drawn from and evaluated."""

    def draw(self, streams: Streams, num_samples: int) -> tuple[Tensor, Tensor]:
        """Return z of shape (S, B, D) and log q(z) of shape (S, B)."""
        ...

    def log_prob(self, z: Tensor) -> Tensor:
        """Log q(z): z has shape (S, B, D), the result (S, B), in nats."""
        ...

    def select(self, rows: Tensor) -> Self:
        """Return the densities of some datapoints of the batch: rows has shape (P,)."""
        ...

    def whitening(self) -> "Transport":
        """The transport in whose coordinates Markov chains should move: roughly isotropic where q has its mass."""
        ...


class Transport(Proposal, Protocol):
    """A proposal that is z = T(u) with u ~ N(0, I): its log density is log N(u) - log|det dT/du|."""

    @property
    def dim(self) -> int:
        """Number of latent dimensions D."""
        ...

    @property
    def loc(self) -> Tensor:
        """The image of the noise's origin, shape (B, D)."""
        ...

    def forward(self, u: Tensor) -> Tensor:
        """z = T(u): shape (S, B, D) to (S, B, D)."""
        ...

    def inverse(self, z: Tensor) -> Tensor:
        """U = T^-1(z): shape (S, B, D) to (S, B, D)."""
        ...

    def log_abs_det(self, u: Tensor) -> Tensor:
        """log|det dT/du| at u: shape (S, B, D) to (S, B) (or a shape that broadcasts to it)."""
        ...

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each latent, shape (B, D)."""
        ...

    def pull_gradient(self, u: Tensor, grad_z: Tensor) -> Tensor:
        """Gradient in u of f(T(u)) + log|det dT/du|, given the gradient of f in z: shape (S, B, D)."""
        ...

    def push(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = T(u) and log q(z), shapes (S, B, D) and (S, B)."""
        ...


def noise_dim(q: Draws, dim: int) -> int:
    """Standard normal numbers that a draw of q takes; those of a plain transport are as many as its latents."""
    return int(getattr(q, "noise_dim", dim))


def with_density(q: Posterior | Proposal) -> Transport:
    """Return q itself, or the Gaussian that stands in for a posterior whose density cannot be evaluated."""
    return cast(Transport, q) if hasattr(q, "log_prob") else q.stand_in()  # type: ignore[attr-defined]


def as_transport(q: Posterior | Proposal) -> Transport:
    """Return q itself, or the Gaussian that stands in for a posterior that has no density or no noise of D numbers.

    Proposals are mixtures, whose components are transports; a truncated posterior and a mixture are none.
    """
    whole = hasattr(q, "log_prob") and hasattr(q, "forward")
    return cast(Transport, q) if whole else q.stand_in()  # type: ignore[union-attr]


def can_be_cut(q: Draws) -> bool:
    """Whether ``select`` can take single datapoints out of the batch: True unless the proposal says otherwise."""
    asked = getattr(q, "can_be_cut", None)
    return True if asked is None else bool(asked())


def log_prob_and_grad(q: Proposal, z: Tensor) -> tuple[Tensor, Tensor]:
    """Log q(z), shape (S, B), and its gradient, shape (S, B, D), at z of shape (S, B, D).

    By the proposal's own ``log_prob_and_grad`` where it has one, else by automatic differentiation.
    """
    own = getattr(q, "log_prob_and_grad", None)
    if own is not None:
        value, gradient = own(z)
        return value, gradient
    with torch.enable_grad():
        leaf = z.detach().requires_grad_(True)
        log_q = q.log_prob(leaf)
        (gradient,) = torch.autograd.grad(log_q.sum(), leaf)
    return log_q.detach(), gradient
