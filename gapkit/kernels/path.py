"""The geometric path from a start density to the posterior, in whitened coordinates.

    log pi_beta(u) = (1 - beta) log q0(T(u)) + beta log p(x, T(u)) + log|det dT/du|

T is a transport in whose coordinates chains move easily; the start q0 may be T's own Gaussian, a mixture, or the prior.
Source: Neal, "Annealed Importance Sampling" (2001), https://arxiv.org/abs/physics/9803008, equation 3.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gapkit.families.gaussian import standard_normal_log_prob
from gapkit.families.protocol import Proposal, Transport
from gapkit.models.target import Target

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

    def log_prob(self, beta: float) -> Tensor:
        """Log pi_beta(u): shape (S, B). An end with weight zero does not count, even where it is infinite."""
        if beta == 0.0:
            return self.log_base
        if beta == 1.0:
            return self.log_target
        return (1.0 - beta) * self.log_base + beta * self.log_target

    def grad(self, beta: float) -> Tensor:
        """Gradient of log pi_beta in u: shape (S, B, D)."""
        return torch.lerp(self.grad_base, self.grad_target, beta)


@dataclass(frozen=True)
class GeometricPath:
    """Evaluates both ends of the path and their gradients.

    Attributes:
        target: the posteriors' log joint.
        proposal: the start density q0.
        transport: the coordinates to move in.
    """

    target: Target
    proposal: Proposal
    transport: Transport

    def evaluate(self, u: Tensor) -> State:
        """One gradient evaluation of the decoder at u, shape (S, B, D)."""
        z = self.transport.forward(u)
        log_joint, grad_z = self.target.log_joint_and_grad(z)
        log_det = self.transport.log_abs_det(u)
        if self.proposal is self.transport:
            log_base, grad_base = standard_normal_log_prob(u), -u
        else:
            with torch.enable_grad():
                leaf = z.detach().requires_grad_(True)
                log_q = self.proposal.log_prob(leaf)
                (grad_q,) = torch.autograd.grad(log_q.sum(), leaf)
            log_base, grad_base = log_q.detach() + log_det, self.transport.pull_gradient(u, grad_q)
        return State(u, log_base, grad_base, log_joint + log_det, self.transport.pull_gradient(u, grad_z))
