"""One Hamiltonian Monte Carlo transition for all chains of all datapoints at once.

Source: Neal, "MCMC using Hamiltonian dynamics" (2011), https://arxiv.org/abs/1206.1901, section 5.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gapkit.kernels.path import State

__all__ = ["transition"]


def transition(
    evaluate: Callable[[Tensor], State],
    state: State,
    beta: float,
    step: Tensor,
    momentum: Tensor,
    uniform: Tensor,
    num_leapfrogs: int,
) -> tuple[State, Tensor]:
    """Leapfrog, then accept or reject: leaves pi_beta invariant and costs exactly ``num_leapfrogs`` gradients.

    Args:
        evaluate: gives the state (values and gradients of both ends of the path) at u.
        state: the chains before, with S chains of B datapoints.
        beta: inverse temperature in [0, 1].
        step: step sizes, shape broadcasting to (S, B).
        momentum: standard normal draws, shape (S, B, D).
        uniform: uniform draws in [0, 1), shape (S, B).
        num_leapfrogs: L >= 1.

    Returns:
        The chains after, and the acceptance probabilities, shape (S, B); a diverged proposal counts 0.
    """
    size = step.unsqueeze(-1)
    u, p = state.u, momentum + 0.5 * size * state.grad(beta)
    proposal = state
    for leap in range(num_leapfrogs):
        u = torch.addcmul(u, size, p)
        proposal = evaluate(u)
        last = leap == num_leapfrogs - 1
        p = torch.addcmul(p, size, proposal.grad(beta), value=0.5 if last else 1.0)
    log_ratio = proposal.log_prob(beta) - state.log_prob(beta) + 0.5 * (momentum.square().sum(-1) - p.square().sum(-1))
    # A diverged trajectory has NaN somewhere in its energy; comparisons with NaN are false, so it is never accepted.
    accept = uniform.log() < log_ratio
    probability = torch.where(log_ratio.isnan(), 0.0, log_ratio.clamp(max=0.0).exp())
    # `where`, not multiplication: 0 * NaN would carry a rejected divergence into the chain.
    chosen = (
        torch.where(accept if new.dim() == 2 else accept.unsqueeze(-1), new, old)
        for new, old in zip(proposal, state, strict=True)
    )
    return State(*chosen), probability
