"""Data sets of exponential families, and of families that an encoder was not trained on.

A data set is a parameter of a family; its datapoints are draws of so many independent numbers. Settings are those of
Wu et al. (AAAI 2020), section on exponential families, https://arxiv.org/abs/1902.01950: two numbers in a datapoint,
Gaussian means from -5 to 5, log-normal means from -2 to 2, exponential rates from 0.5 to 3.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Beta, Distribution, Exponential, Laplace, LogNormal, Normal, Weibull

from gapkit.core.errors import InputError

__all__ = ["FAMILIES", "Family", "draw_sets"]

_SCALE = math.sqrt(0.1)  # standard deviation of the normal and log-normal ones: variance 0.1


@dataclass(frozen=True)
class Family:
    """A family of one parameter.

    Attributes:
        of: from parameters to distributions of the same shape.
        trained: range of the parameter in training; that of an unseen family is where it is looked at.
        wider: range that leaves it.
        seen: whether encoders are trained on it.
    """

    of: Callable[[Tensor], Distribution]
    trained: tuple[float, float]
    wider: tuple[float, float]
    seen: bool = True


FAMILIES = {
    "gaussian": Family(lambda p: Normal(p, _SCALE), (-5.0, 5.0), (-10.0, 10.0)),
    "log-normal": Family(lambda p: LogNormal(p, _SCALE), (-2.0, 2.0), (-4.0, 3.0)),
    "exponential": Family(lambda p: Exponential(p), (0.5, 3.0), (0.1, 6.0)),
    "beta": Family(lambda p: Beta(p, p), (0.5, 3.0), (0.1, 6.0), seen=False),
    "weibull": Family(lambda p: Weibull(torch.ones_like(p), p), (0.8, 3.0), (0.5, 6.0), seen=False),
    "laplace": Family(lambda p: Laplace(torch.zeros_like(p), p), (0.5, 3.0), (0.1, 6.0), seen=False),
}


def draw_sets(
    family: str, parameter: Tensor, size: int, generator: torch.Generator, width: int = 2
) -> tuple[Tensor, Tensor]:
    """Draw sets of a family, and tell what is to be inferred from each: its mean and the log of its standard deviation.

    Those two are sufficient statistics of every family here but for what is known of its form, and mean the same in all
    of them, so that an encoder can be asked for them in a family that it has not seen.

    Args:
        family: a key of ``FAMILIES``.
        parameter: shape (G,), one for each set.
        size: M, datapoints of a set.
        generator: its seed decides the draws.
        width: numbers in a datapoint.

    Returns:
        Sets of shape (G, M, width), and (G, 2).

    Raises:
        InputError: no such family, or parameters that it does not take.

    Example:
        >>> x, z = draw_sets("gaussian", torch.tensor([0.0, 3.0]), 20, torch.Generator().manual_seed(0))
        >>> x.shape, z[:, 0]
        (torch.Size([2, 20, 2]), tensor([0., 3.]))
    """
    if family not in FAMILIES:
        raise InputError(f"sets of the family {family!r}", "no such family", f"use {', '.join(FAMILIES)}")
    found = f"parameters from {float(parameter.min()):g} to {float(parameter.max()):g}"
    refused = InputError(f"sets of the family {family!r}", found, "give positive ones")
    try:
        law = FAMILIES[family].of(parameter)
    except ValueError as error:
        raise refused from error
    # The same where torch's own check is switched off for the whole process.
    if not all(bool(limits.check(getattr(law, name)).all()) for name, limits in law.arg_constraints.items()):
        raise refused
    seed = int(torch.randint(2**31, (1,), generator=generator))
    with torch.random.fork_rng(devices=[]):  # torch's distributions draw from the global generator alone
        torch.manual_seed(seed)
        x = law.sample(torch.Size([size, width])).movedim(-1, 0)
    return x, torch.stack([law.mean, law.variance.sqrt().log()], 1)
