"""Posteriors of awkward shapes whose log p(x) is a one-dimensional integral, and proposals that fit them badly."""

import math

import torch
from torch.distributions import Gamma, Independent, Normal, Poisson, StudentT, TransformedDistribution
from torch.distributions.transforms import ExpTransform

from gapkit.core.randomness import Key
from gapkit.estimators.evidence import estimate_evidence
from gapkit.families import DiagonalGaussian, Mixture
from gapkit.models.freeze import frozen
from gapkit.target import Target

DOUBLE = torch.float64


def normal(loc, scale):
    return Independent(Normal(loc, scale), 1)


class Shape:
    """A model from a decoder and a prior; its encoder is never good."""

    def __init__(self, decode, prior):
        self.decode, self._prior = decode, prior

    def encode(self, x):
        loc = torch.zeros(len(x), *self._prior.event_shape, dtype=x.dtype)
        return normal(loc, torch.ones_like(loc))

    def prior(self):
        return self._prior


def standard(dim):
    return normal(torch.zeros(dim, dtype=DOUBLE), torch.ones(dim, dtype=DOUBLE))


def integral(log_f, low, high, number=200_001):
    z = torch.linspace(low, high, number, dtype=DOUBLE)
    return torch.logsumexp(log_f(z), 0) + math.log((high - low) / (number - 1))


def over(log_f, x, low, high):
    """log of the integral of exp(log_f(z, value)) for each datapoint."""
    return torch.stack([integral(lambda z, value=value: log_f(z, value), low, high) for value in x.flatten()])


def ring():
    """x ~ N(|z|, 0.1^2); the proposal is a Gaussian at one place of the ring."""
    x = torch.linspace(0.8, 2.5, 6, dtype=DOUBLE).unsqueeze(1)
    exact = over(lambda r, v: r.log() - r.square() / 2 + Normal(r, 0.1).log_prob(v), x, 1e-6, 12)
    model = Shape(lambda z: normal(z.norm(dim=-1, keepdim=True), 0.1), standard(2))
    q = DiagonalGaussian(torch.cat([x, 0 * x], 1), torch.tensor([[0.1, 0.5]], dtype=DOUBLE).expand(6, 2))
    return model, x, q, exact


def banana():
    """x ~ N(z_2 + z_1^2, 0.1^2)."""
    x = torch.linspace(-0.5, 3.0, 6, dtype=DOUBLE).unsqueeze(1)
    exact = over(lambda z, v: Normal(0.0, 1.0).log_prob(z) + Normal(z.square(), 1.01**0.5).log_prob(v), x, -12, 12)
    model = Shape(lambda z: normal(z[..., 1:] + z[..., :1].square(), 0.1), standard(2))
    q = DiagonalGaussian(torch.cat([0 * x, x], 1), torch.tensor([[0.5, 0.2]], dtype=DOUBLE).expand(6, 2))
    return model, x, q, exact


def funnel():
    """x ~ N(z_2 exp(1.5 z_1), 0.1^2)."""
    x = torch.linspace(0.3, 2.0, 6, dtype=DOUBLE).unsqueeze(1)
    exact = over(
        lambda z, v: Normal(0.0, 1.0).log_prob(z) + Normal(0.0, (torch.exp(3 * z) + 0.01).sqrt()).log_prob(v),
        x,
        -12,
        12,
    )
    model = Shape(lambda z: normal(z[..., 1:] * torch.exp(1.5 * z[..., :1]), 0.1), standard(2))
    q = DiagonalGaussian(torch.cat([0 * x, x], 1), torch.tensor([[0.1, 0.1]], dtype=DOUBLE).expand(6, 2))
    return model, x, q, exact


def cauchy():
    """x ~ z + 0.2 Cauchy, z ~ Student(3): heavy tails on both sides."""
    x = torch.linspace(4.0, 10.0, 6, dtype=DOUBLE).unsqueeze(1)
    prior = StudentT(torch.tensor(3.0, dtype=DOUBLE))
    exact = over(lambda z, v: prior.log_prob(z) + StudentT(1.0, z, 0.2).log_prob(v), x, -1000, 1000)
    one = torch.ones(1, dtype=DOUBLE)
    model = Shape(lambda z: Independent(StudentT(1.0, z, 0.2), 1), Independent(StudentT(3.0, 0 * one, one), 1))
    return model, x, DiagonalGaussian(x - 0.1, torch.full_like(x, 0.15)), exact


def log_gamma(dim, count, width=1.0):
    """z = log of a Gamma(1, 1) variable, x ~ Poisson(exp z), all independent: skewed with exponential left tails."""
    torch.manual_seed(0)
    one = torch.ones(dim, dtype=DOUBLE)
    x = torch.poisson(Gamma(one, one).sample((count,)))
    exact = -(x + 1).sum(1) * math.log(2.0)
    gamma = TransformedDistribution(Gamma(one, one, validate_args=False), [ExpTransform().inv], validate_args=False)
    model = Shape(
        lambda z: Independent(Poisson(z.exp(), validate_args=False), 1), Independent(gamma, 1, validate_args=False)
    )
    q = DiagonalGaussian(((x + 1) / 2).log() - 0.4 / (x + 1), width * (x + 1).rsqrt())
    return model, x, q, exact


def evidence(model, x, q, policy, seed=0):
    """Estimate from one Gaussian and, last, the encoder's q."""
    target = Target(model, x)
    encoder = model.encode(x).base_dist
    log_weights = torch.tensor([[0.95], [0.05]], dtype=x.dtype).log().expand(2, len(x))
    mixture = Mixture(log_weights, (q, DiagonalGaussian(encoder.loc, encoder.scale)))
    with torch.no_grad(), frozen(model):
        return estimate_evidence(target, mixture, Key(seed, tuple(range(len(x)))), policy), target
