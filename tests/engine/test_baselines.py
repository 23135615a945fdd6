"""Simple models beside a real run: for every likelihood the density on its own measure, fitted to the right data."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, LogNormal, MixtureSameFamily, Normal, StudentT

import gapkit
from gapkit.core.datapoints import Datapoints
from gapkit.engine import spec_for
from gapkit.engine.baselines import observation
from gapkit.inputs.data import baseline
from gapkit.models import likelihoods
from gapkit.results.records import DataFacts, Skipped

SIZE, LATENT = 5, 2
QUICK = spec_for("quick")
SPEC = replace(QUICK, details=0, fit=replace(QUICK.fit, num_starts=0))  # posteriors of one mode
TRIVIAL = torch.zeros(())


class Model:
    """A decoder of so many numbers for each value, and a likelihood that reads them."""

    def __init__(self, likelihood, width=1, shared=None):
        torch.manual_seed(0)
        self.weight = 0.3 * torch.randn(LATENT, SIZE * width)
        self.likelihood, self.width, self.shared = likelihood, width, shared

    def encode(self, x):
        loc = torch.zeros(len(x), LATENT)
        return Independent(Normal(loc, torch.ones_like(loc)), 1)

    def decode(self, z):
        out = z @ self.weight
        out = out if self.width == 1 else out.reshape(-1, SIZE, self.width)
        return self.likelihood(out) if self.shared is None else self.likelihood(out, self.shared)

    def prior(self):
        return Independent(Normal(torch.zeros(LATENT), torch.ones(LATENT)), 1)


def student(out):
    return Independent(StudentT(4.0, out, 0.5), 1)


CASES = {
    "bernoulli": (Model(likelihoods.Bernoulli()), True, ["factorised_bernoulli", "coin_flips"]),
    "categorical": (Model(likelihoods.Categorical(4), 4), True, ["factorised_categorical"]),
    "discretized_logistic": (
        Model(likelihoods.DiscretizedLogistic(bins=8, scale="global"), shared=TRIVIAL - 1.0),
        True,
        ["factorised_categorical"],
    ),
    "poisson": (Model(likelihoods.Poisson()), True, ["factorised_counts"]),
    "negative_binomial": (Model(likelihoods.NegativeBinomial(), shared=TRIVIAL), True, ["factorised_counts"]),
    "gaussian": (Model(likelihoods.Gaussian(sigma=0.5)), False, ["factorised_gaussian", "probabilistic_pca"]),
    "student": (Model(student), False, ["factorised_gaussian", "probabilistic_pca"]),
    "continuous_bernoulli": (Model(likelihoods.ContinuousBernoulli()), False, ["factorised_continuous_bernoulli"]),
}


def draws(model, count, seed):
    torch.manual_seed(seed)
    x = model.decode(torch.randn(count, LATENT)).sample()
    return x.float()


@pytest.mark.parametrize("name", CASES)
def test_every_likelihood_has_a_simple_model_on_its_own_measure(name):
    model, discrete, names = CASES[name]
    x, train = draws(model, 40, 1), draws(model, 400, 2)
    result = gapkit.analyze(model, x, SPEC, other_x=train)
    part = result.summary_values.splits["test"]
    assert part.data == DataFacts(SIZE, discrete)
    found = {entry.name: entry for entry in part.baselines.models}
    assert sorted(found) == sorted(names)
    levels = [entry.log_px.mean for entry in part.baselines.models if entry.name != "coin_flips"]
    assert levels == sorted(levels, reverse=True)
    log_px = result.to_frame().log_px
    for entry in found.values():
        assert entry.difference.mean == pytest.approx(log_px.mean() - entry.log_px.mean, abs=1e-6)
        # Data from the model itself: no simple model is clearly better, or it is no density on this measure.
        assert entry.difference.mean > -3 * entry.difference.se_datapoints - 0.1
        assert entry.difference.mean < 10.0  # nor far off, as it would be in other units


def test_the_density_is_that_of_the_module():
    model = CASES["discretized_logistic"][0]
    x, train = draws(model, 40, 1), draws(model, 400, 2)
    part = gapkit.analyze(model, x, SPEC, other_x=train).summary_values.splits["test"]
    fitted = baseline.FactorisedCategorical.fit(np.rint(7 * train.numpy()), 8)
    expected = fitted.log_prob(np.rint(7 * x.numpy())).mean()
    assert part.baselines.models[0].log_px.mean == pytest.approx(expected)


def test_without_other_data_each_datapoint_is_left_out_of_its_own_fit():
    model = CASES["bernoulli"][0]
    x = draws(model, 40, 1)
    part = gapkit.analyze(model, x, SPEC).summary_values.splits["test"].baselines
    assert (part.fitted_on, part.fitted_datapoints) == ("cross", 40)
    expected = baseline.cross_fitted(baseline.FactorisedBernoulli.fit, x.double().numpy()).mean()
    assert part.models[0].log_px.mean == pytest.approx(expected)


def test_a_dimension_that_never_varies_does_not_make_the_simple_model_win():
    """As the border of images under a Gaussian likelihood: a fitted density would have no bound there."""
    model = Model(likelihoods.Gaussian(sigma=0.5))
    model.weight[:, 0] = 0.0
    x = draws(model, 60, 1)
    x[:, 0] = 0.0
    seen = observation(model, Datapoints.of(x))
    np.testing.assert_allclose(seen.scale, 0.5)
    part = gapkit.analyze(model, x, SPEC).summary_values.splits["test"].baselines
    simple = next(entry for entry in part.models if entry.name == "factorised_gaussian")
    assert simple.difference.ci95[1] > 0


def lognormal(out):
    return Independent(LogNormal(out, 0.5), 1)


def mixture(out):
    weights = Categorical(logits=torch.zeros(len(out), SIZE, 2))
    return Independent(MixtureSameFamily(weights, Normal(torch.stack([out, out + 1.0], -1), 0.5)), 1)


@pytest.mark.parametrize("likelihood", [lognormal, mixture])
def test_a_likelihood_without_a_simple_model_says_so(likelihood):
    model = Model(likelihood)
    result = gapkit.analyze(model, draws(model, 12, 1), SPEC)
    part = result.summary_values.splits["test"]
    assert part.data.discrete is False
    assert part.baselines == Skipped("no simple model has this kind of data")
    assert "Beside the model's log p(x)" not in " ".join(result.verdict())


def test_of_many_numbers_the_first_ones_are_fitted_to(monkeypatch):
    model, x = CASES["bernoulli"][0], draws(CASES["bernoulli"][0], 80, 1)
    monkeypatch.setattr("gapkit.engine.baselines._VALUES", 60 * SIZE)
    part = gapkit.analyze(model, x, SPEC).summary_values.splits["test"].baselines
    first = part.models[0]
    assert (part.fitted_datapoints, first.log_px.count, first.difference.left_out) == (60, 60, 20)
    expected = baseline.cross_fitted(baseline.FactorisedBernoulli.fit, x[:60].double().numpy()).mean()
    assert first.log_px.mean == pytest.approx(expected)


def test_one_datapoint_has_nothing_to_be_held_against():
    model = CASES["gaussian"][0]
    part = gapkit.analyze(model, draws(model, 1, 1), SPEC).summary_values.splits["test"]
    assert part.baselines == Skipped("there are no data to fit one to")
