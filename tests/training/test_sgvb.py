"""SGVB estimators A and B where their variances are known: probabilistic PCA, and decoders that ignore z."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from gapkit.core.errors import InputError
from gapkit.models.reference import build
from gapkit.training import compare_sgvb, elbo, sgvb_draws
from tests.yardsticks import LinearGaussian, ppca

POINTS = 6


class FromThePrior(LinearGaussian):
    """Probabilistic PCA whose encoder returns the prior, whatever x is."""

    def encode(self, x):
        zero = self.weight.new_zeros(len(x), self.z_dim)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)


class Deaf(LinearGaussian):
    """A decoder that ignores z, and an encoder that does not know it."""

    def decode(self, z):
        mean = z.new_zeros(len(z), self.x_dim)
        return Independent(Normal(mean, torch.ones_like(mean)), 1)


def variance_of_a(model, x):
    """Of one draw, by the quadratic form that log p(x, z) - log q(z) is in the noise of q = N(m, diag s^2)."""
    q = model.encode(x)
    scale = q.base_dist.scale[0]
    pulled = scale[:, None] * model.precision * scale - torch.eye(model.z_dim, dtype=x.dtype)
    linear = ((model.posterior_mean(x) - q.mean) @ model.precision) * scale
    return linear.square().sum(-1) + 0.5 * pulled.square().sum()


def variance_of_b(model, x):
    """The same of log p(x|z) alone, whose matrix is W'W / s2."""
    q = model.encode(x)
    scale, inner = q.base_dist.scale[0], model.weight.T @ model.weight / model.noise_variance
    pulled = scale[:, None] * inner * scale
    linear = (x @ model.weight / model.noise_variance - q.mean @ inner) * scale
    return linear.square().sum(-1) + 0.5 * pulled.square().sum()


@pytest.fixture(scope="module")
def x():
    return ppca().sample(POINTS, 0)


def test_at_the_exact_posterior_a_has_no_variance_and_b_has(x):
    model = ppca("posterior")
    found = compare_sgvb(model, x, num_repeats=200)
    assert float(found.variance_a.max()) < 1e-20
    torch.testing.assert_close(found.mean_a, model.log_px(x), rtol=0, atol=1e-9)
    assert float(found.variance_b.min()) > 0.5


def test_at_the_prior_both_are_the_same_draw_by_draw(x):
    a, b = sgvb_draws(FromThePrior(ppca().weight), x, 50)
    torch.testing.assert_close(a, b, rtol=1e-13, atol=0)


def test_a_decoder_that_ignores_z_leaves_b_without_variance(x):
    found = compare_sgvb(Deaf(ppca().weight, encoder="scaled", factor=0.5), x, num_repeats=200)
    assert float(found.variance_b.max()) < 1e-20 < float(found.variance_a.min())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("num_samples", [1, 5])
def test_variances_are_those_of_the_formula_and_means_are_equal(x, seed, num_samples):
    model = ppca("scaled", 0.9)
    found = compare_sgvb(model, x, num_samples, 4000, seed=seed)
    exact_elbo = model.log_px(x) - model.approximation_gap() - model.amortization_gap(x)
    for mean, variance, error, exact in (
        (found.mean_a, found.variance_a, found.variance_a_se, variance_of_a(model, x)),
        (found.mean_b, found.variance_b, found.variance_b_se, variance_of_b(model, x)),
    ):
        assert float(((variance - exact / num_samples) / error).abs().max()) < 4
        assert float(((mean - exact_elbo) / (variance / 4000).sqrt()).abs().max()) < 4
    assert float((found.difference / found.difference_se).abs().max()) < 4


def test_they_are_what_training_climbs(x):
    model = ppca("scaled", 0.9)
    a, b = sgvb_draws(model, x, 4000)
    for analytic, draws in ((False, a), (True, b)):
        trained = elbo(model, x, 4000, analytic_kl=analytic)
        assert float(((trained - draws.mean(0)) / (draws.std(0) * math.sqrt(2 / 4000))).abs().max()) < 4


def test_what_cannot_be_compared(x):
    flow = build("mlp_vae", x_shape=(10,), latent=2, hidden=(3,), posterior="flow", likelihood="gaussian:sigma=1")
    with pytest.raises(InputError, match="closed form"):
        sgvb_draws(flow, x.float(), 2)
    with pytest.raises(InputError, match="num_repeats"):
        compare_sgvb(ppca(), x, num_repeats=1)
    with pytest.raises(InputError, match="no draw"):
        sgvb_draws(ppca(), x, 0)
