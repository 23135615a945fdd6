"""Families of positive latents, in the coordinates y = log z of a fit (:mod:`gapkit.models.coordinates`)."""

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from gapkit.core.numerics import exp_beyond_line, stirling_remainder
from gapkit.families.own import Family
from gapkit.families.quantiles import log_gamma_quantile

__all__ = ["LogGamma", "LogWeibull", "inverse_trigamma"]

_EULER = 0.5772156649015329  # the mean of -log of an exponential variable


def inverse_trigamma(value: Tensor) -> Tensor:
    """The a with trigamma(a) = value, elementwise, by Newton steps in 1 / trigamma.

    Example:
        >>> inverse_trigamma(torch.special.polygamma(1, torch.tensor([0.5, 3.0])))
        tensor([0.5000, 3.0000])
    """
    a = 0.5 + 1.0 / value
    for _ in range(8):
        first, second = torch.special.polygamma(1, a), torch.special.polygamma(2, a)
        a = (a + first * (1.0 - first / value) / second).clamp(min=1e-6)
    return a


@dataclass(frozen=True)
class _Logarithms(Family):
    """Logarithms of positive variables with a place and a shape parameter, both of shape (B, D)."""

    place: Tensor
    concentration: Tensor
    positive: ClassVar[tuple[str, ...]] = ("concentration",)
    places: ClassVar[tuple[str, ...]] = ("place",)


@dataclass(frozen=True)
class LogGamma(_Logarithms):
    """The logarithm of gamma variables: z ~ Gamma(a, rate b), y = log z, with -log b as its place.

    Attributes:
        place: -log b, shape (B, D).
        concentration: a, shape (B, D).

    Example:
        >>> q = LogGamma(torch.zeros(1, 1), torch.ones(1, 1))  # exponential
        >>> q.log_prob(torch.zeros(1, 1, 1))  # log of z exp(-z) at z = 1
        tensor([[-1.]])
    """

    family: ClassVar[str] = "gamma"
    words: ClassVar[str] = "gamma distribution of each latent"

    @property
    def loc(self) -> Tensor:  # type: ignore[override]
        """The medians, shape (B, D)."""
        return self.forward(torch.zeros_like(self.place).unsqueeze(0))[0]

    @classmethod
    def matching(cls, loc: Tensor, deviation: Tensor) -> Self:
        """The member of that mean and those standard deviations of y."""
        a = inverse_trigamma(deviation.square())
        return cls(loc - torch.digamma(a), a)

    def forward(self, u: Tensor) -> Tensor:
        """Y from noise: shape (S, B, D) to (S, B, D)."""
        return self.place + log_gamma_quantile(u, self.concentration.expand(u.shape))

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of y: shape (S, B, D) to (S, B), in nats."""
        a = self.concentration
        # Around the mode log a, with Stirling's formula: a t - exp(t) and log Gamma(a) are large and cancel.
        s = z - (self.place + a.log())
        return (0.5 * (a / (2.0 * math.pi)).log() - stirling_remainder(a) - a * exp_beyond_line(s)).sum(-1)

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each y, shape (B, D)."""
        return torch.special.polygamma(1, self.concentration).sqrt()


@dataclass(frozen=True)
class LogWeibull(_Logarithms):
    """The logarithm of Weibull variables: z = lambda E^(1/k), E ~ Exp(1), y = log z, with log lambda as its place.

    Attributes:
        place: log lambda, shape (B, D).
        concentration: k, shape (B, D).
    """

    family: ClassVar[str] = "weibull"
    words: ClassVar[str] = "Weibull distribution of each latent"

    @property
    def loc(self) -> Tensor:  # type: ignore[override]
        """The medians, shape (B, D)."""
        return self.place + math.log(math.log(2.0)) / self.concentration

    @classmethod
    def matching(cls, loc: Tensor, deviation: Tensor) -> Self:
        """The member of that mean and those standard deviations of y."""
        k = math.pi / (math.sqrt(6.0) * deviation)
        return cls(loc + _EULER / k, k)

    def forward(self, u: Tensor) -> Tensor:
        """Y from noise: shape (S, B, D) to (S, B, D)."""
        return self.place + (-torch.special.log_ndtr(-u)).log() / self.concentration

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of y: shape (S, B, D) to (S, B), in nats."""
        t = self.concentration * (z - self.place)
        return (self.concentration.log() + t - t.exp()).sum(-1)

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each y, shape (B, D)."""
        return math.pi / (math.sqrt(6.0) * self.concentration)
