"""Runs of chains along a geometric path: forward to the posterior, or back from it.

Forward, chains start at q0 and the weight's mean is p(x); backward, they start at exact posterior draws and the mean of
the weight's inverse is 1/p(x). Sources: Neal, "Annealed Importance Sampling" (2001), equations 4 to 11; Grosse,
Ghahramani, Adams, "Sandwiching the marginal likelihood using bidirectional Monte Carlo" (2015),
https://arxiv.org/abs/1511.02543.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.kernels.hmc import transition
from gapkit.kernels.path import GeometricPath, State
from gapkit.randomness import Streams

__all__ = ["Annealing"]

_LEARNING_RATE = 0.2
_LOG_SMALLEST_STEP = math.log(1e-5)


@dataclass(frozen=True)
class Annealing:
    """A path, its inverse temperatures and how chains move at each of them.

    Attributes:
        path: evaluates both ends.
        betas: from 0 to 1, T + 1 of them; chains move at the T - 1 in between.
        num_leapfrogs: gradients per move.
        jitter: each step is multiplied by a uniform draw from [1 - jitter, 1 + jitter].
    """

    path: GeometricPath
    betas: list[float]
    num_leapfrogs: int
    jitter: float

    @property
    def num_moves(self) -> int:
        """T - 1: a move at the last temperature would not touch the weights."""
        return len(self.betas) - 2

    def forward(self, z: Tensor, moves: Streams, steps: Tensor) -> tuple[Tensor, Tensor]:
        """From draws of q0 to the posterior.

        Args:
            z: draws of q0, shape (S, B, D).
            moves: noise of the moves.
            steps: step sizes, shape (T - 1, B).

        Returns:
            Log weights (S, B), float64, and the mean acceptance (B,).
        """
        state, log_w, accepted = self._begin(z)
        for t in range(1, len(self.betas)):
            log_w += self._increment(state, t)
            if t <= self.num_moves:
                state, rate = self._move(state, t, moves, steps[t - 1])
                accepted += rate
        return log_w, accepted / max(self.num_moves, 1)

    def backward(self, z: Tensor, moves: Streams, steps: Tensor) -> tuple[Tensor, Tensor]:
        """From exact posterior draws to q0: the same weights of the reversed chains, shapes as for ``forward``."""
        state, log_w, accepted = self._begin(z)
        for t in range(len(self.betas) - 1, 0, -1):
            if t <= self.num_moves:
                state, rate = self._move(state, t, moves, steps[t - 1])
                accepted += rate
            log_w += self._increment(state, t)
        return log_w, accepted / max(self.num_moves, 1)

    def learn_steps(self, z: Tensor, moves: Streams, first: float, acceptance: float) -> Tensor:
        """A pilot run that adapts each datapoint's step along the path, shape (T - 1, B); its weights are not used."""
        state, _, accepted = self._begin(z)
        log_step = torch.full_like(accepted, math.log(first))
        learned = []
        for t in range(1, self.num_moves + 1):
            learned.append(log_step.exp())
            state, rate = self._move(state, t, moves, learned[-1])
            log_step = (log_step + _LEARNING_RATE * (rate - acceptance)).clamp(min=_LOG_SMALLEST_STEP)
        return torch.stack(learned)

    def _begin(self, z: Tensor) -> tuple[State, Tensor, Tensor]:
        state = self.path.evaluate(self.path.transport.inverse(z))
        log_w = torch.zeros(z.shape[:2], dtype=torch.float64, device=z.device)
        return state, log_w, torch.zeros(z.shape[1], dtype=z.dtype, device=z.device)

    def _increment(self, state: State, t: int) -> Tensor:
        return (self.betas[t] - self.betas[t - 1]) * (state.log_target - state.log_base).double()

    def _move(self, state: State, t: int, moves: Streams, step: Tensor) -> tuple[State, Tensor]:
        """One transition at temperature t; also return its mean acceptance, shape (B,)."""
        num_chains, _, dim = state.u.shape
        momentum = moves.normal(num_chains, dim)
        uniforms = moves.uniform(num_chains, 2)
        jittered = step * (1.0 + self.jitter * (2.0 * uniforms[..., 1] - 1.0))
        state, probability = transition(
            self.path.evaluate, state, self.betas[t], jittered, momentum, uniforms[..., 0], self.num_leapfrogs
        )
        return state, probability.mean(0)
