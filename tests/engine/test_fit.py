"""q* of one's own data without internals: the numbers of an analysis, and those that are known exactly."""

import numpy as np
import pytest
import torch

import gapkit
from gapkit import InputError
from gapkit.engine import spec_for
from tests.engine.cheap import make_quick_quicker, short
from tests.yardsticks import ppca

COLUMNS = ("elbo", "elbo_star", "optimality_gap", "amortization_gap")


def test_the_optimum_is_that_of_the_closed_form():
    model = ppca("scaled", 0.8)
    x = model.sample(12, 0)
    found = gapkit.fit(model, x, effort="quick", seed=1)
    exact = model.log_px(x) - model.approximation_gap()
    assert bool(((found.elbo - exact).abs() < 4 * found.std_error + 0.02).all())
    assert bool(((found.gap - model.amortization_gap(x)).abs() < 4 * found.gap_std_error + 0.02).all())
    torch.testing.assert_close(found.q.loc, model.posterior_mean(x), atol=0.1, rtol=0)
    assert found.family == "mean_field"
    assert set(found.status) == {"converged"}


@pytest.mark.parametrize("family", [None, "full_rank", "flow"])
def test_the_numbers_are_those_of_an_analysis(family):
    """Bit for bit, also over several units of which the last is padded."""
    model = ppca("scaled", 0.8)
    x, other_x = model.sample(10, 0), model.sample(30, 1)
    spec = short(seed=3, unit_size=4, families=(family,) if family else (), details=0)
    frame = gapkit.analyze(model, x, spec, other_x=other_x).to_frame()
    table = gapkit.fit(model, x, spec=spec, other_x=other_x).table
    assert (frame["route_mass"].fillna(0) == 0).all()  # nothing was measured anew with more starts
    for name in COLUMNS:
        np.testing.assert_array_equal(table[name], frame[name])
        np.testing.assert_array_equal(table[f"{name}_se"], frame[f"{name}_se"])
    for name in ("index", "fit", "fit_steps", "start"):
        assert table[name].tolist() == frame[name].tolist()
    with pytest.MonkeyPatch.context() as patch:
        make_quick_quicker(patch)
        same = gapkit.fit(model, x, family, effort="quick", seed=3, other_x=other_x)
    assert len(same.table) == 10


def test_the_posteriors_can_be_used():
    model = ppca("scaled", 0.8)
    x = model.sample(5, 0)
    found = gapkit.fit(model, x, "full_rank", effort="quick")
    z, log_q = found.draw(200, seed=4)
    assert z.shape == (200, 5, model.z_dim)
    torch.testing.assert_close(found.log_prob(z), log_q)
    torch.testing.assert_close(found.draw(200, seed=4)[0], z)
    again = gapkit.Elbo(antithetic=True)(model, x, found.q, seed=9)
    assert bool(((again.value - found.elbo).abs() < 4 * (again.std_error + found.std_error) + 1e-9).all())
    assert "full_rank" in repr(found)
    assert "nats" in repr(found)


def test_a_posterior_without_a_density_says_so():
    model = ppca("scaled", 0.8)
    found = gapkit.fit(model, model.sample(2, 0), spec=short(families=("auxiliary",)))
    assert found.draw(3)[0].shape == (3, 2, model.z_dim)
    with pytest.raises(InputError, match="log q"):
        found.log_prob(torch.zeros(1, 2, model.z_dim))


def test_what_cannot_be_fitted_is_refused():
    model = ppca()
    x = model.sample(3, 0)
    with pytest.raises(InputError, match="no such family"):
        gapkit.fit(model, x, "nothing")
    with pytest.raises(InputError, match="spec="):
        gapkit.fit(model, x, spec=spec_for("quick"), seed=1)
    with pytest.raises(InputError):
        gapkit.fit(model, x[:, :2], effort="quick")
