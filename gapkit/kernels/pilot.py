"""A pilot run, with chains of its own, that learns what the weighted run then uses frozen: steps and temperatures.

Weights of a chain that adapts itself are not valid: hence a separate run, whose weights are not used. Source of the
conditional effective sample size: Zhou, Johansen, Aston, "Toward automatic model comparison: an adaptive sequential
Monte Carlo approach" (2016), https://arxiv.org/abs/1303.3123, section 3.3.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.kernels.annealing import jittered
from gapkit.kernels.hmc import transition
from gapkit.kernels.noise import MoveNoise
from gapkit.kernels.path import GeometricPath, State

__all__ = ["Curve", "Mover", "Tuning", "conditional_ess", "learn_curve", "learn_steps"]

_LEARNING_RATE = 0.2
_LOG_SMALLEST_STEP = math.log(1e-5)
# The pilot of an adaptive schedule advances in strides of this conditional effective sample size, with some moves at
# each.
_STRIDE_ESS, _MOVES_PER_STRIDE, _MOST_STRIDES = 0.8, 3, 200


@dataclass(frozen=True)
class Tuning:
    """How a pilot's chains move, and the acceptance rate that their steps adapt to.

    Attributes:
        num_leapfrogs: gradients per move.
        jitter: each step is multiplied by a uniform draw from [1 - jitter, 1 + jitter].
        first: first step size.
        acceptance: the acceptance rate to adapt to.
    """

    num_leapfrogs: int
    jitter: float
    first: float
    acceptance: float


class Mover:
    """Chains that move while their steps are adapted toward an acceptance rate."""

    def __init__(self, path: GeometricPath, z: Tensor, noise: MoveNoise, num_moves: int, tuning: Tuning) -> None:
        self.path, self.tuning = path, tuning
        self.state: State = path.evaluate(path.transport.inverse(z))
        self.log_step = self.state.u.new_full(z.shape[1:2], math.log(tuning.first))
        self._moves = noise.moves(num_moves, z.shape[0], z.shape[2])

    def __call__(self, beta: Tensor) -> None:
        """Move once at inverse temperatures of shape (B,), then adapt."""
        momentum, uniform, wobble = next(self._moves)
        step = jittered(self.log_step.exp(), self.tuning.jitter, wobble)
        self.state, _, probability = transition(
            self.path, self.state, beta.to(step.dtype), step, momentum, uniform, self.tuning.num_leapfrogs
        )
        # A chain that began where the density is undefined never moves, and says nothing about the step.
        alive = ~self.state.log_prob(beta.to(step.dtype)).isnan()
        rate = torch.where(alive, probability, 0.0).sum(0) / alive.sum(0).clamp(min=1)
        change = _LEARNING_RATE * torch.where(alive.any(0), rate - self.tuning.acceptance, 0.0)
        self.log_step = (self.log_step + change.to(self.log_step.dtype)).clamp(min=_LOG_SMALLEST_STEP)


def learn_steps(path: GeometricPath, betas: Tensor, z: Tensor, noise: MoveNoise, tuning: Tuning) -> Tensor:
    """Adapt each datapoint's step along given temperatures.

    Args:
        path: evaluates both ends.
        betas: inverse temperatures, shape (T + 1, B).
        z: draws of q0, shape (P, B, D).
        noise: of the moves.
        tuning: how to move and adapt.

    Returns:
        Shape (T - 1, B).
    """
    num_moves = len(betas) - 2
    mover = Mover(path, z, noise, num_moves, tuning)
    learned = []
    for t in range(1, num_moves + 1):
        learned.append(mover.log_step.exp())
        mover(betas[t])
    return torch.stack(learned)


class Curve:
    """Where a path's difficulty lies: inverse temperature and step as functions of the length travelled, per datapoint.

    Attributes:
        lengths: strides from 0 to 1, shape (B,); the last one may be a part.
        betas: at whole strides, shape (K + 1, B); 1 from the end on.
        log_steps: at whole strides, shape (K + 1, B).
    """

    def __init__(self, lengths: Tensor, betas: Tensor, log_steps: Tensor) -> None:
        self.lengths, self.betas, self.log_steps = lengths, betas, log_steps

    def temperatures_for(self, target: float, at_most: int) -> Tensor:
        """How many temperatures give steps of a conditional effective sample size, shape (B,), long.

        The variance of the log weight's increment, 1/CESS - 1, grows with the square of a step's length.
        """
        stride, step = (math.sqrt(1.0 / ess - 1.0) for ess in (_STRIDE_ESS, target))
        return (self.lengths * (stride / step)).ceil().clamp(1, at_most).long()

    def schedule(self, num_temperatures: int) -> tuple[Tensor, Tensor]:
        """T temperatures at equal lengths: betas (T + 1, B) and steps (T - 1, B)."""
        share = torch.linspace(0.0, 1.0, num_temperatures + 1, dtype=torch.float64, device=self.betas.device)
        place = share.unsqueeze(1) * self.lengths
        below = place.floor().long().clamp(max=len(self.betas) - 2)
        within = (place - below).clamp(0.0, 1.0)
        # The last stride is a part of one: its end, where beta is 1, lies at the whole length.
        part = torch.where(below == (self.lengths.ceil().long() - 1), self.lengths - below, 1.0).clamp(min=1e-9)
        within = (within / part).clamp(max=1.0)

        def at(values: Tensor) -> Tensor:
            return torch.lerp(values.gather(0, below), values.gather(0, below + 1), within)

        betas = at(self.betas)
        betas[0], betas[-1] = 0.0, 1.0
        return betas, at(self.log_steps)[1:-1].exp()


def learn_curve(path: GeometricPath, z: Tensor, noise: MoveNoise, tuning: Tuning) -> Curve:
    """Go from q0 to the posterior in strides of equal conditional effective sample size, each datapoint in its own.

    Args:
        path: evaluates both ends.
        z: draws of q0, shape (P, B, D).
        noise: of the moves.
        tuning: how to move and adapt.
    """
    most = _MOST_STRIDES * _MOVES_PER_STRIDE
    mover = Mover(path, z, noise, most, tuning)
    beta = torch.zeros(z.shape[1], dtype=torch.float64, device=z.device)
    lengths = torch.zeros_like(beta)
    betas, log_steps = [beta], [mover.log_step]
    for _ in range(_MOST_STRIDES):
        beta, travelled = _stride(mover.state, beta)
        lengths += travelled
        betas.append(beta)
        for _ in range(_MOVES_PER_STRIDE):
            mover(beta)
        log_steps.append(mover.log_step)
        if bool((beta >= 1.0).all()):
            break
    # Chains that are still on their way go the rest in one step.
    lengths += (beta < 1.0).double()
    betas.append(torch.ones_like(beta))
    log_steps.append(mover.log_step)
    return Curve(lengths.clamp(min=1e-6), torch.stack(betas), torch.stack(log_steps).double())


def _stride(state: State, beta: Tensor) -> tuple[Tensor, Tensor]:
    """The next inverse temperature, shape (B,), by bisection, and the part of a stride that it takes to get there."""
    energy = (state.log_target - state.log_base).double()
    low, high = beta.clone(), torch.ones_like(beta)
    whole = conditional_ess(energy, high - beta) >= _STRIDE_ESS
    for _ in range(0 if bool(whole.all()) else 40):
        middle = 0.5 * (low + high)
        enough = conditional_ess(energy, middle - beta) >= _STRIDE_ESS
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    arrived = beta >= 1.0
    after = torch.where(whole, 1.0, torch.maximum(low, beta + 1e-12).clamp(max=1.0))
    length = (1.0 / conditional_ess(energy, 1.0 - beta).clamp(min=1e-9) - 1.0).clamp(min=0.0).sqrt()
    part = length / math.sqrt(1.0 / _STRIDE_ESS - 1.0)
    return after, torch.where(arrived, 0.0, torch.where(whole, part.clamp(max=1.0), 1.0))


def conditional_ess(energy: Tensor, increase: Tensor) -> Tensor:
    """Effective share of P equally weighted chains after beta grows: (P, B) and (B,) to (B,), between 1/P and 1.

    Args:
        energy: log target minus log base of each chain, in nats; NaN, where a chain is undefined, does not count.
        increase: of beta.
    """
    undefined = energy.isnan()
    log_w = torch.where(undefined, -torch.inf, energy * increase)
    total = 2.0 * torch.logsumexp(log_w, 0) - torch.logsumexp(2.0 * log_w, 0)
    return (total.exp() / (~undefined).sum(0).clamp(min=1)).nan_to_num(nan=1.0)
