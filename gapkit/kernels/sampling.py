"""Draws from the posterior itself by Hamiltonian Monte Carlo: a warm-up that adapts the steps, then frozen moves."""

import torch
from torch import Tensor

from gapkit.kernels.annealing import jittered
from gapkit.kernels.hmc import transition
from gapkit.kernels.noise import MoveNoise
from gapkit.kernels.path import GeometricPath
from gapkit.kernels.pilot import Mover, Tuning

__all__ = ["sample_posterior"]


def sample_posterior(
    path: GeometricPath, z: Tensor, noise: MoveNoise, tuning: Tuning, num_warmup: int, num_draws: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Chains at the cold end of a path, from z of shape (S, B, D).

    Returns:
        Draws (N, S, B, D), their log joints (N, S, B), and the mean acceptance after the warm-up (B,).
    """
    mover = Mover(path, z, noise, num_warmup, tuning)
    one = torch.ones(z.shape[1], dtype=z.dtype, device=z.device)
    for _ in range(num_warmup):
        mover(one)
    state, step = mover.state, mover.log_step.exp()
    accepted = torch.zeros_like(step)
    draws, values = [], []
    for momentum, uniform, wobble in noise.moves(num_draws, z.shape[0], z.shape[2]):
        wobbled = jittered(step, tuning.jitter, wobble)
        state, _, probability = transition(path, state, one, wobbled, momentum, uniform, tuning.num_leapfrogs)
        accepted += probability.mean(0) / num_draws
        draws.append(path.transport.forward(state.u))
        values.append(state.log_target - path.transport.log_abs_det(state.u))
    return torch.stack(draws), torch.stack(values), accepted
