"""Label switching: latents that may be exchanged for each other, K! modes."""

import math

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from benchmarks.exact.case import DOUBLE, Case, Model, noise, normal, standard
from benchmarks.exact.quadrature import log_normal, ordered

__all__ = ["CASES"]

_KIND = "label switching"


def _sorted(count: int = 25) -> Case:
    """Latents z ~ N(0, I_4), x ~ N(sorted z, 0.1^2): p(x) is 4! times the integral over ordered latents."""
    x = noise(20, count, 4).sort(-1).values + 0.1 * noise(21, count, 4)
    exact = ordered(lambda z, v: log_normal(z, 0.0, 1.0) + log_normal(v, z, 0.1), x, -7, 7, 100_001)
    model = Model(lambda x: normal(x, 0.1), lambda z: normal(z.sort(-1).values, 0.1), standard(4))
    facts = "24 modes of equal mass: the data know the latents up to their order"
    return Case(_KIND, model, x, exact + math.lgamma(5), facts, fault="family")


def _mixture_means(components: int = 3, size: int = 8, count: int = 20) -> Case:
    """A mixture of three normals (sd 0.5) with unknown means, z ~ N(0, 9 I_3), eight observations a datapoint.

    p(x) is a sum over the 3^8 ways to give observations to components; within a way every mean is linear-Gaussian.
    """
    z = 3 * noise(22, count, components)
    chosen = torch.randint(components, (count, size), generator=torch.Generator().manual_seed(23))
    x = z.gather(1, chosen) + 0.5 * noise(24, count, size)

    def decode(z: Tensor) -> Independent:
        loc = z[:, None, :].expand(-1, size, -1)
        parts = Normal(loc, torch.full_like(loc, 0.5))
        return Independent(MixtureSameFamily(Categorical(torch.ones_like(loc)), parts), 1)

    start = torch.tensor([-2.0, 0.0, 2.0])
    model = Model(lambda x: normal(x.mean(1, keepdim=True) + start, 0.5), decode, standard(components, 3.0))
    exact = _over_ways(x.double(), components, 0.25, 9.0)
    return Case(_KIND, model, x, exact, "6 orders of three means, and several ways to share the observations out")


def _over_ways(x: Tensor, components: int, variance: float, prior: float) -> Tensor:
    """Log p(x) of a mixture with equal weights and unknown means: (B, n) to (B,)."""
    size = x.shape[1]
    subsets = ((torch.arange(2**size)[:, None] >> torch.arange(size)) & 1).to(DOUBLE)
    members, total, square = subsets.sum(1), x @ subsets.T, x.square() @ subsets.T
    shared = prior / (variance * (variance + members * prior))
    of_subset = -0.5 * (
        members * math.log(2 * math.pi * variance)
        + (1 + members * prior / variance).log()
        + square / variance
        - shared * total.square()
    )
    ways = torch.cartesian_prod(*[torch.arange(components)] * size)
    number = sum(of_subset[:, ((ways == k) * 2 ** torch.arange(size)).sum(1)] for k in range(components))
    return torch.logsumexp(number, 1) - size * math.log(components)


CASES = {"sorted_latents": _sorted, "mixture_with_unknown_means": _mixture_means}
