"""Runs of chains along a geometric path: forward to the posterior (AIS), or backward from it (reverse AIS).

Forward, chains start at q0 and the mean of the importance weight is p(x); backward, they start at exact posterior draws
and the mean of its inverse is 1/p(x). Both together are bidirectional Monte Carlo (BDMC). Sources: Neal, "Annealed
Importance Sampling" (2001), equations 4 to 11; Grosse, Ghahramani, Adams, "Sandwiching the marginal likelihood using
bidirectional Monte Carlo" (2015), https://arxiv.org/abs/1511.02543.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gapkit.kernels.hmc import refreshed, transition
from gapkit.kernels.noise import MoveNoise
from gapkit.kernels.path import GeometricPath, State

__all__ = ["Annealing", "Run", "jittered"]


class Run(NamedTuple):
    """The outcome of a run.

    Attributes:
        log_w: log importance weights of the chains, shape (S, B), float64.
        acceptance: mean acceptance of the moves, shape (B,).
        z: where the chains end, shape (S, B, D).
    """

    log_w: Tensor
    acceptance: Tensor
    z: Tensor


@dataclass(frozen=True)
class Annealing:
    """A path, its inverse temperatures and how chains move at each of them; everything is frozen before the run.

    Attributes:
        path: evaluates both ends.
        betas: from 0 to 1, shape (T + 1, B), float64; chains move at the T - 1 in between.
        steps: step sizes of the moves, shape (T - 1, B).
        num_leapfrogs: gradients per move.
        jitter: each step is multiplied by a uniform draw from [1 - jitter, 1 + jitter].
        refresh: share of the momentum that is replaced before each move.
    """

    path: GeometricPath
    betas: Tensor
    steps: Tensor
    num_leapfrogs: int
    jitter: float
    refresh: float = 1.0

    @property
    def num_moves(self) -> int:
        """T - 1: a move at the last temperature would not touch the weights."""
        return len(self.betas) - 2

    def forward(self, z: Tensor, noise: MoveNoise) -> Run:
        """From draws of q0, shape (S, B, D), to the posterior."""
        state = self.path.evaluate(self.path.transport.inverse(z))
        log_w, accepted = self._zeros(state)
        momentum: Tensor | None = None
        moves = noise.moves(self.num_moves, *_chains(z))
        for t, (fresh, uniform, wobble) in enumerate(moves, 1):
            log_w += self._increment(state, t)
            momentum = fresh if momentum is None else refreshed(momentum, fresh, self.refresh)
            state, momentum, rate = self._move(state, t, momentum, uniform, wobble)
            accepted += rate
        log_w += self._increment(state, len(self.betas) - 1)
        return Run(log_w, accepted / max(self.num_moves, 1), self.path.transport.forward(state.u))

    def backward(self, z: Tensor, noise: MoveNoise) -> Run:
        """From posterior draws, shape (S, B, D), to q0: the weights that the reversed chains would have had.

        Every step of ``forward`` is undone in reverse: momenta are negated, moved with, and then refreshed.
        """
        state = self.path.evaluate(self.path.transport.inverse(z))
        log_w, accepted = self._zeros(state)
        log_w += self._increment(state, len(self.betas) - 1)
        momentum: Tensor | None = None
        moves = noise.moves(self.num_moves, *_chains(z))
        for t, (fresh, uniform, wobble) in zip(range(self.num_moves, 0, -1), moves, strict=True):
            momentum = fresh if momentum is None else refreshed(-momentum, fresh, self.refresh)
            state, momentum, rate = self._move(state, t, -momentum, uniform, wobble)
            log_w += self._increment(state, t)
            accepted += rate
        return Run(log_w, accepted / max(self.num_moves, 1), self.path.transport.forward(state.u))

    def _zeros(self, state: State) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(state.log_base, dtype=torch.float64), torch.zeros_like(state.log_base[0])

    def _increment(self, state: State, t: int) -> Tensor:
        return (self.betas[t] - self.betas[t - 1]) * (state.log_target - state.log_base).double()

    def _move(
        self, state: State, t: int, momentum: Tensor, uniform: Tensor, wobble: Tensor
    ) -> tuple[State, Tensor, Tensor]:
        """One transition at temperature t; the last part is its mean acceptance, shape (B,)."""
        beta = self.betas[t].to(state.u.dtype)
        step = jittered(self.steps[t - 1], self.jitter, wobble)
        state, momentum, probability = transition(self.path, state, beta, step, momentum, uniform, self.num_leapfrogs)
        return state, momentum, probability.mean(0)


def jittered(step: Tensor, jitter: float, uniform: Tensor) -> Tensor:
    """Steps of shape (B,) times uniform draws from [1 - jitter, 1 + jitter]: shape (S, B)."""
    return step * (1.0 + jitter * (2.0 * uniform - 1.0))


def _chains(z: Tensor) -> tuple[int, int]:
    """Number of chains and of latent dimensions."""
    return z.shape[0], z.shape[2]
