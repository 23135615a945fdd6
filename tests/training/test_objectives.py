"""The training objectives against each other and against the exact answer of a linear-Gaussian model."""

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from gapkit.training import elbo, iwae


class LinearGaussian:
    """z ~ N(0, I), x|z ~ N(W z, s^2 I), with a diagonal q that may be the posterior (orthogonal columns of W)."""

    def __init__(self, exact=False, scale=0.5):
        self.w = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
        self.scale, self.exact = scale, exact

    def prior(self):
        zero = torch.zeros(2, dtype=torch.float64)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)

    def decode(self, z):
        return Independent(Normal(z @ self.w.T, self.scale), 1)

    def encode(self, x):
        precision = 1 + (self.w**2).sum(0) / self.scale**2
        mean = (x @ self.w) / self.scale**2 / precision
        if not self.exact:
            mean, precision = mean + 0.1, precision / 2
        return Independent(Normal(mean, precision.rsqrt().expand(mean.shape)), 1)

    def log_evidence(self, x):
        covariance = self.w @ self.w.T + self.scale**2 * torch.eye(3, dtype=torch.float64)
        return MultivariateNormal(torch.zeros(3, dtype=torch.float64), covariance).log_prob(x)


@pytest.fixture
def x():
    return torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def again(function, *args, **options):
    torch.manual_seed(1)
    return function(*args, **options)


def test_iwae_with_one_sample_is_the_sampled_elbo(x):
    model = LinearGaussian()
    for weights in ({}, {"kl_weight": 0.3}, {"entropy_weight": 0.3}):
        sampled = again(elbo, model, x, analytic_kl=False, **weights)
        torch.testing.assert_close(again(iwae, model, x, 1, **weights), sampled)


def test_all_bounds_are_tight_at_the_posterior(x):
    model = LinearGaussian(exact=True)
    torch.testing.assert_close(elbo(model, x, 5, analytic_kl=False), model.log_evidence(x))
    torch.testing.assert_close(iwae(model, x, 5), model.log_evidence(x))


def test_analytic_and_sampled_kl_agree(x):
    model, n = LinearGaussian(), 20_000
    analytic, sampled = elbo(model, x, n), elbo(model, x, n, analytic_kl=False)
    torch.testing.assert_close(analytic, sampled, rtol=0, atol=0.1)
    assert (analytic < model.log_evidence(x)).all()


def test_iwae_rises_with_k_towards_the_evidence(x):
    model = LinearGaussian()
    low, high = iwae(model, x.repeat(500, 1), 1).mean(), iwae(model, x.repeat(500, 1), 50).mean()
    exact = model.log_evidence(x).mean()
    assert low < high < exact + 0.05
    assert exact - high < 0.2 * (exact - low)


def test_annealing_weights_what_it_says(x):
    model = LinearGaussian()
    q, z = model.encode(x), again(lambda: model.encode(x).rsample((1,)))
    log_px = model.decode(z[0]).log_prob(x)
    log_pz, log_qz = model.prior().log_prob(z[0]), q.log_prob(z[0])
    torch.testing.assert_close(again(elbo, model, x, kl_weight=0.0), log_px)
    torch.testing.assert_close(again(elbo, model, x, entropy_weight=0.25), log_px + log_pz - 0.25 * log_qz)


def test_without_a_closed_kl_draws_are_used(x):
    model = LinearGaussian()
    model.prior = lambda: MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    torch.testing.assert_close(again(elbo, model, x), again(elbo, model, x, analytic_kl=False))
    assert math.isfinite(elbo(model, x).sum())
