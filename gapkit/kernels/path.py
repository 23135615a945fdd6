"""The geometric path from a start density to the posterior, in whitened coordinates.

    log pi_beta(u) = (1 - beta) log q0(T(u)) + beta log p(x, T(u)) + log|det dT/du|

T is a transport in whose coordinates chains move easily; the start q0 may be T's own Gaussian, a mixture, or the prior.
Inverse temperatures are tensors of shape (B,): every datapoint may have its own.
Source: Neal, "Annealed Importance Sampling" (2001), https://arxiv.org/abs/physics/9803008, equation 3.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gapkit.families.gaussian import standard_normal_log_prob
from gapkit.families.protocol import Proposal, Transport, log_prob_and_grad
from gapkit.target import Target

__all__ = ["GeometricPath", "State"]


class State(NamedTuple):
    """A population of chains with everything a transition needs cached, all in u coordinates.

    Keeping value and gradient of both ends of the path means that a change of temperature costs nothing and that a
    transition of L leapfrogs costs exactly L gradients.
    """

    u: Tensor  # (S, B, D)
    log_base: Tensor  # (S, B): log q0(T(u)) + log|det|
    grad_base: Tensor  # (S, B, D)
    log_target: Tensor  # (S, B): log p(x, T(u)) + log|det|
    grad_target: Tensor  # (S, B, D)

    def log_prob(self, beta: Tensor) -> Tensor:
        """Log pi_beta(u): shape (S, B). An end with weight zero does not count, even where it is infinite."""
        beta = beta.to(self.log_base.dtype)
        mixed = torch.lerp(self.log_base, self.log_target, beta)
        return torch.where(beta == 0.0, self.log_base, torch.where(beta == 1.0, self.log_target, mixed))

    def grad(self, beta: Tensor) -> Tensor:
        """Gradient of log pi_beta in u, shape (S, B, D), for 0 < beta."""
        return torch.lerp(self.grad_base, self.grad_target, beta.to(self.u.dtype).unsqueeze(-1))


@dataclass(frozen=True)
class GeometricPath:
    """Evaluates both ends of the path and their gradients.

    Attributes:
        target: the posteriors' log joint.
        proposal: the start density q0.
        transport: the coordinates to move in.
        precision: of gradients; values keep the model's own type.
    """

    target: Target
    proposal: Proposal
    transport: Transport
    precision: str = "full"

    def evaluate(self, u: Tensor) -> State:
        """One gradient evaluation of the decoder at u, shape (S, B, D), with values."""
        z = self.transport.forward(u)
        log_joint, grad_z = self.target.log_joint_and_grad(z, self.precision)
        log_det = self.transport.log_abs_det(u)
        log_base, grad_base = self._base(u, z, log_det)
        log_base = log_base.to(log_joint.dtype)  # a likelihood that needs the precision comes in float64
        return State(u, log_base, grad_base, log_joint + log_det, self.transport.pull_gradient(u, grad_z))

    def grad(self, u: Tensor, beta: Tensor) -> Tensor:
        """One gradient evaluation without values, for points that a trajectory only passes: shape (S, B, D).

        It may round differently from that of :meth:`evaluate`. A trajectory is reversible all the same: run backward
        it passes the same inner points, where this function is used again, and ends at the same ends.
        """
        z = self.transport.forward(u)
        grad_target = self.transport.pull_gradient(u, self.target.grad(z, self.precision))
        _, grad_base = self._base(u, z, None)
        return torch.lerp(grad_base, grad_target, beta.unsqueeze(-1))

    def _base(self, u: Tensor, z: Tensor, log_det: Tensor | None) -> tuple[Tensor, Tensor]:
        """Value and gradient of the start density in u coordinates; without log|det| the value is not used."""
        if self.proposal is self.transport:
            return (u if log_det is None else standard_normal_log_prob(u)), -u
        log_q, grad_q = log_prob_and_grad(self.proposal, z)
        return log_q if log_det is None else log_q + log_det, self.transport.pull_gradient(u, grad_q)
