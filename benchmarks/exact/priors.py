"""Priors that are not one normal distribution: mixtures near and far, boxes, flows, Laplace."""

import math

import torch
from torch import Tensor
from torch.distributions import (
    Categorical,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    Uniform,
    constraints,
)
from torch.distributions.transforms import Transform

from benchmarks.exact.case import DOUBLE, Case, Model, noise, normal, standard
from benchmarks.exact.quadrature import line, log_normal

__all__ = ["CASES"]

_KIND = "priors of their own"


def _mixture(weights: Tensor, means: Tensor, scales: Tensor) -> MixtureSameFamily:
    """Diagonal normals: weights (K,), means (K, D), scales (K,) or (K, D)."""
    scales = scales.reshape(len(scales), -1).expand_as(means)
    return MixtureSameFamily(Categorical(weights), Independent(Normal(means, scales), 1))


def _linear(
    prior: MixtureSameFamily,
    weight: Tensor,
    sigma: float,
    x: Tensor,
    encoder: tuple[float, float],
    facts: str,
    **more: object,
) -> Case:
    """Data x ~ N(W z, sigma^2) under a mixture: p(x) is a mixture of normals too.

    Args:
        prior: of the latents.
        weight: W, shape (M, D).
        sigma: of the noise.
        x: data, shape (B, M).
        encoder: of the pseudo-inverse, which gives the encoder's means, the factor; and its standard deviation.
        facts: in words.
        more: further fields of the case.
    """
    parts = prior.component_distribution.base_dist  # type: ignore[attr-defined]
    wide, means, scales = weight.to(DOUBLE), parts.loc.to(DOUBLE), parts.scale.to(DOUBLE)
    covariance = (wide * scales.square()[:, None]) @ wide.T + sigma**2 * torch.eye(len(wide), dtype=DOUBLE)
    log_weights = prior.mixture_distribution.logits.log_softmax(-1).to(DOUBLE)
    rows = MultivariateNormal(means @ wide.T, covariance).log_prob(x.double()[:, None])
    back = torch.linalg.pinv(weight).T * encoder[0]
    model = Model(lambda x: normal(x @ back, encoder[1]), lambda z: normal(z @ weight.T, sigma), prior)
    return Case(_KIND, model, x, torch.logsumexp(log_weights + rows, 1), facts, **more)  # type: ignore[arg-type]


def _three() -> Case:
    means = torch.tensor([[-4.0, 4.0], [0.0, 0.0], [4.0, -4.0]])
    prior = _mixture(torch.tensor([0.3, 0.4, 0.3]), means, torch.full((3,), 0.3))
    x = math.sqrt(1.18) * noise(28, 25, 1)
    facts = "three modes of mass 0.3, 0.4, 0.3, apart where the data do not look; encoder N(., 1)"
    return _linear(prior, torch.ones(1, 2), 1.0, x, (0.1, 1.0), facts, fault="encoder", strict=True)


def _six() -> Case:
    means = torch.tensor([[5.0, -5.0], [-5.0, 5.0], [8.0, -8.0], [-8.0, 8.0], [0.0, 0.0], [3.0, -3.0]])
    x = torch.linspace(-3, 3, 20)[:, None]
    facts = "six far modes (sd 0.1) of equal mass, encoder N(0, I): log 6 are the family's, some 46 nats the encoder's"
    prior = _mixture(torch.ones(6), means, torch.full((6,), 0.1))
    return _linear(prior, torch.ones(1, 2), 1.0, x, (0.0, 1.0), facts, fault="encoder")


def _twenty_dimensions() -> Case:
    means, weight = 2.0 * noise(30, 10, 20), noise(31, 6, 20) / math.sqrt(20)
    prior = _mixture(torch.ones(10), means, torch.full((10,), 0.5))
    chosen = torch.arange(25) % 10
    x = (means[chosen] + 0.5 * noise(32, 25, 20)) @ weight.T + noise(33, 25, 6)
    facts = "ten components (sd 0.5) in 20 dimensions, 6 outputs with noise 1: a few components stay"
    return _linear(prior, weight, 1.0, x, (1.0, 0.5), facts)


def _unequal_widths() -> Case:
    means = torch.zeros(2, 5)
    means[0, 0], means[1, 0] = -4.0, 4.0
    prior = _mixture(torch.ones(2), means, torch.tensor([1.0, 0.01]))
    weight = torch.zeros(1, 5)
    weight[0, 1] = 1.0
    x = 2.1 * noise(29, 25, 1)
    facts = "two modes of about equal mass in 5 dimensions, sd 1 and 0.01; the encoder stands between them"
    return _linear(prior, weight, 2.0, x, (0.5, 1.0), facts)


