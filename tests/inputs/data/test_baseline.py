"""Simple models of the data against scipy and closed forms, and each a density on the measure it is held against."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from gapkit.inputs.data import baseline
from gapkit.models.distributions import ContinuousBernoulli


def data(kind, count=40, dim=3, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "binary":
        return (rng.random((count, dim)) < [0.1, 0.5, 1.0]).astype(float)
    if kind == "counts":
        return np.stack([rng.poisson(2.0, count), rng.negative_binomial(1.5, 0.2, count), np.zeros(count)], 1)
    return rng.normal([1.0, -2.0, 0.0], [0.5, 2.0, 1.0], (count, dim))


def test_factorised_bernoulli_is_scipys_and_sums_to_one():
    x = data("binary")
    fitted = baseline.FactorisedBernoulli.fit(x)
    np.testing.assert_allclose(fitted.probs, (x.sum(0) + 0.5) / 41)
    np.testing.assert_allclose(fitted.log_prob(x), stats.bernoulli.logpmf(x, fitted.probs).sum(1))
    everything = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    assert np.exp(fitted.log_prob(everything)).sum() == pytest.approx(1.0)


def test_factorised_categorical_counts_and_sums_to_one():
    x = np.random.default_rng(0).integers(0, 4, (30, 2))
    fitted = baseline.FactorisedCategorical.fit(x, 5)
    together = (np.bincount(x.ravel(), minlength=5) + 0.5) / (60 + 2.5)
    expected = (np.bincount(x[:, 1], minlength=5) + 2.5 * together) / 32.5
    np.testing.assert_allclose(np.exp(fitted.log_probs[1]), expected)
    everything = np.array(list(itertools.product(range(5), repeat=2)))
    assert np.exp(fitted.log_prob(everything)).sum() == pytest.approx(1.0)
    assert np.isfinite(fitted.log_prob(np.array([[4, 4]]))).all()  # a value that was never seen


def test_factorised_counts_are_scipys_and_sum_to_one():
    x = data("counts")
    fitted = baseline.FactorisedCounts.fit(x)
    assert np.isinf(fitted.size).tolist() == [x[:, 0].var(ddof=1) <= fitted.mean[0], False, True]
    expected = np.zeros(len(x))
    for place, (mean, size) in enumerate(zip(fitted.mean, fitted.size, strict=True)):
        law = stats.poisson(mean) if np.isinf(size) else stats.nbinom(size, size / (size + mean))
        expected += law.logpmf(x[:, place])
        grid = np.tile(x[:1], (2000, 1))
        grid[:, place] = np.arange(2000)
        rest = fitted.log_prob(x[:1]) - law.logpmf(x[0, place])
        assert np.exp(fitted.log_prob(grid) - rest).sum() == pytest.approx(1.0)
    np.testing.assert_allclose(fitted.log_prob(x), expected)


def test_factorised_gaussian_is_scipys():
    x = data("real")
    fitted = baseline.FactorisedGaussian.fit(x)
    np.testing.assert_allclose(fitted.log_prob(x), stats.norm.logpdf(x, x.mean(0), x.std(0)).sum(1))


def test_a_dimension_that_hardly_varies_has_the_models_own_noise():
    x = np.concatenate([data("real"), np.full((40, 1), 7.0)], 1)
    fitted = baseline.FactorisedGaussian.fit(x, least_scale=0.3)
    np.testing.assert_allclose(fitted.scale, [*x[:, :3].std(0), 0.3])  # the floor touches no other dimension
    assert np.isfinite(baseline.FactorisedGaussian.fit(np.ones((5, 2))).log_prob(np.ones((1, 2)))).all()


@pytest.mark.parametrize("count", [40, 4, 3])
def test_probabilistic_pca_is_the_normal_distribution_of_its_covariance(count):
    x = np.random.default_rng(2).normal(size=(count, 6)) @ np.random.default_rng(3).normal(size=(6, 6))
    fitted = baseline.ProbabilisticPca.fit(x, 2)
    values = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    rank = min(2, count - 2)
    assert fitted.across == pytest.approx(values[rank:].mean())
    np.testing.assert_allclose(fitted.along, values[:rank])
    covariance = fitted.axes * (fitted.along - fitted.across) @ fitted.axes.T + fitted.across * np.eye(6)
    expected = stats.multivariate_normal(x.mean(0), covariance).logpdf(x)
    np.testing.assert_allclose(fitted.log_prob(x), expected)


def test_probabilistic_pca_is_at_the_maximum_of_its_likelihood():
    x = np.random.default_rng(2).normal(size=(50, 5)) @ np.random.default_rng(3).normal(size=(5, 5))
    fitted = baseline.ProbabilisticPca.fit(x, 2)
    weight, best = fitted.axes * np.sqrt(fitted.along - fitted.across), fitted.log_prob(x).sum()

    def level(weight, across):
        return stats.multivariate_normal(fitted.loc, weight @ weight.T + across * np.eye(5)).logpdf(x).sum()

    assert level(weight, fitted.across) == pytest.approx(best)
    rng = np.random.default_rng(4)
    for _ in range(20):
        assert level(weight + 0.05 * rng.normal(size=weight.shape), fitted.across) < best
    for factor in (0.9, 1.1):
        assert level(weight, factor * fitted.across) < best


def test_full_rank_but_one_is_the_normal_distribution_of_the_data():
    x = data("real", dim=3)
    fitted = baseline.ProbabilisticPca.fit(x, 10)
    expected = stats.multivariate_normal(x.mean(0), np.cov(x.T, bias=True)).logpdf(x)
    np.testing.assert_allclose(fitted.log_prob(x), expected)


@pytest.mark.parametrize("mean", [0.003, 0.4, 0.5, 0.97])
def test_continuous_bernoulli_is_a_density_with_the_mean_of_the_data(mean):
    x = np.full((4000, 1), mean)
    fitted = baseline.ContinuousBernoulli.fit(x)
    density = lambda v: float(np.exp(fitted.log_prob(np.array([[v]])))[0])  # noqa: E731
    assert integrate.quad(density, 0, 1, points=[0.01, 0.99])[0] == pytest.approx(1.0, abs=1e-6)
    found = integrate.quad(lambda v: v * density(v), 0, 1, points=[0.01, 0.99])[0]
    assert found == pytest.approx((4000 * mean + 0.5) / 4001, abs=1e-6)
    ours = ContinuousBernoulli(torch.tensor(fitted.logits)).log_prob(torch.tensor([[0.2]], dtype=torch.float64))
    assert float(ours) == pytest.approx(float(fitted.log_prob(np.array([[0.2]]))[0]))


def test_cross_fitting_leaves_each_datapoint_out_of_its_own_fit():
    x = data("real", 7)
    found = baseline.cross_fitted(baseline.FactorisedGaussian.fit, x)
    for place in range(7):
        rest = np.delete(x, place, 0)
        assert found[place] == pytest.approx(baseline.FactorisedGaussian.fit(rest).log_prob(x[place : place + 1])[0])
    seen = []
    baseline.cross_fitted(
        lambda part: seen.append(len(part)) or baseline.FactorisedGaussian.fit(part), data("real", 45)
    )
    assert sorted(seen) == [40] * 5 + [41] * 5


def test_held_out_levels_are_those_of_the_truth():
    """Of data from a normal distribution, a fit to many reaches its entropy, on data that it has not seen."""
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(5000, 2)), rng.normal(size=(5000, 2))
    for fit in (baseline.FactorisedGaussian.fit, lambda x: baseline.ProbabilisticPca.fit(x, 1)):
        level = fit(train).log_prob(test)
        assert level.mean() == pytest.approx(-(math.log(2 * math.pi) + 1.0), abs=4 * level.std() / 5000**0.5)
