"""One Hamiltonian Monte Carlo transition for all chains of all datapoints at once.

Sources: Neal, "MCMC using Hamiltonian dynamics" (2011), https://arxiv.org/abs/1206.1901, section 5; for the partial
refresh of momenta Horowitz, "A generalized guided Monte Carlo algorithm" (1991). One leapfrog is the
Metropolis-adjusted Langevin algorithm.
"""

import math

import torch
from torch import Tensor

from gapkit.kernels.path import GeometricPath, State

__all__ = ["refreshed", "transition"]


def transition(
    path: GeometricPath,
    state: State,
    beta: Tensor,
    step: Tensor,
    momentum: Tensor,
    uniform: Tensor,
    num_leapfrogs: int,
) -> tuple[State, Tensor, Tensor]:
    """Leapfrog, then accept or reject: leaves pi_beta invariant and costs exactly ``num_leapfrogs`` gradients.

    Args:
        path: gives values and gradients of both ends.
        state: the chains before, S of B datapoints.
        beta: inverse temperatures in (0, 1], shape (B,).
        step: step sizes, shape broadcasting to (S, B).
        momentum: standard normal, shape (S, B, D).
        uniform: uniform draws in [0, 1), shape (S, B).
        num_leapfrogs: L >= 1.

    Returns:
        The chains after; their momenta, negated where the proposal was rejected, which a partial refresh needs; and the
        acceptance probabilities, shape (S, B); a diverged proposal counts 0.
    """
    size = step.unsqueeze(-1)
    u, p = state.u, torch.addcmul(momentum, size, state.grad(beta), value=0.5)
    for _ in range(num_leapfrogs - 1):
        u = torch.addcmul(u, size, p)
        p = torch.addcmul(p, size, path.grad(u, beta))
    proposal = path.evaluate(torch.addcmul(u, size, p))
    p = torch.addcmul(p, size, proposal.grad(beta), value=0.5)
    kinetic = 0.5 * (torch.linalg.vecdot(momentum, momentum) - torch.linalg.vecdot(p, p))
    log_ratio = proposal.log_prob(beta) - state.log_prob(beta) + kinetic
    # A diverged trajectory has NaN somewhere in its energy; comparisons with NaN are false, so it is never accepted.
    accept = uniform.log() < log_ratio
    probability = torch.where(log_ratio.isnan(), 0.0, log_ratio.clamp(max=0.0).exp())
    wide = accept.unsqueeze(-1)
    # `where`, not multiplication: 0 * NaN would carry a rejected divergence into the chain.
    chosen = (
        torch.where(accept if new.dim() == 2 else wide, new, old) for new, old in zip(proposal, state, strict=True)
    )
    return State(*chosen), torch.where(wide, p, -momentum), probability


def refreshed(momentum: Tensor, fresh: Tensor, share: float) -> Tensor:
    """Replace a share of the momentum by fresh noise so that it stays standard normal; share 1 replaces all of it."""
    return fresh if share == 1.0 else math.sqrt(1.0 - share**2) * momentum + share * fresh
