"""Details of models of every kind: what cannot be made is left out, and the analysis goes on."""

import pandas as pd
import pytest
import torch
from torch.distributions import (
    Bernoulli,
    Categorical,
    Distribution,
    Independent,
    MultivariateNormal,
    Transform,
    TransformedDistribution,
    Uniform,
    constraints,
)

import gapkit
from gapkit.core.errors import GapkitWarning
from gapkit.results.records import Skipped
from tests.engine.cheap import short, spec
from tests.engine.odd_models import Shaped, bits
from tests.yardsticks import ppca


def test_a_full_rank_encoder_has_no_mutual_information():
    model = ppca("posterior")
    x = model.sample(9, 0)
    values = gapkit.analyze(model, x, spec()).summary_values.splits["test"].latents
    q = MultivariateNormal(model.posterior_mean(x), model.covariance)
    prior = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    exact = torch.distributions.kl_divergence(q, prior)
    assert values.kl.mean == pytest.approx(float(exact.mean()))
    assert "factorised" in values.missing["mutual_information"]


def test_levels_have_a_mean_too():
    def levels(out):
        return Independent(Categorical(logits=out.reshape(-1, 3, 2)), 1)

    model = Shaped(levels)
    result = gapkit.analyze(model, bits(3, size=3), short())
    assert ((result.details["worst_under_q"] > 0) & (result.details["worst_under_q"] < 1)).all()
    assert "skipped" not in result.run["details"]


class NoMean(Distribution):
    """A likelihood that can be evaluated, and nothing else."""

    arg_constraints = {}  # noqa: RUF012 (torch's own pattern)

    def __init__(self, inner):
        self.inner = inner
        super().__init__(inner.batch_shape, inner.event_shape, validate_args=False)

    @property
    def support(self):
        return self.inner.support

    def log_prob(self, value):
        return self.inner.log_prob(value)

    @property
    def mean(self):
        if FITTED[0]:
            raise RuntimeError("this likelihood\nhas no mean")
        return self.inner.mean

    @property
    def variance(self):
        return self.inner.variance


FITTED = [False]


def test_a_model_that_cannot_be_decoded_for_pictures_is_analysed_all_the_same():
    def plain(out):
        return Independent(Bernoulli(logits=out), 1)

    def odd(out):
        return NoMean(plain(out))

    whole = gapkit.analyze(Shaped(odd), bits(), spec())

    def stop(step):
        FITTED[0] = step.stage == "route"  # the fits use the mean for their curvature

    try:
        result = gapkit.analyze(Shaped(odd), bits(), spec(unit_size=9), progress=stop)
    finally:
        FITTED[0] = False
    pictures = ("gallery", "typical", "prior")
    assert result.run["details"]["skipped"] == dict.fromkeys(pictures, "RuntimeError: this likelihood")
    assert "worst_x" not in result.details
    assert "contours_index" in result.details  # the other part stands
    pd.testing.assert_frame_equal(result.to_frame(), whole.to_frame(), rtol=1e-3, atol=1e-2)


class Slanted(Transform):
    """z = sinh(asinh(y) + tilt): a skewness for each datapoint."""

    domain = codomain = constraints.real_vector
    bijective = True

    def __init__(self, tilt):
        super().__init__()
        self.tilt = tilt

    def _call(self, y):
        return (y.asinh() + self.tilt).sinh()

    def _inverse(self, z):
        return (z.asinh() - self.tilt).sinh()

    def log_abs_det_jacobian(self, y, z):
        return (0.5 * ((1 + z.square()) / (1 + y.square())).log()).sum(-1)


def test_an_encoder_that_belongs_to_its_batch():
    class Moved(Shaped):
        def encode(self, x):
            return TransformedDistribution(super().encode(x), [Slanted(0.1 * x[:, :2])])

    model = Moved(lambda out: Independent(Bernoulli(logits=out), 1))
    result = gapkit.analyze(model, bits(), spec(families=("mean_field",)))
    assert "skipped" not in result.run["details"]
    assert result.details["worst_under_q"].shape == (8, 6)
    assert result.details["contours_columns"].tolist()[:3] == ["true posterior", "q", "q* mean field"]
    assert result.summary_values.splits["test"].latents == Skipped("q(z|x) is not Gaussian")


def test_a_single_latent_has_pictures_and_no_map():
    result = gapkit.analyze(Shaped(lambda out: Independent(Bernoulli(logits=out), 1), latent=1), bits(), spec())
    assert "two latent dimensions" in result.run["details"]["skipped"]["contours"]
    assert result.details["worst_posterior_sample"].shape == (8, 6)


def test_another_prior_has_no_closed_form():
    class Bounded(Shaped):
        def prior(self):
            return Independent(Uniform(-4 * torch.ones(2), 4 * torch.ones(2)), 1)

    result = gapkit.analyze(Bounded(lambda out: Independent(Bernoulli(logits=out), 1)), bits(3), short())
    values = result.summary_values.splits["test"].latents
    assert values.kl is None
    assert "not standard normal" in values.missing["kl"]
    assert values.mutual_information.mean >= 0


def test_where_nothing_is_finite_there_is_nothing_to_look_at():
    model = Shaped(lambda out: Independent(Bernoulli(logits=out * torch.nan), 1))
    with pytest.warns(GapkitWarning, match="none for 4 of 4"):
        result = gapkit.analyze(model, bits(4), short(), allow=["finite"])
    assert result.details == {}
    assert result.run["details"]["skipped"] == {"all": "no datapoint has a finite gap"}
    assert result.summary_values.splits["test"].iwae_curve.datapoints == 0
