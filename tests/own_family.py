"""A family that gapkit does not know: independent Laplace distributions, whose best member is known in closed form."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Independent, Laplace

from gapkit.families import Family, TransportDistribution
from tests.yardsticks import LinearGaussian


@dataclass(frozen=True)
class LaplaceMeanField(Family):
    """Independent Laplace distributions: loc and scale have shape (B, D)."""

    loc: Tensor
    scale: Tensor

    @classmethod
    def matching(cls, loc, deviation):
        return cls(loc, deviation / math.sqrt(2))

    def forward(self, u):
        return self.loc - self.scale * u.sign() * (math.log(2.0) + torch.special.log_ndtr(-u.abs()))

    def log_prob(self, z):
        return -((z - self.loc).abs() / self.scale + (2 * self.scale).log()).sum(-1)

    def marginal_scale(self):
        return math.sqrt(2) * self.scale


class LaplaceEncoder(LinearGaussian):
    """Its means are multiplied by ``factor``; the widths are the best ones. ``plain``: as a distribution of torch."""

    plain = False

    def encode(self, x):
        loc = (self.factor if self.encoder == "scaled" else 1.0) * self.posterior_mean(x)
        scale = (self.precision.diagonal().rsqrt() / math.sqrt(2)).expand_as(loc)
        if self.plain:
            return Independent(Laplace(loc, scale), 1)
        return TransportDistribution(LaplaceMeanField(loc, scale))


def laplace_gap(model):
    """log p(x) - L of the best member: at the posterior mean, with the variances of the best factorised Gaussian."""
    return model.approximation_gap() + model.z_dim * (math.log(math.pi) - 1) / 2
