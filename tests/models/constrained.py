"""Models whose latents are positive, in an interval or on a simplex, with posteriors known in closed form."""

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Beta,
    Dirichlet,
    Distribution,
    Gamma,
    Independent,
    LogNormal,
    Normal,
    Poisson,
    TransformedDistribution,
    kl_divergence,
)
from torch.distributions.transforms import SigmoidTransform

_DTYPE = torch.float64


class Conjugate:
    """A model whose posterior is in the family of its encoder, which is off by ``factor`` in its first parameter."""

    def __init__(self, factor: float = 1.0):
        self.factor = factor

    def posterior(self, x: Tensor) -> Distribution:
        raise NotImplementedError

    def off(self, q: Distribution) -> Distribution:
        raise NotImplementedError

    def encode(self, x: Tensor) -> Distribution:
        return Independent(self.off(self.posterior(x)), 1)

    def log_px(self, x: Tensor) -> Tensor:
        """log p(x, z) - log p(z|x) at any z."""
        q = Independent(self.posterior(x), 1 - len(self.posterior(x).event_shape))
        z = q.sample()
        return self.prior().log_prob(z) + self.decode(z).log_prob(x) - q.log_prob(z)

    def amortization_gap(self, x: Tensor) -> Tensor:
        p = self.posterior(x)
        lost = kl_divergence(self.off(p), p)
        return lost if p.event_shape else lost.sum(-1)

    def sample(self, count: int, seed: int) -> Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return self.decode(self.prior().sample((count,))).sample()


class GammaPoisson(Conjugate):
    """z_i ~ Gamma(2, 1); x has three counts of each of two rates, Poisson(z_i)."""

    def posterior(self, x):
        return Gamma(2.0 + x.reshape(-1, 2, 3).sum(-1), torch.full((len(x), 2), 1.0 + 3.0, dtype=_DTYPE))

    def off(self, q):
        return Gamma(self.factor * q.concentration, q.rate)

    def prior(self):
        return Independent(Gamma(torch.full((2,), 2.0, dtype=_DTYPE), 1.0), 1)

    def decode(self, z):
        return Independent(Poisson(z.repeat_interleave(3, -1)), 1)


class BetaBernoulli(Conjugate):
    """z_i ~ Beta(1, 2); x has four flips of each of two coins."""

    def posterior(self, x):
        ones = x.reshape(-1, 2, 4).sum(-1)
        return Beta(1.0 + ones, 6.0 - ones)

    def off(self, q):
        return Beta(self.factor * q.concentration1, q.concentration0)

    def prior(self):
        return Independent(Beta(torch.ones(2, dtype=_DTYPE), 2.0), 1)

    def decode(self, z):
        return Independent(Bernoulli(z.repeat_interleave(4, -1)), 1)


class DirichletCounts(Conjugate):
    """z ~ Dirichlet(1, 1, 2); x has the numbers of three kinds, Poisson(20 z), given their total of 20 on average."""

    def posterior(self, x):
        # Poisson counts with sum(z) = 1: the likelihood is that of a multinomial but for the total.
        return Dirichlet(torch.tensor([1.0, 1.0, 2.0], dtype=_DTYPE) + x)

    def off(self, q):
        return Dirichlet(torch.cat([self.factor * q.concentration[:, :1], q.concentration[:, 1:]], 1))

    def encode(self, x):
        return self.off(self.posterior(x))

    def prior(self):
        return Dirichlet(torch.tensor([1.0, 1.0, 2.0], dtype=_DTYPE))

    def decode(self, z):
        return Independent(Poisson(20.0 * z), 1)


class LogNormalNormal(Conjugate):
    """log z ~ N(0, I), log x ~ N(log z, 0.5^2): linear-Gaussian in log z."""

    def posterior(self, x):
        return LogNormal(x.log() / 1.25, torch.full_like(x, 0.2**0.5))

    def off(self, q):
        return LogNormal(self.factor * q.loc, q.scale)

    def prior(self):
        return Independent(LogNormal(torch.zeros(3, dtype=_DTYPE), 1.0), 1)

    def decode(self, z):
        return Independent(LogNormal(z.log(), 0.5), 1)


class LogitNormal(Conjugate):
    """logit z ~ N(0, I), x ~ N(logit z, 0.5^2): a transform that torch has no distribution of its own for."""

    def posterior(self, x):
        return TransformedDistribution(Normal(x / 1.25, torch.full_like(x, 0.2**0.5)), [SigmoidTransform()])

    def off(self, q):
        base = q.base_dist
        return TransformedDistribution(Normal(self.factor * base.loc, base.scale), [SigmoidTransform()])

    def prior(self):
        base = Normal(torch.zeros(3, dtype=_DTYPE), 1.0)
        return Independent(TransformedDistribution(base, [SigmoidTransform()]), 1)

    def decode(self, z):
        return Independent(Normal(torch.logit(z), 0.5), 1)


MODELS = {
    "gamma": GammaPoisson,
    "beta": BetaBernoulli,
    "dirichlet": DirichletCounts,
    "log_normal": LogNormalNormal,
    "logit_normal": LogitNormal,
}
FAMILIES = {"log_normal": "mean_field", "logit_normal": "mean_field"}
