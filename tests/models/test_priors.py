"""Priors: densities, learned parameters, following dtype."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import (
    AffineTransform,
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)

from gapkit.core.errors import InputError
from gapkit.models.posterior import PosteriorEncoder
from gapkit.models.priors import GaussianMixturePrior, VampPrior, moved, standard_normal


@pytest.mark.parametrize("shape", [(3,), (2, 4, 4), ()])
def test_standard_normal(shape):
    p = standard_normal(shape, dtype=torch.float64)
    assert (p.batch_shape, p.event_shape) == ((), shape)
    z = torch.randn(5, *shape, dtype=torch.float64)
    expected = (-0.5 * z**2 - 0.5 * math.log(2 * math.pi)).flatten(1).sum(1) if shape else Normal(0.0, 1.0).log_prob(z)
    torch.testing.assert_close(p.log_prob(z), expected)


def test_gaussian_mixture_density_is_the_weighted_sum_and_every_parameter_gets_a_gradient():
    prior = GaussianMixturePrior(2, components=3).double()
    nn.init.normal_(prior.logits)
    z = torch.randn(5, 2, dtype=torch.float64)
    normal = Independent(Normal(prior.mean, prior.log_scale.exp()), 1)
    expected = (normal.log_prob(z[:, None]) + prior.logits.log_softmax(0)).logsumexp(1)
    value = prior().log_prob(z)
    torch.testing.assert_close(value, expected)
    value.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in prior.parameters())
    assert GaussianMixturePrior((2, 3), components=4)().event_shape == (2, 3)
    with pytest.raises(InputError, match="components=0"):
        GaussianMixturePrior(2, components=0)


def test_gaussian_mixture_integrates_to_one():
    axis = torch.linspace(-12, 12, 4001, dtype=torch.float64)[:, None]
    density = GaussianMixturePrior(1, components=4).double()().log_prob(axis).exp()
    assert (density.sum() * (axis[1] - axis[0])).item() == pytest.approx(1, abs=1e-9)


def test_vamp_prior_is_the_mixture_of_posteriors():
    prior = VampPrior(PosteriorEncoder(nn.Linear(6, 4), "chunk_logvar"), torch.rand(3, 6))
    z = torch.randn(5, 2)
    q = prior.encode(prior.pseudo_inputs)
    torch.testing.assert_close(prior().log_prob(z), q.log_prob(z[:, None]).logsumexp(1) - math.log(3))
    assert {"pseudo_inputs", "encode.encoder.weight", "encode.encoder.bias"} == set(prior.state_dict())


def test_vamp_prior_refuses_an_encoder_that_returns_tensors():
    with pytest.raises(InputError, match="wrap the encoder"):
        VampPrior(nn.Linear(6, 4), torch.rand(3, 6))()


def test_moved_converts_tensors_at_any_depth_and_leaves_the_original():
    mixture = MixtureSameFamily(Categorical(logits=torch.zeros(3)), Independent(Normal(torch.zeros(3, 2), 1.0), 1))
    shift = AffineTransform(torch.full((2,), 0.1), torch.ones(2), event_dim=1)
    flow = TransformedDistribution(standard_normal((2,)), [shift.inv, shift, shift])
    flow.log_prob(torch.zeros(2))
    for dist in (mixture, MultivariateNormal(torch.zeros(2), torch.eye(2)), flow):
        double = moved(dist, torch.float64, torch.device("cpu"))
        z = torch.zeros(4, 2, dtype=torch.float64)
        assert double.sample().dtype == torch.float64
        assert double.log_prob(z).dtype == torch.float64
        torch.testing.assert_close(double.log_prob(z).float(), dist.log_prob(z.float()))
        assert dist.sample().dtype == torch.float32
        assert (double.batch_shape, double.event_shape) == (dist.batch_shape, dist.event_shape)
