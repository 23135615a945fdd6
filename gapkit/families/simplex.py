"""Beta and Dirichlet distributions in log ratios y_i = log z_i - log z_K.

A Dirichlet variable is made of sticks that are broken off one after the other, b_i ~ Beta(a_i, a_{i+1} + ... + a_K):
as many independent beta variables as it has degrees of freedom.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional

from gapkit.core.numerics import exp_beyond_line, stirling_remainder
from gapkit.families.own import Family
from gapkit.families.quantiles import logit_beta_quantile

__all__ = ["LogRatioDirichlet", "LogitBeta"]


@dataclass(frozen=True)
class LogRatioDirichlet(Family):
    """Log ratios of independent Dirichlet distributions: G of them, of K parts each, are G (K - 1) latents.

    Attributes:
        concentration: shape (B, G, K).

    Example:
        >>> q = LogRatioDirichlet(torch.ones(1, 1, 3))
        >>> q.dim
        2
    """

    concentration: Tensor
    positive: ClassVar[tuple[str, ...]] = ("concentration",)
    family: ClassVar[str] = "dirichlet"
    words: ClassVar[str] = "Dirichlet distribution"
    places: ClassVar[tuple[str, ...]] = ()

    @property
    def loc(self) -> Tensor:  # type: ignore[override]
        """The image of the noise's origin, shape (B, D)."""
        return self.forward(self.concentration.new_zeros(1, len(self.concentration), self.dim))[0]

    @property
    def dim(self) -> int:
        """Number of latent dimensions D = G (K - 1)."""
        _, groups, parts = self.concentration.shape
        return int(groups * (parts - 1))

    @classmethod
    def matching(cls, loc: Tensor, deviation: Tensor) -> Self:
        """A member near that mean and those standard deviations of y, one simplex of D + 1 parts.

        The curvature of log Dirichlet in log ratios at its mode is that of a Gaussian (MacKay, "Choice of Basis for
        Laplace Approximation" (1998), equation 14).
        """
        return cls(_bridged(loc.unsqueeze(1), deviation.unsqueeze(1)))

    def forward(self, u: Tensor) -> Tensor:
        """Y from noise: shape (S, B, D) to (S, B, D)."""
        _, groups, parts = self.concentration.shape
        noise = u.reshape(*u.shape[:2], groups, parts - 1)
        rest = self.concentration.flip(-1).cumsum(-1).flip(-1)[..., 1:]  # of the parts after each
        broken = logit_beta_quantile(noise, self.concentration[..., :-1].expand(noise.shape), rest.expand(noise.shape))
        left = functional.logsigmoid(-broken).cumsum(-1)  # log of what is left after each stick
        before = torch.cat([torch.zeros_like(left[..., :1]), left[..., :-1]], -1)
        return (functional.logsigmoid(broken) + before - left[..., -1:]).flatten(2)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log density of y: shape (S, B, D) to (S, B), in nats."""
        _, groups, parts = self.concentration.shape
        y = z.reshape(*z.shape[:-1], groups, parts - 1)
        logs = torch.log_softmax(torch.cat([y, y.new_zeros(*y.shape[:-1], 1)], -1), -1)
        a = self.concentration
        total = a.sum(-1)
        # The density of z times the Jacobian of z in y, which is the product of all z: the sum of a log z and log
        # Gammas. These are large and cancel, so that they are taken around the mean p = a / total: with Stirling's
        # formula for the latter, and without the part of a log(z / p) that is zero because z and p sum to one.
        beyond = (a * exp_beyond_line(logs - (a / total.unsqueeze(-1)).log())).sum(-1)
        roots = 0.5 * ((a / (2.0 * math.pi)).log().sum(-1) - (total / (2.0 * math.pi)).log())
        return (roots + stirling_remainder(total) - stirling_remainder(a).sum(-1) - beyond).sum(-1)

    def marginal_scale(self) -> Tensor:
        """Standard deviation of each y, shape (B, D)."""
        each = torch.special.polygamma(1, self.concentration)
        return (each[..., :-1] + each[..., -1:]).sqrt().flatten(1)


@dataclass(frozen=True)
class LogitBeta(LogRatioDirichlet):
    """Logits of independent beta variables: z ~ Beta(a, b), y = logit z.

    Attributes:
        concentration: a and b, shape (B, D, 2).
    """

    family: ClassVar[str] = "beta"
    words: ClassVar[str] = "beta distribution of each latent"

    @classmethod
    def matching(cls, loc: Tensor, deviation: Tensor) -> Self:
        """A member near that mean and those standard deviations of y."""
        return cls(_bridged(loc.unsqueeze(-1), deviation.unsqueeze(-1)))


def _bridged(loc: Tensor, deviation: Tensor) -> Tensor:
    """Concentrations of shape (B, G, K) from moments of log ratios of shape (B, G, K - 1)."""
    parts = loc.shape[-1] + 1
    z = torch.softmax(torch.cat([loc, torch.zeros_like(loc[..., :1])], -1), -1)
    # With a total of s at the mode z, the curvature in y_i is s z_i (1 - z_i); each y_i asks for a total of its own.
    totals = 1.0 / (deviation.square() * z[..., :-1] * (1.0 - z[..., :-1])).clamp(min=1e-12)
    total = totals.log().mean(-1, keepdim=True).exp()
    return (z * total).clamp(0.05, 1e6) if parts > 1 else z
