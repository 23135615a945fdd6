"""Annealing with partial refresh, coarse gradients and adaptive temperatures: still exact weights, on exact models.

Forward, a weight's mean is p(x); backward from exact posterior draws, the mean of its inverse is 1/p(x). Both hold for
any number of chains and temperatures, so they are tested with few and with chains that often reject.
"""

import math
from dataclasses import replace

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators import Ais, Bdmc
from gapkit.estimators.protocol import bound_inputs
from gapkit.kernels import conditional_ess
from gapkit.target import Target, as_proposal
from tests.estimators.starts import EVERY_START, start_of
from tests.fast import only
from tests.yardsticks import LinearGaussian, ppca

OPTIONS = {
    "partial refresh": Ais(refresh=0.5),
    "bfloat16": Ais(precision="bfloat16", num_leapfrogs=2),
    "adaptive": Ais(schedule="adaptive"),
    "all": Ais(refresh=0.5, precision="bfloat16", schedule="adaptive", num_leapfrogs=2),
}
EVERY_OPTION = pytest.mark.parametrize("name", OPTIONS)
BOTH_WAYS = pytest.mark.parametrize("way", ["forward", "backward"])


def noisy(dtype=torch.float64):
    """Data so noisy that weights from the prior, forward and backward, have no heavy tail; and a poor encoder."""
    return LinearGaussian(ppca().weight, 15.0, "scaled", 0.2, dtype)


def rough(name, **changes):
    """Few temperatures, and steps so long that about half of all moves are rejected."""
    return replace(OPTIONS[name], acceptance=0.5, conditional_ess=0.95, num_temperatures=10, **changes)


def exact(model, x):
    """Log p(x) in float64, whatever the model's own type."""
    return LinearGaussian(model.weight, model.noise_variance).log_px(x.double())


def posterior_draws(model, x, count, seed):
    generator = torch.Generator().manual_seed(1000 + seed)  # not the noise behind x
    noise = torch.randn(count, len(x), model.z_dim, generator=generator, dtype=x.dtype)
    return model.posterior_mean(x) + noise @ torch.linalg.cholesky(model.covariance).T


def ratios(ais, model, x, start, seed, way):
    """w / p(x) of forward chains, or p(x) / w of backward ones: shape (S, B), mean 1."""
    with bound_inputs(model, x, start_of(model, x, start), seed) as (target, proposal, key):
        plans = ais.plans(target, proposal, key)
        if way == "forward":
            return (ais.forward(plans)[0].log_w - exact(model, x)).exp()
        run, _ = ais.backward(plans, posterior_draws(model, x, ais.num_chains, seed))
        return (exact(model, x) - run.log_w).exp()


def assert_mean_is_one(values, largest_error):
    """Within four standard errors, which are small enough to make this worth something."""
    error = float(values.std()) / math.sqrt(values.numel())
    assert error < largest_error
    assert abs(float(values.mean()) - 1.0) < 4 * error


# Weights


@BOTH_WAYS
@pytest.mark.parametrize("dtype", only([torch.float32, torch.float64], torch.float64))
@EVERY_START
@pytest.mark.parametrize("name", only(OPTIONS, "partial refresh", "all"))
def test_weights_are_unbiased(name, start, dtype, way):
    model, ais = noisy(dtype), rough(name, num_chains=200)
    values = [ratios(ais, model, model.sample(20, seed), start, seed, way) for seed in range(3)]
    assert_mean_is_one(torch.cat(values), 0.025)


@pytest.mark.slow
@BOTH_WAYS
@EVERY_START
@EVERY_OPTION
def test_weights_are_unbiased_to_half_a_percent(name, start, way):
    """Sharp enough to see what a momentum costs that is not turned round after a rejection."""
    model, ais = noisy(), rough(name, num_chains=3000)
    values = [ratios(ais, model, model.sample(20, seed), start, seed, way) for seed in range(4)]
    assert_mean_is_one(torch.cat(values), 0.005)


@EVERY_START
@pytest.mark.parametrize("name", only(OPTIONS, "all"))
def test_rough_estimates_of_many_datapoints_are_unbiased(name, start):
    """With 8 chains, no more than the pilot's, an estimate is rough; its exponential is right on average."""
    model, ais = noisy(), rough(name, num_chains=8)
    values = []
    for seed in range(2):
        x = model.sample(300, seed)
        estimate = ais(model, x, start_of(model, x, start), seed)
        values.append((estimate.value - exact(model, x)).exp())
    assert_mean_is_one(torch.cat(values), 0.025)


@pytest.mark.parametrize("seed", only([0, 1], 0))
@EVERY_START
@EVERY_OPTION
def test_many_chains_of_one_datapoint_reach_log_px(name, start, seed):
    model = ppca("scaled", 0.9)
    x = model.sample(1, seed)
    ais = replace(OPTIONS[name], num_chains=4000, num_temperatures=60 if start == "prior" else 12, conditional_ess=0.98)
    estimate = ais(model, x, start_of(model, x, start), seed)
    assert float(estimate.std_error) < 0.2
    assert abs(float(estimate.value - exact(model, x))) < 4 * float(estimate.std_error)


