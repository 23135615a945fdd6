"""A route to the posterior that does not depend on the encoder or the fitted modes: tempering from the prior.

Importance sampling and annealed importance sampling (AIS) from the fitted modes reach only what those cover. Here the
bank's draws from the prior, which are decoded already, get importance weights at the inverse temperature up to which
their effective sample size is large enough; particles drawn by these weights are then tempered to the posterior. Where
they end in places that the proposal does not cover, the fits missed a mode.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.core.ranges import check_ranges, whole
from gapkit.kernels.noise import MoveNoise
from gapkit.kernels.path import GeometricPath
from gapkit.kernels.pilot import conditional_ess
from gapkit.kernels.tempering import Tempering, resampled, tempered
from gapkit.local.starts import Bank
from gapkit.target import Target

__all__ = ["RANGES", "Route", "travel"]

RANGES = {"num_particles": whole(1), "rounds": whole(1)}

_INDEPENDENT = 32  # effective draws of the prior for each particle, where the bank has them


@dataclass(frozen=True, kw_only=True)
class Route:
    """Settings of the route from the prior.

    Attributes:
        num_particles: per datapoint; each further round has twice as many.
        rounds: how often it is run, at most, while new modes are found.
        tempering: how the particles get to the posterior.

    Raises:
        InputError: a setting out of its range.

    Example:
        >>> Route(num_particles=16).rounds
        3
    """

    num_particles: int = 32
    rounds: int = 3
    tempering: Tempering = field(default_factory=Tempering)

    def __post_init__(self) -> None:
        check_ranges("the route from the prior", self, RANGES)


def travel(target: Target, bank: Bank, key: Key, route: Route, number: int) -> Tensor:
    """Where the particles of one round end: shape (S, B, D).

    Args:
        target: B datapoints.
        bank: whose draws from the prior, at least 2, are the population to begin with.
        key: seed and datapoint indices.
        route: settings.
        number: of the round, from 0; names the noise.
    """
    count, stage = route.num_particles * 2**number, f"route/{number}"
    uniforms = key.streams(f"{stage}/combs", torch.float64, target.device)
    drawn, log_lik = bank.population(target, key)
    beta = _carried(log_lik, min(0.5, _INDEPENDENT * count / bank.num_prior))
    chosen = resampled(beta * log_lik, count, uniforms.uniform(1)[0])
    prior = target.prior_proposal()
    path = GeometricPath(target, prior, prior.whitening())
    z = drawn.expand(-1, target.num_datapoints, -1).gather(0, chosen.unsqueeze(-1).expand(-1, -1, target.dim))
    return tempered(path, z, beta, MoveNoise.of(key, stage, z), route.tempering)


def _carried(log_lik: Tensor, share: float) -> Tensor:
    """The inverse temperature, shape (B,), up to which prior draws (M, B) can be weighted with this effective share."""
    low, high = torch.zeros_like(log_lik[0]), torch.ones_like(log_lik[0])
    for _ in range(40):
        middle = 0.5 * (low + high)
        enough = conditional_ess(log_lik, middle) >= share
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    return low
