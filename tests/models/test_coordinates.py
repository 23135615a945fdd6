"""Latents with a bounded support: densities, estimators and gaps against closed forms, in the encoder's own family."""

import pytest
import torch
from scipy import optimize
from torch.distributions import (
    AffineTransform,
    Bernoulli,
    Beta,
    Chi2,
    Exponential,
    Gamma,
    Independent,
    LogNormal,
    Normal,
    Poisson,
    TanhTransform,
    TransformedDistribution,
    Uniform,
    Weibull,
    kl_divergence,
)
from torch.distributions.transforms import ExpTransform, IndependentTransform

import gapkit
from gapkit.models.coordinates import RealCoordinates, in_real_coordinates
from gapkit.models.pulled import LogRatios
from tests.models.constrained import FAMILIES, MODELS, GammaPoisson
from tests.yardsticks import ppca


def _rms(error, std_error):
    return float(((error / std_error.clip(lower=1e-3)) ** 2).mean() ** 0.5)


@pytest.mark.parametrize("name", MODELS)
def test_bounds_do_not_depend_on_the_coordinates(name):
    model = MODELS[name](1.2)
    x = model.sample(5, 0)
    real = in_real_coordinates(model, x)
    assert isinstance(real, RealCoordinates)
    y = real.encode(x).sample()
    z = real.to_latents(y)
    joint = real.prior().log_prob(y) + real.decode(y).log_prob(x) - real.encode(x).log_prob(y)
    by_hand = model.prior().log_prob(z) + model.decode(z).log_prob(x) - model.encode(x).log_prob(z)
    torch.testing.assert_close(joint, by_hand)
    assert in_real_coordinates(real, x) is real


@pytest.mark.parametrize("name", MODELS)
def test_estimators_take_the_users_own_q(name):
    model = MODELS[name](1.0)  # q is the posterior
    x = model.sample(5, 0)
    q = model.encode(x)
    found = gapkit.Iwae(num_samples=10)(model, x, q)
    torch.testing.assert_close(found.value, model.log_px(x))
    assert float(found.std_error.max()) < 1e-6
    assert float(gapkit.Elbo()(model, x, model.prior()).value.max()) < float(found.value.max())


@pytest.mark.slow
@pytest.mark.parametrize("name", list(MODELS))
def test_gaps_are_exact_in_the_encoders_own_family(name):
    model = MODELS[name](1.3)
    x = model.sample(25, 1)
    result = gapkit.analyze(model, x, effort="quick")
    table = result.to_frame()
    assert result.run["families"]["split"] == FAMILIES.get(name, name)
    exact = {
        "log_px": model.log_px(x),
        "elbo": model.log_px(x) - model.amortization_gap(x),
        "elbo_star": model.log_px(x),
        "amortization_gap": model.amortization_gap(x),
    }
    for column, values in exact.items():
        assert _rms(table[column] - values.numpy(), table[f"{column}_se"]) < 2.0, column
    assert table["approximation_gap"].abs().max() < 0.1
    assert (table["status"] == "ok").mean() > 0.9
    noted = [finding for finding in result.run["preflight"]["findings"] if finding["check"] == "coordinates"]
    assert len(noted) == 1
    assert "Fix the encoder" in result.verdict()[0]


class WeibullEncoder(GammaPoisson):
    """Its posterior is gamma; the best Weibull is found from the closed form of the KL divergence."""

    def off(self, q):
        return Weibull(self.factor * q.mean, (q.mean / q.stddev).clamp(min=0.5))

    def best(self, x):
        p = self.posterior(x)
        lost = torch.zeros(len(x), dtype=torch.float64)
        for row in range(len(x)):
            for i in range(2):
                target = Gamma(p.concentration[row, i], p.rate[row, i])

                def kl(logs, target=target):
                    scale, shape = torch.as_tensor(logs, dtype=torch.float64).exp()
                    return float(_kl(Weibull(scale, shape), target))

                start = [float(target.mean.log()), 0.5]
                lost[row] += optimize.minimize(kl, start, method="Nelder-Mead", options={"xatol": 1e-6}).fun
        return lost


