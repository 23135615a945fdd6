"""Counts, rates and bits, and what the resolution of numbers does to them."""

import math

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Exponential, Independent, Poisson

from benchmarks.exact.case import DOUBLE, Case, Model, noise, normal, standard
from benchmarks.exact.quadrature import around, log_normal, plane

__all__ = ["CASES"]


def _counts(level: float, kind: str) -> Case:
    """Latents z ~ N(0, I_2), 20 Poisson counts of rate level e^{W z}, in float32."""
    weight, base = 0.3 * noise(70, 20, 2), math.log(level)
    z = noise(71, 25, 2)
    x = torch.poisson((base + z.double() @ weight.double().T).exp(), torch.Generator().manual_seed(72)).float()

    def log_f(z: Tensor, row: Tensor) -> Tensor:
        log_rate = base + z @ weight.double().T
        return log_normal(z, 0.0, 1.0).sum(-1) + (row * log_rate - log_rate.exp() - (row + 1).lgamma()).sum(-1)

    back, narrow = torch.linalg.pinv(weight).T, 1.0 / math.sqrt(level)
    model = Model(
        lambda x: normal((x.clamp_min(0.5).log() - base) @ back, narrow),
        lambda z: Independent(Poisson((base + z @ weight.T).exp()), 1),
        standard(2),
    )
    return Case(kind, model, x, around(log_f, x, 2), f"20 Poisson counts of about {level:,.0f} in float32")


def _bits(count: int = 25) -> Case:
    weight = 1.5 * noise(73, 12, 2)
    generator = torch.Generator().manual_seed(74)
    x = torch.bernoulli((noise(75, count, 2) @ weight.T).sigmoid(), generator=generator)

    def log_f(z: Tensor, row: Tensor) -> Tensor:
        return log_normal(z, 0.0, 1.0).sum(-1) + Bernoulli(logits=z @ weight.double().T).log_prob(row).sum(-1)

    back = torch.linalg.pinv(weight).T
    model = Model(
        lambda x: normal((2 * x - 1) @ back, 0.5), lambda z: Independent(Bernoulli(logits=z @ weight.T), 1), standard(2)
    )
    return Case("easy", model, x, plane(log_f, x, -9, 9), "12 bits, logistic link, 2 latents")


def _rates(count: int = 25) -> Case:
    """Six waiting times of rate e^{W z}: one-sided noise under a log link."""
    weight = noise(76, 6, 2)
    rates = (noise(77, count, 2) @ weight.T).exp()
    x = -torch.rand(count, 6, generator=torch.Generator().manual_seed(78)).log() / rates

    def log_f(z: Tensor, row: Tensor) -> Tensor:
        log_rate = z @ weight.double().T
        return log_normal(z, 0.0, 1.0).sum(-1) + (log_rate - row * log_rate.exp()).sum(-1)

    back = torch.linalg.pinv(weight).T
    model = Model(
        lambda x: normal(-x.clamp_min(1e-4).log() @ back, 0.4),
        lambda z: Independent(Exponential((z @ weight.T).exp()), 1),
        standard(2),
    )
    return Case("easy", model, x, plane(log_f, x, -10, 10), "six exponential waiting times, log link, 2 latents")


def _rounded(count: int = 25) -> Case:
    """Latents z ~ N(0, 4 I_2), x ~ N(round z, 0.3^2): no gradient anywhere; p(x) is a sum over whole numbers."""
    x = (2 * noise(79, count, 2)).round() + 0.3 * noise(80, count, 2)
    whole = torch.arange(-30, 31, dtype=DOUBLE)
    log_mass = (
        torch.special.ndtr((whole.abs() * -1 + 0.5) / 2) - torch.special.ndtr((whole.abs() * -1 - 0.5) / 2)
    ).log()
    exact = torch.logsumexp(log_mass + log_normal(x.double()[..., None], whole, 0.3), -1).sum(-1)
    model = Model(lambda x: normal(x, 0.25), lambda z: normal(z.round(), 0.3), standard(2, 2.0))
    return Case("no gradient", model, x, exact, "the decoder rounds: flat steps, gradients zero everywhere")


CASES = {
    "bits": _bits,
    "waiting_times": _rates,
    "counts_of_1000": lambda: _counts(1e3, "easy"),
    "counts_of_1e5": lambda: _counts(1e5, "resolution of numbers"),
    "counts_of_1e6": lambda: _counts(1e6, "resolution of numbers"),
    "rounding_decoder": _rounded,
}
