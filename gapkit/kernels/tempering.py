"""Tempering: a population goes from one density to another in adaptive stages.

At every stage the inverse temperature grows until the population's conditional effective sample size falls to a share,
and then the population moves. It is not resampled by its weights: the aim is to find modes, not to weight them, and
after a few stages resampling leaves copies of one or two particles, which cover one or two modes. Without it each
particle finds a mode of its own. Sources: Neal, "Annealed Importance Sampling" (2001),
https://arxiv.org/abs/physics/9803008; for the stages Zhou, Johansen, Aston, "Toward automatic model comparison" (2016),
https://arxiv.org/abs/1303.3123, section 3.3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.core.ranges import check_ranges, share, whole
from gapkit.kernels.noise import MoveNoise
from gapkit.kernels.path import GeometricPath
from gapkit.kernels.pilot import Mover, Tuning, conditional_ess

__all__ = ["RANGES", "Tempering", "resampled", "tempered"]

RANGES = {
    "num_stages": whole(1),
    "moves": whole(1),
    "num_leapfrogs": whole(1),
    "share": share(zero=False, one=False),
    "acceptance": share(zero=False, one=False),
}


@dataclass(frozen=True, kw_only=True)
class Tempering:
    """How a population is tempered. Costs ``1 + num_stages * moves * num_leapfrogs`` gradients a particle.

    Attributes:
        num_stages: stages, the same for every datapoint: those that reach the posterior early go on moving there.
        moves: transitions at each.
        num_leapfrogs: gradients of a transition.
        share: conditional effective sample size of a stage.
        acceptance: the acceptance rate that steps adapt to, all the way: no importance weight depends on these moves.

    Raises:
        InputError: a setting out of its range.

    Example:
        >>> Tempering(moves=6).num_stages
        16
    """

    num_stages: int = 16
    moves: int = 2
    num_leapfrogs: int = 4
    share: float = 0.5
    acceptance: float = 0.75

    def __post_init__(self) -> None:
        check_ranges("tempering", self, RANGES)


def tempered(path: GeometricPath, z: Tensor, beta: Tensor, noise: MoveNoise, settings: Tempering) -> Tensor:
    """Take a population to the posterior.

    Args:
        path: evaluates both ends.
        z: a population that stands for the path's density at ``beta``, shape (S, B, D).
        beta: inverse temperatures to begin at, shape (B,), float64.
        noise: of the moves.
        settings: stages and moves.

    Returns:
        Where the particles end, shape (S, B, D).
    """
    tuning = Tuning(settings.num_leapfrogs, 0.2, 1.6 * z.shape[-1] ** -0.25, settings.acceptance)
    mover = Mover(path, z, noise, settings.num_stages * settings.moves, tuning)
    for stage in range(settings.num_stages):
        energy = (mover.state.log_target - mover.state.log_base).double()
        beta = _next(energy, beta, settings.share)
        if stage == settings.num_stages - 1:
            beta = torch.ones_like(beta)  # those that have not reached the posterior jump there
        for _ in range(settings.moves):
            mover(beta)
    return path.transport.forward(mover.state.u)


def resampled(log_w: Tensor, count: int, start: Tensor) -> Tensor:
    """Systematic resampling: indices of shape (count, B) for log weights (M, B) and a uniform number each, (B,).

    Source: Kitagawa, "Monte Carlo Filter and Smoother for Non-Gaussian Nonlinear State Space Models" (1996).
    """
    weights = torch.softmax(log_w.double(), 0).nan_to_num(1.0 / len(log_w)).cumsum(0).mT.contiguous()
    comb = (torch.arange(count, dtype=weights.dtype, device=log_w.device) + start.double().unsqueeze(1)) / count
    return torch.searchsorted(weights, comb * weights[:, -1:]).clamp(max=len(log_w) - 1).mT


def _next(energy: Tensor, beta: Tensor, share: float) -> Tensor:
    """The coldest inverse temperature, shape (B,), at which the effective share is still as asked; by bisection."""
    whole = conditional_ess(energy, 1.0 - beta) >= share
    if bool(whole.all()):  # the most stages: all have arrived
        return torch.ones_like(beta)
    low, high = beta.clone(), torch.ones_like(beta)
    for _ in range(30):
        middle = 0.5 * (low + high)
        enough = conditional_ess(energy, middle - beta) >= share
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    return torch.where(whole, 1.0, low)
