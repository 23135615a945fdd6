"""Draws of the aggregate posterior and samples of the model: held to models whose q(z) is known."""

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal

import gapkit
from gapkit.engine.samples import aggregate, prior_pictures
from gapkit.results.aggregate import apart, departures
from gapkit.target import Target
from gapkit.target.simulate import draw_latents, simulate
from tests.engine.cheap import spec
from tests.yardsticks import ppca


def test_latents_are_those_of_simulated_data():
    model = ppca("exact")
    for seed in (0, 5):
        assert torch.equal(draw_latents(model, 7, seed), simulate(model, 7, seed)[1])


@pytest.mark.parametrize("seed", range(5))
def test_the_aggregate_of_exact_posteriors_of_a_models_own_data_is_its_prior(seed):
    model = ppca("exact")
    x, _ = simulate(model, 1000, seed)
    torch.manual_seed(seed)
    z = model.encode(x).sample().numpy()
    found = aggregate([z[:300], z[300:]], Target(model, x[:1]), seed)
    assert found["aggregate_q"].shape == found["aggregate_prior"].shape == (1000, z.shape[1])
    assert not apart(found["aggregate_departure"], 1000).any()


def test_a_dimension_that_is_not_the_priors_comes_first():
    model = ppca("exact")
    x, z = simulate(model, 400)
    z = z.numpy().copy()
    z[:, 1] = 0.5 * z[:, 1] + 1.0
    found = aggregate([z], Target(model, x[:1]), 3)
    assert found["aggregate_dimensions"][0] == 1
    assert apart(found["aggregate_departure"], 400).tolist() == [place == 1 for place in range(z.shape[1])]
    assert np.array_equal(found["aggregate_q"][:, 0], z[:, 1].astype(np.float32))


def test_dimensions_without_a_difference_are_seldom_called_apart():
    rng = np.random.default_rng(0)
    wrong = sum(apart(departures(*rng.normal(size=(2, 200, 4))), 200).any() for _ in range(200))
    assert wrong <= 20  # 5% of them at most; 10 of 200, and three deviations


def test_draws_that_are_not_finite_are_left_out_and_without_any_there_is_nothing():
    like = Target(ppca("exact"), torch.zeros(1, 10, dtype=torch.float64))
    z = np.random.default_rng(0).normal(size=(20, like.dim))
    z[3] = np.nan
    assert len(aggregate([z], like, 0)["aggregate_q"]) == 19
    with pytest.raises(ValueError, match="no finite draws"):
        aggregate([z[3:4]], like, 0)


def test_samples_of_the_prior_are_means_of_its_decoder():
    model = ppca("exact")
    x, _ = simulate(model, 3)
    z = draw_latents(model, 16, 4)
    assert np.allclose(prior_pictures(Target(model, x), 4)["prior_x"], model.decode(z).mean.numpy(), atol=1e-6)


def test_a_run_keeps_them_of_its_first_split():
    model = ppca("scaled", 0.8)
    x = model.sample(20, 0)
    details = gapkit.analyze(model, x, spec()).details
    assert details["aggregate_q"].shape[0] == 20
    assert len(details["typical_x"]) == len(details["typical_under_q"]) == len(details["typical_index"]) > 0
    assert details["prior_x"].shape[1:] == x.shape[1:]


@pytest.mark.slow
def test_data_that_lie_in_an_order_are_drawn_from_as_a_whole():
    model = ppca("exact")
    x, _ = simulate(model, 2400, 7)
    x = x[model.encode(x).mean[:, 0].argsort()]
    details = gapkit.analyze(model, x, spec(unit_size=1200)).details
    assert len(details["aggregate_q"]) == 1000
    assert not apart(details["aggregate_departure"], 1000).any()


def test_a_reference_that_stands_for_a_prior_is_not_called_the_models():
    def log_joint(x, z):
        return Normal(5.0, 1.0).log_prob(z).sum(-1) + Normal(z, 1.0).log_prob(x).sum(-1)

    model = gapkit.from_joint(log_joint, lambda x: Independent(Normal((x + 5.0) / 2.0, 0.5**0.5), 1))
    x = 5.0 + 1.4 * torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
    result = gapkit.analyze(model, x, spec(), allow=["chance"])
    assert "aggregate_q" not in result.details
    assert "not its own" in result.run["details"]["skipped"]["aggregate"]


def test_draws_of_a_prior_that_are_not_finite_are_left_out(monkeypatch):
    model = ppca("exact")
    x, z = simulate(model, 50)
    drawn = draw_latents(model, 50, 3).clone()
    drawn[4] = torch.nan
    monkeypatch.setattr("gapkit.engine.samples.draw_latents", lambda *given: drawn)
    found = aggregate([z.numpy()], Target(model, x[:1]), 3)
    assert len(found["aggregate_q"]) == len(found["aggregate_prior"]) == 49
