"""The sandwich on linear-Gaussian models: lower <= exact <= upper."""

import pytest
import torch

from gapkit.estimators import Ais, Bdmc, Bound
from gapkit.target.simulate import simulate
from tests.fast import only
from tests.yardsticks import ppca

POOR = Ais(num_chains=4, num_temperatures=6, schedule="linear")


@pytest.mark.parametrize("seed", only([0, 1, 2], 0))
def test_the_truth_lies_between(seed):
    model = ppca()
    x, z = simulate(model, 400, seed)
    for ais in (POOR, Ais(num_chains=16, num_temperatures=20)):
        sandwich = Bdmc(ais=ais)(model, x, model.prior(), z, seed)
        exact = model.log_px(x)
        below, above = exact - sandwich.lower.value, sandwich.upper.value - exact
        for side in (below, above):
            assert float(side.mean()) > -4 * float(side.std()) / 20
        assert (sandwich.lower.bound, sandwich.upper.bound) == (Bound.LOWER, Bound.UPPER)


def test_a_poor_path_leaves_room_on_both_sides_and_a_good_one_does_not():
    model = ppca()
    x, z = simulate(model, 200, 0)
    exact = model.log_px(x)
    poor = Bdmc(ais=POOR)(model, x, model.prior(), z, 0)
    good = Bdmc(ais=Ais(num_temperatures=100))(model, x, model.encode(x), z, 0)
    assert float((exact - poor.lower.value).mean()) > 0.1
    assert float((poor.upper.value - exact).mean()) > 0.1
    assert float(good.gap.mean()) < 0.05 < float(poor.gap.mean())


def test_posterior_as_start_has_no_gap():
    model = ppca("posterior")
    x, z = simulate(model, 5, 0)
    sandwich = Bdmc(ais=Ais(num_chains=4, num_temperatures=5))(model, x, model.encode(x), z, 0)
    torch.testing.assert_close(sandwich.lower.value, model.log_px(x), atol=1e-9, rtol=0)
    torch.testing.assert_close(sandwich.upper.value, model.log_px(x), atol=1e-9, rtol=0)


def test_one_temperature_is_importance_sampling_both_ways():
    model = ppca()
    x, z = simulate(model, 6, 0)
    q = model.encode(x)
    sandwich = Bdmc(ais=Ais(num_chains=3, num_temperatures=1))(model, x, q, z, 0)
    exact_weight = model.prior().log_prob(z) + model.decode(z).log_prob(x) - q.log_prob(z)
    torch.testing.assert_close(sandwich.upper.value, exact_weight)


def test_simulated_latents_are_posterior_draws():
    model = ppca()
    x, z = simulate(model, 5000, 0)
    residual = (z - model.posterior_mean(x)).T.cov()
    torch.testing.assert_close(residual, model.covariance, atol=0.02, rtol=0)
    again, _ = simulate(model, 5000, 0)
    assert torch.equal(x, again)