def _vamp() -> Case:
    """The prior is the mean of the encoder's posteriors at eight pseudo-inputs."""
    weight, pseudo = noise(34, 6, 4), 2.0 * noise(35, 8, 6)
    encoder = (1.0, 0.2)
    means = pseudo @ torch.linalg.pinv(weight).T
    prior = _mixture(torch.ones(8), means, torch.full((8,), 0.2))
    x = (means[torch.arange(24) % 8] + 0.2 * noise(36, 24, 4)) @ weight.T + 1.5 * noise(37, 24, 6)
    facts = "VampPrior of eight pseudo-inputs (sd 0.2) in 4 dimensions, noise 1.5: several components stay"
    return _linear(prior, weight, 1.5, x, encoder, facts)


def _box(count: int = 25) -> Case:
    """Latents uniform on (-1, 1)^3, x ~ N(z, 0.3^2): p(x) is a difference of normal distribution functions."""
    z = 2 * torch.rand(count, 3, generator=torch.Generator().manual_seed(38)) - 1
    x = z + 0.3 * noise(39, count, 3)
    inside = torch.special.ndtr((1 - x.double()) / 0.3) - torch.special.ndtr((-1 - x.double()) / 0.3)
    prior = Independent(Uniform(-torch.ones(3), torch.ones(3)), 1)
    model = Model(lambda x: normal(x.clamp(-0.8, 0.8), 0.05), lambda z: normal(z, 0.3), prior)
    facts = "uniform prior on a box, many posteriors cut off at its walls; normal q must shrink to stay inside"
    return Case(_KIND, model, x, (inside / 2).log().sum(-1), facts)


class _Bend(Transform):
    """(u, v) to (u, v + u^2): volume is kept."""

    domain = codomain = constraints.real_vector
    bijective = True

    def _call(self, x: Tensor) -> Tensor:
        return torch.stack([x[..., 0], x[..., 1] + x[..., 0].square()], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        return torch.stack([y[..., 0], y[..., 1] - y[..., 0].square()], -1)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(x[..., 0])


def _flow(count: int = 25) -> Case:
    """Latents z = (u, v + u^2), u ~ N(0, 2^2), v ~ N(0, 0.3^2); z_2 is seen with noise 0.5, z_1 not at all."""
    x = (2 * noise(40, count, 1)).square() + 0.3 * noise(41, count, 1) + 0.5 * noise(42, count, 1)
    spread = math.sqrt(0.3**2 + 0.5**2)
    exact = line(lambda u, value: log_normal(u, 0.0, 2.0) + log_normal(value, u.square(), spread), x, -20, 20).sum(-1)
    prior = TransformedDistribution(normal(torch.zeros(2), torch.tensor([2.0, 0.3])), [_Bend()])
    model = Model(lambda x: normal(torch.cat([x.abs().sqrt(), x], 1), 0.2), lambda z: normal(z[:, 1:], 0.5), prior)
    return Case(
        _KIND, model, x, exact, "a prior bent by a flow: two modes where x is large, a crescent where it is small"
    )


def _laplace(count: int = 25) -> Case:
    x = Laplace(0.0, 1.0).icdf(torch.special.ndtr(noise(43, count, 3))) + 0.5 * noise(44, count, 3)
    exact = line(lambda z, v: -z.abs() - math.log(2) + log_normal(v, z, 0.5), x, -40, 40).sum(-1)
    prior = Independent(Laplace(torch.zeros(3), torch.ones(3)), 1)
    model = Model(lambda x: normal(x, 0.45), lambda z: normal(z, 0.5), prior)
    return Case("easy", model, x, exact, "Laplace prior, 3 latents")


def _collapsed(count: int = 25) -> Case:
    """A decoder that does not look at z."""
    x = noise(45, count, 5)
    model = Model(lambda x: normal(0 * x[:, :2], 1.0), lambda z: normal(torch.zeros(len(z), 5), 1.0), standard(2))
    exact = log_normal(x.double(), 0.0, 1.0).sum(-1)
    return Case("easy", model, x, exact, "the decoder ignores its latents", exact, exact, "model")


CASES = {
    "laplace_prior": _laplace,
    "collapsed": _collapsed,
    "three_components": _three,
    "six_components": _six,
    "ten_components_20_latents": _twenty_dimensions,
    "unequal_widths": _unequal_widths,
    "vamp_prior": _vamp,
    "box_prior": _box,
    "flow_prior": _flow,
}