@EVERY_START
@pytest.mark.parametrize("name", only(OPTIONS, "all"))
def test_sandwiches_hold_log_px(name, start):
    """From the one draw that a simulated datapoint comes with, on average over datapoints, with room on both sides."""
    model = ppca("scaled", 0.9)
    x = model.sample(300, 5)
    z = posterior_draws(model, x, 1, 6)[0]
    sandwich = Bdmc(ais=rough(name, num_chains=4))(model, x, start_of(model, x, start), z, 0)
    for room in (exact(model, x) - sandwich.lower.value, sandwich.upper.value - exact(model, x)):
        assert float(room.mean()) > -4 * float(room.std()) / math.sqrt(300)
    assert float(sandwich.gap.mean()) > 0.05
    assert torch.equal(sandwich.lower.diagnostics["temperatures"], sandwich.upper.diagnostics["temperatures"])


@EVERY_START
@pytest.mark.parametrize("name", only(OPTIONS, "adaptive", "all"))
def test_a_datapoint_does_not_depend_on_its_company(name, start):
    model = ppca("scaled", 0.7)
    x = model.sample(6, 0) * torch.linspace(0.1, 3.0, 6, dtype=torch.float64).unsqueeze(1)
    ais = replace(OPTIONS[name], num_chains=16, num_temperatures=60, conditional_ess=0.97)
    target, q, key = (
        Target(model, x),
        as_proposal(start_of(model, x, start), 6, x.dtype, x.device),
        Key(7, tuple(range(6))),
    )
    everyone = ais.on(target, q, key)
    for rows in ([4], [0, 5], [5, 3, 1]):
        chosen = torch.tensor(rows)
        some = ais.on(target.select(chosen), q.select(chosen), key.select(chosen))
        torch.testing.assert_close(some.value, everyone.value[chosen], atol=1e-8, rtol=0)
        assert torch.equal(some.diagnostics["temperatures"], everyone.diagnostics["temperatures"][chosen])


@EVERY_OPTION
def test_no_random_number_is_used_twice(name, monkeypatch):
    """Temperatures and steps fitted to the very noise of the chains that they weight would not be frozen."""
    used, streams = [], Key.streams

    def watched(self, stage, *rest):
        used.extend((index, stage) for index in self.indices)
        return streams(self, stage, *rest)

    monkeypatch.setattr(Key, "streams", watched)
    model = ppca()
    x = model.sample(8, 0)
    Bdmc(ais=rough(name, num_chains=8))(model, x, model.encode(x), posterior_draws(model, x, 1, 0)[0], 0)
    assert len(set(used)) == len(used) == 8 * (1 + 1 + 3 * 2)  # draws twice; momenta and uniforms of three runs


# Settings


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("conditional_ess", [0.0, 1.0, 1.5, -0.1, math.nan]),
        ("refresh", [0.0, 1.5, -0.5, math.nan]),
        ("num_temperatures", [0, -1]),
        ("num_leapfrogs", [0]),
        ("num_chains", [0]),
        ("schedule", ["cosine"]),
    ],
)
@pytest.mark.parametrize("schedule", ["sigmoid", "adaptive"])
def test_settings_out_of_range_are_refused(schedule, field, values):
    model = ppca()
    x = model.sample(2, 0)
    target = Target(model, x)
    for value in values:
        with pytest.raises(InputError, match=str(value)):
            Ais(**{"schedule": schedule, field: value}).on(target, as_proposal(model.encode(x)), Key(0, (0, 1)))
    assert target.work.equivalents == 0


def test_the_whole_momentum_may_be_refreshed_and_then_nothing_is_kept():
    model = ppca()
    x = model.sample(2, 0)
    whole, almost = (Ais(refresh=share)(model, x, model.encode(x)).value for share in (1.0, 1.0 - 1e-12))
    torch.testing.assert_close(whole, almost, atol=1e-6, rtol=0)
    assert not torch.allclose(whole, Ais(refresh=0.5)(model, x, model.encode(x)).value)


def test_conditional_effective_sample_sizes():
    nan = math.nan  # an undefined chain does not count
    energy = torch.tensor([[0.0, 0.0, 5.0, nan], [0.0, 1e4, 1e4, nan], [0.0, 0.0, nan, nan], [0.0, 0.0, nan, nan]])
    torch.testing.assert_close(conditional_ess(energy, torch.ones(4)), torch.tensor([1.0, 0.25, 0.5, 1.0]))
    torch.testing.assert_close(conditional_ess(energy[:, :2], torch.zeros(2)), torch.ones(2))
    normal = torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.tensor([math.exp(-0.09)], dtype=torch.float64)  # of log-normal weights with variance 0.3^2
    torch.testing.assert_close(conditional_ess(normal, expected * 0 + 0.3), expected, atol=3e-3, rtol=0)