def _kl(q, p):
    """Of a Weibull from a gamma distribution (Bauckhage 2014, "Computing the Kullback-Leibler divergence ...")."""
    moments = q.scale.log() - 0.5772156649015329 / q.concentration
    entropy = 0.5772156649015329 * (1 - 1 / q.concentration) + (q.scale / q.concentration).log() + 1
    log_p = p.concentration * p.rate.log() - torch.lgamma(p.concentration) + (p.concentration - 1) * moments
    return -entropy - log_p + p.rate * q.mean


@pytest.mark.slow
def test_a_weibull_posterior_is_fitted_in_its_family():
    model = WeibullEncoder()
    x = model.sample(12, 2)
    table = gapkit.analyze(model, x, effort="quick").to_frame()
    best = model.best(x).numpy()
    assert _rms(table["approximation_gap"] - best, table["approximation_gap_se"]) < 2.0
    exact = model.log_px(x).numpy() - _kl(model.off(model.posterior(x)), model.posterior(x)).sum(-1).numpy()
    assert _rms(table["elbo"] - exact, table["elbo_se"]) < 2.0


def test_what_is_real_stays_as_it_is():
    model = ppca()
    assert in_real_coordinates(model, model.sample(1, 0)) is model


def test_log_ratios_are_a_bijection():
    y = torch.randn(4, 3, 2, dtype=torch.float64)
    step = LogRatios()
    z = step(y)
    torch.testing.assert_close(step.inv(z), y)
    torch.testing.assert_close(z.sum(-1), torch.ones(4, 3, dtype=torch.float64))
    jacobian = torch.autograd.functional.jacobian(lambda part: step(part)[:2], y[0, 0])
    torch.testing.assert_close(step.log_abs_det_jacobian(y[0, 0], z[0, 0]), torch.linalg.slogdet(jacobian)[1])


@pytest.mark.slow
def test_further_encoders_are_seen_in_the_same_coordinates():
    model, better = MODELS["gamma"](1.5), MODELS["gamma"](1.05)
    x = model.sample(10, 0)
    table = gapkit.analyze(model, x, effort="quick", encoders={"better": better}).to_frame()
    gained = model.amortization_gap(x) - better.amortization_gap(x)
    assert _rms(table["gain_better"] - gained.numpy(), table["gain_better_se"]) < 2.0


@pytest.mark.slow
def test_the_certificate_simulates_from_such_a_model():
    found = gapkit.certify(MODELS["gamma"](1.2), num_datapoints=20, effort="quick")
    assert abs(found.summary.loc["gap", "mean"]) < 0.1
    q = Independent(Gamma(torch.ones(1), 1.0), 1)
    assert kl_divergence(q, q) == 0


def test_mass_that_the_coordinates_would_miss_keeps_the_model_as_it_is():
    """A real prior under a posterior on (-2, 2): log p(x) has parts beyond."""
    model = ppca(dtype=torch.float32)
    model.encode = lambda x: TransformedDistribution(
        Independent(Normal(torch.zeros(len(x), 3), 0.5), 1), [TanhTransform(), AffineTransform(0.0, 2.0)]
    )
    x = model.sample(2, 0)
    assert in_real_coordinates(model, x) is model
    model.prior = lambda: Independent(Uniform(-2 * torch.ones(3), 2.0), 1)
    assert isinstance(in_real_coordinates(model, x), RealCoordinates)
    model.prior = lambda: Independent(Uniform(-torch.ones(3), 1.0), 1)  # q has mass where it has none
    assert in_real_coordinates(model, x) is model


@pytest.mark.slow
def test_a_joint_density_of_positive_latents():
    exact = MODELS["gamma"](1.3)
    prior = Independent(LogNormal(torch.zeros(2, dtype=torch.float64), 1.0), 1)  # any on the same set
    model = gapkit.from_joint(
        lambda x, z: exact.prior().log_prob(z) + exact.decode(z).log_prob(x), exact.encode, prior=prior
    )
    x = exact.sample(10, 0)
    table = gapkit.analyze(model, x, effort="quick").to_frame()
    assert _rms(table["log_px"] - exact.log_px(x).numpy(), table["log_px_se"]) < 2.0
    assert _rms(table["amortization_gap"] - exact.amortization_gap(x).numpy(), table["amortization_gap_se"]) < 2.0


