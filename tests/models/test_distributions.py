"""Discretized logistic and continuous Bernoulli against scipy, quadrature and extreme parameters."""

import math

import pytest
import torch
from scipy import stats

from gapkit.core.errors import InputError
from gapkit.models.distributions import ContinuousBernoulli, DiscretizedLogistic, Grid


@pytest.mark.parametrize("bins", [2, 17, 256])
@pytest.mark.parametrize("scale", [1e-3, 0.05, 3.0])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0)])
def test_mass_of_all_bins_is_one(bins, scale, low, high):
    grid = torch.linspace(low, high, bins, dtype=torch.float64)
    dist = DiscretizedLogistic(torch.tensor(0.3, dtype=torch.float64), scale, bins, low, high)
    mass = dist.log_prob(grid).exp()
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-12)
    assert (mass * grid).sum().item() == pytest.approx(dist.mean.item(), abs=1e-12)


def test_log_prob_is_the_difference_of_logistic_cdfs():
    grid = torch.linspace(0, 1, 256, dtype=torch.float64)
    cdf = stats.logistic(loc=0.4, scale=0.1).cdf
    mine = DiscretizedLogistic(torch.tensor(0.4, dtype=torch.float64), 0.1).log_prob(grid).exp().numpy()
    half = 0.5 / 255
    inner = cdf(grid.numpy() + half) - cdf(grid.numpy() - half)
    assert mine[1:-1] == pytest.approx(inner[1:-1], rel=1e-10)
    assert mine[0] == pytest.approx(cdf(half), rel=1e-10)
    assert mine[-1] == pytest.approx(1 - cdf(1 - half), rel=1e-10)


@pytest.mark.parametrize("loc", [-50.0, 0.0, 0.5, 1.0, 50.0])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_float32_tails_are_finite_and_close_to_float64(loc, scale):
    grid = torch.linspace(0, 1, 256)
    params = [torch.tensor(loc, requires_grad=True), torch.tensor(scale, requires_grad=True)]
    value = DiscretizedLogistic(*params).log_prob(grid)
    gradients = torch.autograd.grad(value.sum(), params)
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(gradient) for gradient in gradients)
    exact = DiscretizedLogistic(torch.tensor(loc).double(), torch.tensor(scale).double()).log_prob(grid.double())
    # A float32 pixel is known to 6e-8, which is 6e-4 scales at the smallest scale.
    torch.testing.assert_close(value.detach().double(), exact, rtol=1e-4, atol=6e-4)


def test_samples_lie_on_the_grid_with_the_right_frequencies():
    torch.manual_seed(0)
    dist = DiscretizedLogistic(torch.tensor(0.4), 0.2, bins=5)
    draws = dist.sample((20_000,))
    assert dist.support.check(draws).all()
    frequency = torch.stack([(draws == value).double().mean() for value in torch.linspace(0, 1, 5)])
    mass = dist.log_prob(torch.linspace(0, 1, 5)).exp().double()
    assert (frequency - mass).abs().max() < 4 * math.sqrt(0.25 / 20_000)


def test_grid_accepts_float32_pixels_and_refuses_neighbours():
    assert Grid(0.0, 1.0, 256).check(torch.arange(256) / 255).all()
    assert not Grid(0.0, 1.0, 256).check(torch.tensor([-1 / 255, 256 / 255, 0.5, math.nan])).any()


def test_expand_and_validation():
    dist = DiscretizedLogistic(torch.tensor(0.5), 0.1).expand((3, 2))
    assert dist.log_prob(torch.zeros(3, 2)).shape == (3, 2)
    with pytest.raises(ValueError, match="support"):
        DiscretizedLogistic(torch.tensor(0.5), 0.1, validate_args=True).log_prob(torch.tensor(0.5))
    with pytest.raises(InputError, match="bins=1"):
        DiscretizedLogistic(0.0, 1.0, bins=1)


@pytest.mark.parametrize("logit", [-60.0, -3.0, -0.26, -0.24, -1e-5, 0.0, 0.1, 0.25, 2.0, 60.0])
def test_continuous_bernoulli_integrates_to_one_with_its_mean_and_variance(logit):
    nodes, weights = torch.linspace(0, 1, 200_001, dtype=torch.float64), 1 / 200_000
    dist = ContinuousBernoulli(torch.tensor(logit, dtype=torch.float64))
    density = dist.log_prob(nodes).exp()
    density[[0, -1]] *= 0.5  # trapezium rule
    assert (density.sum() * weights).item() == pytest.approx(1, abs=1e-7)
    mean = (density * nodes).sum() * weights
    assert mean.item() == pytest.approx(dist.mean.item(), abs=1e-7)
    assert ((density * (nodes - mean) ** 2).sum() * weights).item() == pytest.approx(dist.variance.item(), abs=1e-7)


def test_continuous_bernoulli_equals_torch_where_torch_does_not_clamp():
    logits = torch.tensor([-8.0, -1.0, 0.5, 3.0], dtype=torch.float64)
    theirs = torch.distributions.ContinuousBernoulli(logits=logits)
    mine = ContinuousBernoulli(logits)
    for x in (0.0, 0.3, 1.0):
        value = torch.full_like(logits, x)
        torch.testing.assert_close(mine.log_prob(value), theirs.log_prob(value))
    torch.testing.assert_close(mine.mean, theirs.mean)
    torch.testing.assert_close(mine.variance, theirs.variance)


@pytest.mark.parametrize("logit", [-200.0, -0.25, 0.0, 1e-8, 0.25, 200.0])
def test_continuous_bernoulli_gradient_is_x_minus_mean(logit):
    logits = torch.tensor(logit, requires_grad=True)
    dist = ContinuousBernoulli(logits)
    (gradient,) = torch.autograd.grad(dist.log_prob(torch.tensor(0.2)), logits)
    assert gradient.item() == pytest.approx(0.2 - dist.mean.item(), abs=2e-6)
    (slope,) = torch.autograd.grad(dist.mean, logits)
    assert torch.isfinite(slope)


@pytest.mark.parametrize("logit", [-30.0, -1.0, 0.0, 5e-4, 4.0])
def test_continuous_bernoulli_draws_have_the_mean_and_stay_in_the_interval(logit):
    torch.manual_seed(1)
    dist = ContinuousBernoulli(torch.tensor(logit))
    draws = dist.sample((20_000,))
    assert dist.support.check(draws).all()
    assert abs(draws.mean() - dist.mean) < 4 * (dist.variance / 20_000).sqrt()
    assert dist.expand((2, 3)).rsample().shape == (2, 3)
