"""Refits and comparisons of encoders under a condition, against exact values."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from gapkit import InputError
from gapkit.training import RefitConfig, refit
from gapkit.training.compare_encoders import compare_encoders
from tests.engine.conditional import ConditionalLinearGaussian
from tests.fast import only


class Affine(nn.Module):
    """The exact conditional model with an encoder that is affine in x and c, which its best mean-field q is too."""

    def __init__(self, in_prior=False):
        super().__init__()
        self.truth = ConditionalLinearGaussian(in_prior=in_prior)
        self.decode, self.prior = self.truth.decode, self.truth.prior
        torch.manual_seed(0)
        self.mean, self.log_scale = nn.Linear(6 + 3, 2), nn.Parameter(torch.zeros(2))

    def encode(self, x, c):
        mean = self.mean(torch.cat([x, c], 1))
        return Independent(Normal(mean, self.log_scale.exp().expand_as(mean)), 1)

    def bound(self, x, c):
        """Exactly: L[q] of every x."""
        with torch.no_grad():
            q, (loc, cov) = self.encode(x, c), self.truth.posterior(x, c)
            diagonal = MultivariateNormal(q.mean, q.stddev.square().diag_embed())
            return self.truth.log_evidence(x, c) - kl_divergence(diagonal, MultivariateNormal(loc, cov))

    def best(self, x, c):
        """That of the best factorised Gaussian."""
        precision = torch.linalg.inv(self.truth.posterior(x, c)[1])
        gap = 0.5 * (precision.diagonal(dim1=1, dim2=2).log().sum(1) - torch.logdet(precision))
        return self.truth.log_evidence(x, c) - gap


def points(model, count, seed=1):
    c = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    return model.truth.simulate(c, seed), c


@pytest.mark.parametrize("on", only(["data", "samples", "mixture"], "mixture"))
def test_an_encoder_is_refitted_to_the_exact_optimum(on):
    model = Affine()
    (x, c), (unseen, d) = points(model, 1000), points(model, 500, 2)
    before = model.bound(unseen, d).mean()
    config = RefitConfig(on=on, epochs=30, learning_rate=0.03, num_samples=4)
    result = refit(model, x, config, condition=c)
    best = model.best(unseen, d).mean()
    assert before < best - 5
    assert float(best - result.model.bound(unseen, d).mean()) == pytest.approx(0, abs=0.02)
    assert float(model.bound(unseen, d).mean()) == pytest.approx(float(before))  # the given model is as it was


@pytest.mark.parametrize("on", ["data", "samples"])
def test_the_trained_loss_is_the_measured_bound(on):
    """With a learning rate of next to nothing; the prior depends on c, and draws follow the conditions given."""
    model = Affine(in_prior=True)
    x, c = points(model, 2000)
    config = RefitConfig(on=on, epochs=1, learning_rate=1e-12, num_samples=16)
    exact = model.bound(x, c)
    error = 6 * float(exact.std()) / len(x) ** 0.5 if on == "samples" else 0.02 * float(exact.std())
    assert refit(model, x, config, condition=c).history[0]["loss"] == pytest.approx(-float(exact.mean()), abs=error)


def test_draws_take_their_conditions_from_any_number_of_rows():
    model = Affine()
    _, c = points(model, 7)
    config = RefitConfig(on="samples", epochs=1, num_draws=50)
    assert math.isfinite(refit(model, None, config, condition=c).history[0]["loss"])


def test_encoders_are_compared_under_their_condition():
    one, other = (ConditionalLinearGaussian(shift=shift, widen=1.3 + shift) for shift in (0.3, 0.1))
    c = torch.randn(150, 3, generator=torch.Generator().manual_seed(1))  # more than a unit
    x = one.simulate(c, 1)
    found = compare_encoders({"one": one, "other": other}, x, condition=c.double().numpy())
    exact = one.bound(x, c) - other.bound(x, c)
    difference = found.differences["one", "other"]
    assert float((((difference.value - exact) / difference.std_error) ** 2).mean()) ** 0.5 < 1.3
    for name, model in (("one", one), ("other", other)):
        z = (found.bounds[name].value - model.bound(x, c)) / found.bounds[name].std_error
        assert float((z**2).mean()) ** 0.5 < 1.3


def test_what_is_refused():
    model = Affine()
    x, c = points(model, 5)
    for condition, words in ((None, "needs a condition"), (c[:3], "for 5 datapoints"), (c.log(), "NaN or infinity")):
        with pytest.raises(InputError, match=words):
            refit(model, x, RefitConfig(epochs=1), condition=condition)
        with pytest.raises(InputError, match=words):
            compare_encoders({"a": model, "b": model}, x, condition=condition)