class Flips:
    """Five flips of each of two coins with Beta(a, a), in single precision: for small a most of z has no digits."""

    def __init__(self, a):
        self.a = a

    def encode(self, x):
        ones = x.reshape(-1, 2, 5).sum(-1)
        return Independent(Beta(self.a + ones, self.a + 5 - ones), 1)

    def decode(self, z):
        return Independent(Bernoulli(z.repeat_interleave(5, -1)), 1)

    def prior(self):
        return Independent(Beta(torch.full((2,), self.a), self.a), 1)

    def log_px(self, x):
        ones, a = x.reshape(-1, 2, 5).sum(-1), torch.tensor(self.a)
        both = torch.lgamma(a + ones) + torch.lgamma(a + 5 - ones) - torch.lgamma(2 * a + 5)
        return (both - 2 * torch.lgamma(a) + torch.lgamma(2 * a)).sum(-1)


@pytest.mark.slow
@pytest.mark.parametrize("a", [0.05, 1.0, 300.0])
def test_densities_near_the_bounds_are_those_of_the_coordinates(a):
    model = Flips(a)
    x = torch.bernoulli(torch.full((10, 10), 0.5), generator=torch.Generator().manual_seed(0))
    x[:2], x[2] = 1.0, 0.0
    table = gapkit.analyze(model, x, effort="quick").to_frame()
    exact = model.log_px(x).numpy()
    assert _rms(table["log_px"] - exact, table["log_px_se"]) < 2.0
    assert _rms(table["elbo"] - exact, table["elbo_se"]) < 2.0  # q is the posterior


def test_latents_of_several_axes():
    prior = Gamma(torch.tensor([[2.0, 1.0], [3.0, 1.5]], dtype=torch.float64), 1.0)

    class Square:
        def encode(self, x):
            return Independent(Gamma(prior.concentration + x.reshape(-1, 2, 2), 2.0), 2)

        def decode(self, z):
            return Independent(Poisson(z.flatten(1)), 1)

        def prior(self):
            return Independent(prior, 2)

    model = Square()
    x = model.decode(model.prior().sample((6,))).sample()
    z = model.encode(x).sample()
    exact = model.prior().log_prob(z) + model.decode(z).log_prob(x) - model.encode(x).log_prob(z)
    found = gapkit.Elbo()(model, x, model.encode(x))  # q is the posterior
    torch.testing.assert_close(found.value, exact)
    real = in_real_coordinates(model, x)
    assert real.prior().event_shape == real.encode(x).event_shape == (4,)
    assert real.prior().sample((3,)).shape == (3, 4)


@pytest.mark.parametrize(
    "q",
    [
        lambda x: Independent(Exponential(1.0 + x.exp()), 1),
        lambda x: TransformedDistribution(Independent(Normal(x, 0.5), 1), [IndependentTransform(ExpTransform(), 1)]),
        lambda x: Independent(Chi2(1.0 + x.exp()), 1),
    ],
    ids=["exponential", "within_another", "chi2"],
)
def test_other_ways_to_write_such_posteriors(q):
    prior = Independent(Gamma(torch.full((2,), 2.0, dtype=torch.float64), 1.0), 1)

    class Model:
        encode = staticmethod(q)
        decode = staticmethod(lambda z: Independent(Poisson(z), 1))
        prior = staticmethod(lambda: prior)

    x = torch.ones(3, 2, dtype=torch.float64)
    z = q(x).sample()
    real = in_real_coordinates(Model(), x)
    y = real.to_latents.inv(z)
    by_hand = prior.log_prob(z) + Poisson(z).log_prob(x).sum(-1) - q(x).log_prob(z)
    found = real.prior().log_prob(y) + real.decode(y).log_prob(x) - real.encode(x).log_prob(y)
    torch.testing.assert_close(found, by_hand)
    assert gapkit.Elbo()(Model(), x, q(x)).value.isfinite().all()
