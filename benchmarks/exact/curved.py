"""Curved posteriors: rings, shells, bananas, funnels, waves, hyperbolas, plateaus."""

import math

import torch
from torch import Tensor

from benchmarks.exact.case import Case, Model, noise, normal, standard
from benchmarks.exact.quadrature import line, log_normal

__all__ = ["CASES"]

_KIND = "curved"


def _shell(dim: int, count: int = 20) -> Case:
    """Latents z ~ N(0, I), x ~ N(|z|, 0.1^2): the posterior is a sphere; |z| has a chi distribution."""
    x = torch.linspace(0.2, 3.0, count)[:, None] + math.sqrt(dim) - math.sqrt(2)
    constant = (1 - dim / 2) * math.log(2) - math.lgamma(dim / 2)
    exact = line(lambda r, v: (dim - 1) * r.log() - r.square() / 2 + constant + log_normal(v, r, 0.1), x, 1e-9, 14).sum(
        -1
    )
    start = torch.eye(dim)[0]
    model = Model(
        lambda x: normal(start.expand(len(x), -1), 0.3),
        lambda z: normal(z.norm(dim=-1, keepdim=True), 0.1),
        standard(dim),
    )
    return Case(_KIND, model, x, exact, f"a sphere in {dim} dimensions, constant encoder")


def _banana(count: int = 25) -> Case:
    """Latents z ~ N(0, I_2), x ~ N(z_2 + z_1^2, 0.1^2); given z_1 all is linear."""
    x = noise(50, count, 1) + noise(51, count, 1).square()
    exact = line(lambda z, v: log_normal(z, 0.0, 1.0) + log_normal(v, z.square(), math.sqrt(1.01)), x, -12, 12).sum(-1)
    model = Model(
        lambda x: normal(torch.cat([0 * x, x], 1), torch.tensor([1.0, 0.1])),
        lambda z: normal(z[:, 1:] + z[:, :1].square(), 0.1),
        standard(2),
    )
    return Case(_KIND, model, x, exact, "a thin parabola")


def _wave(count: int = 25) -> Case:
    """Latents z ~ N(0, I_2), x ~ N(z_2 + sin 4 z_1, 0.05^2)."""
    x = noise(52, count, 1) + (4 * noise(53, count, 1)).sin()
    spread = math.sqrt(1 + 0.05**2)
    exact = line(lambda z, v: log_normal(z, 0.0, 1.0) + log_normal(v, (4 * z).sin(), spread), x, -12, 12).sum(-1)
    model = Model(
        lambda x: normal(torch.cat([0 * x, x], 1), torch.tensor([0.5, 0.1])),
        lambda z: normal(z[:, 1:] + (4 * z[:, :1]).sin(), 0.05),
        standard(2),
    )
    return Case(_KIND, model, x, exact, "a thin sine wave along the whole prior")


def _scaled(pairs: int, strength: float, sigma: float, facts: str, count: int = 25) -> Case:
    """Pairs (v, w) ~ N(0, I): x ~ N(w e^{strength v}, sigma^2), a normal variable of unknown scale."""
    scales = (strength * noise(54, count, pairs)).exp()
    x = scales * noise(55, count, pairs) + sigma * noise(56, count, pairs)

    def log_f(v: Tensor, value: Tensor) -> Tensor:
        return log_normal(v, 0.0, 1.0) + log_normal(value, 0.0, ((2 * strength * v).exp() + sigma**2).sqrt())

    model = Model(
        lambda x: normal(torch.cat([0 * x, x / (1 + sigma**2)], 1), 0.5),
        lambda z: normal((strength * z[:, :pairs]).exp() * z[:, pairs:], sigma),
        standard(2 * pairs),
    )
    return Case(_KIND, model, x, line(log_f, x, -12, 12).sum(-1), facts)


def _product(count: int = 25) -> Case:
    """Latents z ~ N(0, I_2), x ~ N(z_1 z_2, 0.1^2): two branches of a hyperbola, a cross where x is about zero."""
    x = noise(48, count, 1) * noise(49, count, 1) + 0.1 * noise(59, count, 1)
    exact = line(lambda z, v: log_normal(z, 0.0, 1.0) + log_normal(v, 0.0, (z.square() + 0.01).sqrt()), x, -12, 12).sum(
        -1
    )
    model = Model(
        lambda x: normal(torch.cat([x.abs().sqrt(), x.sign() * x.abs().sqrt()], 1), 0.2),
        lambda z: normal(z[:, :1] * z[:, 1:], 0.1),
        standard(2),
    )
    return Case(_KIND, model, x, exact, "two branches of a hyperbola; a cross at zero")


def _plateau(count: int = 25) -> Case:
    """Latents z ~ N(0, I_3), x ~ N(tanh 4z, 0.1^2): beyond the slope the data say no more than on which side z lies."""
    x = (4 * noise(57, count, 3)).tanh() + 0.1 * noise(58, count, 3)
    exact = line(lambda z, v: log_normal(z, 0.0, 1.0) + log_normal(v, (4 * z).tanh(), 0.1), x, -12, 12).sum(-1)
    model = Model(lambda x: normal(x, 0.3), lambda z: normal((4 * z).tanh(), 0.1), standard(3))
    return Case(_KIND, model, x, exact, "half a prior with a steep wall in each dimension")


CASES = {
    "ring": lambda: _shell(2),
    "shell_5_latents": lambda: _shell(5),
    "banana": _banana,
    "sine_wave": _wave,
    "funnel": lambda: _scaled(1, 2.0, 0.1, "a scale over several powers of ten and what it scales"),
    "shrinkage_10_latents": lambda: _scaled(5, 1.5, 0.3, "five scales, as in horseshoe regression"),
    "product": _product,
    "plateau": _plateau,
}
