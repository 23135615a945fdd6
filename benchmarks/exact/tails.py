"""Heavy or one-sided tails: Cauchy, Student and Laplace noise, unknown scales, log-gamma posteriors."""

import math

import torch
from torch import Tensor
from torch.distributions import Gamma, Independent, Laplace, Poisson, StudentT, TransformedDistribution
from torch.distributions.transforms import ExpTransform

from benchmarks.exact.case import DOUBLE, Case, Model, noise, normal, standard
from benchmarks.exact.quadrature import line, log_normal, plane

__all__ = ["CASES"]

_KIND = "tails"


def _student(value: Tensor, loc: Tensor | float, scale: float, freedom: float) -> Tensor:
    return StudentT(torch.tensor(freedom, dtype=DOUBLE), torch.as_tensor(loc, dtype=DOUBLE), scale).log_prob(value)


def _cauchy_noise() -> Case:
    """Latents z ~ Student(3), x ~ z + 0.2 Cauchy."""
    x = torch.linspace(-30, 30, 25)[:, None]
    exact = line(lambda z, v: _student(z, 0.0, 1.0, 3.0) + _student(v, z, 0.2, 1.0), x, -3000, 3000, 2_000_001).sum(-1)
    model = Model(
        lambda x: normal(0.5 * x, 0.5),
        lambda z: Independent(StudentT(1.0, z, 0.2), 1),
        Independent(StudentT(3.0, torch.zeros(1), torch.ones(1)), 1),
    )
    return Case(_KIND, model, x, exact, "heavy tails on both sides: two modes far out")


def _student_prior() -> Case:
    """Latents z ~ Student(3), x ~ N(z, 0.01^2), in three dimensions."""
    z = _quantiles(noise(60, 25, 3))
    x = z + 0.01 * noise(61, 25, 3)
    exact = (
        torch.stack(
            [
                line(
                    lambda u, v, value=value: (
                        _student(value + 0.01 * u, 0.0, 1.0, 3.0) + log_normal(u, 0.0, 1.0) + 0 * v
                    ),
                    value[None],
                    -12,
                    12,
                    4001,
                )
                for value in x.double().flatten()
            ]
        )
        .reshape(x.shape)
        .sum(-1)
    )
    prior = Independent(StudentT(3.0, torch.zeros(3), torch.ones(3)), 1)
    model = Model(lambda x: normal(x, 0.02), lambda z: normal(z, 0.01), prior)
    return Case(_KIND, model, x, exact, "Student prior, noise of 0.01")


def _quantiles(normals: Tensor) -> Tensor:
    """Normal numbers stretched into heavy ones."""
    return normals * (1 + normals.square() / 3)


_TIMES = torch.linspace(-1, 1, 8)


def _regression(student: bool) -> Case:
    """Slope and intercept ~ N(0, I_2), eight points with noise of scale 0.2, of which two are far off."""
    z, seed = noise(62, 25, 2), 63
    x = z[:, :1] + z[:, 1:] * _TIMES + 0.2 * noise(seed, 25, 8)
    x[:, 1] += 2.0
    x[:, 6] += 3.0 * noise(seed + 1, 25)

    def decode(z: Tensor) -> Independent:
        loc = z[:, :1] + z[:, 1:] * _TIMES.to(z.dtype)
        return Independent(StudentT(2.0, loc, 0.2) if student else Laplace(loc, 0.2), 1)

    def log_f(z: Tensor, row: Tensor) -> Tensor:
        return log_normal(z, 0.0, 1.0).sum(-1) + decode(z).log_prob(row)

    design = torch.stack([torch.ones(8), _TIMES], 1)
    back = torch.linalg.pinv(design).T
    model = Model(lambda x: normal(x @ back, 0.1), decode, standard(2))
    name = "Student (2 degrees of freedom)" if student else "Laplace"
    exact = plane(log_f, x, -6, 6, 401 if student else 801)  # the kinks of Laplace noise need more
    return Case(_KIND, model, x, exact, f"a line through eight points with {name} noise, two of them far off")


def _mean_and_scale(size: int = 3, count: int = 25) -> Case:
    """Mean ~ N(0, 4) and log-scale ~ N(0, 1) of three observations; given the scale all is linear-Gaussian."""
    x = 2 * noise(65, count, 1) + noise(66, count, 1).exp() * noise(67, count, size)
    mean, spread = x.double().mean(1), x.double().var(1, unbiased=False)
    grid = torch.linspace(-14, 14, 100_001, dtype=DOUBLE)
    variance = (2 * grid).exp()
    joint = variance + 4 * size
    quadratic = size * spread[:, None] / variance + size * mean[:, None].square() / joint
    inner = -0.5 * (size * math.log(2 * math.pi) + (size - 1) * variance.log() + joint.log() + quadratic)
    exact = torch.logsumexp(log_normal(grid, 0.0, 1.0) + inner, 1) + math.log(28 / 100_000)
    prior = normal(torch.zeros(2), torch.tensor([2.0, 1.0]))
    model = Model(
        lambda x: normal(torch.stack([x.mean(1), x.std(1).log()], 1), 0.5),
        lambda z: normal(z[:, :1].expand(-1, size), z[:, 1:].exp()),
        prior,
    )
    return Case(_KIND, model, x, exact, "mean and log-scale of three observations: the scale depends on a latent")


def _log_gamma(dim: int = 20, count: int = 25) -> Case:
    """Logs of exponential rates (mean 2) behind Poisson counts: each posterior is log-gamma, p(x) geometric."""
    generator = torch.Generator().manual_seed(68)
    rates = -2 * torch.rand(count, dim, generator=generator).log()
    x = torch.poisson(rates, generator)
    prior = Independent(
        TransformedDistribution(Gamma(torch.ones(dim), torch.full((dim,), 0.5)), [ExpTransform().inv]), 1
    )
    model = Model(lambda x: normal((x + 0.5).log(), (x + 1).rsqrt()), lambda z: Independent(Poisson(z.exp()), 1), prior)
    exact = (math.log(1 / 3) + x.double() * math.log(2 / 3)).sum(-1)
    return Case(_KIND, model, x, exact, "20 log-gamma posteriors, those of counts of zero skewed with a long tail")


CASES = {
    "cauchy_noise": _cauchy_noise,
    "student_prior_noise_0.01": _student_prior,
    "student_noise": lambda: _regression(student=True),
    "laplace_noise": lambda: _regression(student=False),
    "mean_and_scale": _mean_and_scale,
    "log_gamma_20_latents": _log_gamma,
}
