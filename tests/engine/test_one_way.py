"""Encoders whose posterior is a flow of their own: without an inverse, and without a fit to single datapoints."""

import numpy as np
import pytest
import torch
from torch.distributions import Transform, TransformedDistribution, constraints

import gapkit
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.estimators import Elbo
from gapkit.results.records import Families
from gapkit.target import Target, recognise
from tests.yardsticks import ppca


class Shear(Transform):
    """z = u + a (w'u) with a'w = 0: a planar map of slope one, whose determinant is 1, with its inverse or without."""

    domain = codomain = constraints.real_vector
    bijective = True

    def __init__(self, missing):
        super().__init__()
        self.missing = missing

    def _directions(self, u):
        w = torch.linspace(-1.0, 1.0, u.shape[-1], dtype=u.dtype)
        return w.flip(0).abs() - w.abs().mean(), w  # symmetric and antisymmetric: orthogonal

    def _call(self, x):
        a, w = self._directions(x)
        return x + a * (x @ w).unsqueeze(-1)

    def _inverse(self, y):
        if self.missing is not None:
            raise self.missing
        a, w = self._directions(y)
        return y - a * (y @ w).unsqueeze(-1)

    def log_abs_det_jacobian(self, x, y):
        return torch.zeros(x.shape[:-1], dtype=x.dtype)


class Flowing:
    """The exact linear-Gaussian model; its encoder's best factorised Gaussian is sheared."""

    def __init__(self, missing=None):
        self.exact = ppca()
        self.decode, self.prior, self.missing = self.exact.decode, self.exact.prior, missing

    def encode(self, x):
        return TransformedDistribution(self.exact.encode(x), [Shear(self.missing)])


@pytest.mark.parametrize("missing", [NotImplementedError(), KeyError("not among the intermediates")])
def test_bounds_without_an_inverse_are_those_with_one_to_the_last_bit(missing):
    x = ppca().sample(5, 0)
    found = [
        Elbo(num_samples=50).on(Target(model, x), recognise(model.encode(x)), Key(0, tuple(range(5))))
        for model in (Flowing(), Flowing(missing))
    ]
    assert torch.equal(found[0].value, found[1].value)
    assert not hasattr(recognise(Flowing(missing).encode(x)), "log_prob")
    assert hasattr(recognise(Flowing().encode(x)), "log_prob")


@pytest.mark.slow
@pytest.mark.parametrize("family", [None, "flow", "full_rank"])
def test_an_analysis_needs_no_inverse(family):
    x = ppca().sample(12, 0)
    models = Flowing(), Flowing(NotImplementedError())
    spec = spec_for("quick", families=[family] if family else [])
    with_one, without = (gapkit.analyze(model, x, spec) for model in models)
    for result in (with_one, without):
        frame = result.to_frame()
        error = (frame["log_px"] - models[0].exact.log_px(x).numpy()) / frame["log_px_se"]
        assert np.sqrt((error**2).mean()) < 2
        # The posterior is Gaussian, so that the best flow is the posterior, and no full-rank Gaussian is above it.
        assert abs(frame["approximation_gap"]).max() < 0.05
        assert result.summary_values.families.encoder == "transformed"
    np.testing.assert_array_equal(with_one.to_frame()["elbo"], without.to_frame()["elbo"])


@pytest.mark.slow
def test_coupling_layers_stand_for_a_flow_that_has_no_fit():
    result = gapkit.analyze(Flowing(NotImplementedError()), ppca().sample(10, 0), effort="quick")
    assert result.summary_values.families == Families("transformed", "flow", ("mean_field", "full_rank", "flow"))
    words = "\n".join(result.verdict())
    assert "q* is the best coupling-flow posterior, but the encoder's own is a flow of its own" in words
    assert "of the same posterior family" not in words
    assert "Fix the encoder or its family: with the best flow posterior for each datapoint" in words
