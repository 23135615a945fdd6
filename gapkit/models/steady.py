"""Densities of ``torch`` whose large terms cancel, by formulas in which they do not.

Log Gamma(1e6) is thirteen million, which float32 knows to one nat; the density that it normalises is of order one. With
Stirling's formula the large parts are taken out by hand. Distributions keep their class, so that what asks for a
Student-t distribution finds one.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Beta, Dirichlet, Distribution, Gamma, InverseGamma, StudentT

from gapkit.core.numerics import exp_beyond_line, stirling_remainder

__all__ = ["plain_class", "steady"]


class _Gamma(Gamma):
    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of z, elementwise, in nats."""
        return _log_gamma(self.concentration, self.rate * value) - value.log()


class _InverseGamma(InverseGamma):
    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of z, elementwise, in nats."""
        return _log_gamma(self.concentration, self.rate / value) - value.log()


class _Dirichlet(Dirichlet):
    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of z, shape (..., K) to (...), in nats."""
        return _log_dirichlet(self.concentration, value)


class _Beta(Beta):
    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of z, elementwise, in nats."""
        return _log_dirichlet(self._dirichlet.concentration, torch.stack([value, 1.0 - value], -1))


class _StudentT(StudentT):
    def log_prob(self, value: Tensor) -> Tensor:
        """Log density of z, elementwise, in nats."""
        half = 0.5 * self.df
        square = ((value - self.loc) / self.scale).square()
        # log Gamma(half + 1/2) - log Gamma(half) without log half / 2, which cancels.
        ratio = half * (0.5 / half).log1p() - 0.5 + stirling_remainder(half + 0.5) - stirling_remainder(half)
        return ratio - 0.5 * math.log(2.0 * math.pi) - self.scale.log() - (half + 0.5) * (square / self.df).log1p()


_STEADY = {Gamma: _Gamma, InverseGamma: _InverseGamma, Beta: _Beta, Dirichlet: _Dirichlet, StudentT: _StudentT}
_PLAIN: dict[type, type] = {mended: plain for plain, mended in _STEADY.items()}


def plain_class(dist: Any) -> type:
    """The class of a distribution before :func:`steady`."""
    return _PLAIN.get(type(dist), type(dist))


def steady(dist: Distribution) -> Distribution:
    """Exchange the densities within a distribution that is ours to change, as :func:`gapkit.models.priors.moved` makes.

    Example:
        >>> dist = StudentT(torch.tensor(1e6))
        >>> steady(dist).log_prob(torch.zeros(()))  # nearly that of a standard normal
        tensor(-0.9189)
    """
    for part in _within(dist, set()):
        if type(part) in _STEADY:
            part.__class__ = _STEADY[type(part)]
    return dist


def _within(value: Any, seen: set[int]) -> list[Distribution]:
    if not isinstance(value, Distribution) or id(value) in seen:
        return []
    seen.add(id(value))
    return [value, *(found for part in vars(value).values() for found in _within(part, seen))]


def _log_gamma(a: Tensor, scaled: Tensor) -> Tensor:
    """Log density of log z, of z ~ Gamma(a, rate b): scaled is b z."""
    return 0.5 * (a / (2.0 * math.pi)).log() - stirling_remainder(a) - a * _beyond(scaled / a)


def _log_dirichlet(a: Tensor, z: Tensor) -> Tensor:
    """Log density of z; see :class:`gapkit.families.LogRatioDirichlet`."""
    total = a.sum(-1)
    roots = 0.5 * ((a / (2.0 * math.pi)).log().sum(-1) - (total / (2.0 * math.pi)).log())
    beyond = (a * _beyond(z * total.unsqueeze(-1) / a) + z.log()).sum(-1)
    return roots + stirling_remainder(total) - stirling_remainder(a).sum(-1) - beyond


def _beyond(ratio: Tensor) -> Tensor:
    """Ratio - 1 - log ratio: near one it is of second order."""
    return exp_beyond_line((ratio - 1.0).log1p())
