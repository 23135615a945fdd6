"""Annealing with partial refresh, coarse gradients and adaptive temperatures: still exact weights, on exact models.

Forward, a weight's mean is p(x); backward from exact posterior draws, the mean of its inverse is 1/p(x). Both hold for
any number of chains and temperatures, so they are tested with few and with chains that often reject.
"""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators import Ais, Bdmc
from gapkit.estimators.protocol import bound_inputs
from gapkit.kernels import Curve, conditional_ess
from gapkit.kernels.schedules import sigmoid
from gapkit.target import Target, as_proposal
from tests.yardsticks import LinearGaussian, ppca

OPTIONS = {
    "partial refresh": Ais(refresh=0.5),
    "bfloat16": Ais(precision="bfloat16", num_leapfrogs=2),
    "adaptive": Ais(schedule="adaptive"),
    "all": Ais(refresh=0.5, precision="bfloat16", schedule="adaptive", num_leapfrogs=2),
}
EVERY_OPTION = pytest.mark.parametrize("name", OPTIONS)
EVERY_START = pytest.mark.parametrize("start", ["prior", "encoder"])
EVERY_DTYPE = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
BOTH_WAYS = pytest.mark.parametrize("way", ["forward", "backward"])


def noisy(dtype=torch.float64):
    """Data so noisy that weights from the prior, forward and backward, have no heavy tail; and a poor encoder."""
    return LinearGaussian(ppca().weight, 15.0, "scaled", 0.2, dtype)


def rough(name, **changes):
    """Few temperatures, and steps so long that about half of all moves are rejected."""
    return replace(OPTIONS[name], acceptance=0.5, conditional_ess=0.95, num_temperatures=10, **changes)


def start_of(model, x, start):
    return model.prior() if start == "prior" else model.encode(x)


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
@EVERY_DTYPE
@EVERY_START
@EVERY_OPTION
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
@EVERY_OPTION
def test_rough_estimates_of_many_datapoints_are_unbiased(name, start):
    """With 8 chains, no more than the pilot's, an estimate is rough; its exponential is right on average."""
    model, ais = noisy(), rough(name, num_chains=8)
    values = []
    for seed in range(2):
        x = model.sample(300, seed)
        estimate = ais(model, x, start_of(model, x, start), seed)
        values.append((estimate.value - exact(model, x)).exp())
    assert_mean_is_one(torch.cat(values), 0.025)


@pytest.mark.parametrize("seed", [0, 1])
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
@EVERY_OPTION
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


# Adaptive temperatures


def adaptive(target=0.95, **changes):
    return Ais(schedule="adaptive", conditional_ess=target, **{"num_temperatures": 2000, **changes})


def schedules(ais, model, x, q, seed=0):
    """The inverse temperatures of each datapoint, (T + 1,)."""
    with bound_inputs(model, x, q, seed) as (bound, proposal, key):
        plans = ais.plans(bound, proposal, key)
    found = {row: plan.run.betas[:, place] for plan in plans for place, row in enumerate(plan.rows.tolist())}
    assert sum(len(plan.rows) for plan in plans) == len(x)
    return [found[row] for row in range(len(x))]


@EVERY_START
@pytest.mark.parametrize("at_most", [1, 2, 7, 2000])
def test_temperatures_rise_from_zero_to_one(start, at_most):
    model = ppca("scaled", 0.5)
    x = model.sample(12, 0) * torch.linspace(0.0, 4.0, 12, dtype=torch.float64).unsqueeze(1)
    ais = adaptive(num_temperatures=at_most)
    lengths = set()
    for betas in schedules(ais, model, x, start_of(model, x, start)):
        assert (float(betas[0]), float(betas[-1])) == (0.0, 1.0)
        assert bool((betas.diff() > 0).all())
        assert len(betas) - 1 <= at_most
        lengths.add(len(betas))
    assert len(lengths) > 1 or at_most < 2000
    counts = ais(model, x, start_of(model, x, start)).diagnostics["temperatures"]
    assert {int(count) + 1 for count in counts} == lengths


def test_hard_datapoints_get_more_temperatures():
    model = ppca()
    factor = torch.tensor([0.2, 8.0], dtype=torch.float64).repeat_interleave(10).unsqueeze(1)
    counts = [len(betas) - 1 for betas in schedules(adaptive(), model, factor * model.sample(20, 0), model.prior())]
    assert min(counts[10:]) > max(counts[:10])


def test_a_better_start_and_a_lower_aim_need_fewer_temperatures():
    model = ppca("scaled", 0.9)
    x = model.sample(10, 0)
    total = {}
    for aim in (0.8, 0.95, 0.99, 0.999):
        for start in ("prior", "encoder"):
            total[start, aim] = sum(
                len(betas) - 1 for betas in schedules(adaptive(aim), model, x, start_of(model, x, start))
            )
        assert total["encoder", aim] < 0.7 * total["prior", aim]
    for start in ("prior", "encoder"):
        counts = [total[start, aim] for aim in (0.8, 0.95, 0.99, 0.999)]
        assert counts == sorted(set(counts))
        # A step's length goes with the root of 1/CESS - 1: 0.999 takes 3.2 times as many as 0.99.
        assert 2.5 < total[start, 0.999] / total[start, 0.99] < 4.0


def test_the_posterior_as_start_gets_one_temperature():
    model = ppca("posterior")
    x = model.sample(5, 0)
    estimate = adaptive(0.999)(model, x, model.encode(x))
    assert estimate.diagnostics["temperatures"].tolist() == [1] * 5
    torch.testing.assert_close(estimate.value, model.log_px(x), atol=1e-9, rtol=0)


def test_temperatures_lie_at_equal_lengths_of_the_curve():
    """Strides of one datapoint end in a part of one, those of the other do not, and a third needs none at all."""
    betas = torch.tensor([[0.0, 0.4, 0.8, 1.0], [0.0, 0.1, 0.5, 1.0], [0.0, 1.0, 1.0, 1.0]], dtype=torch.float64).T
    curve = Curve(torch.tensor([2.5, 3.0, 1e-6], dtype=torch.float64), betas, betas - 1.0)
    found, steps = curve.schedule(6)
    torch.testing.assert_close(found[:, 1], torch.tensor([0.0, 0.05, 0.1, 0.3, 0.5, 0.75, 1.0], dtype=torch.float64))
    torch.testing.assert_close(found[:, 2], torch.linspace(0.0, 1.0, 7, dtype=torch.float64))
    torch.testing.assert_close(curve.schedule(10)[0][:, 0], torch.linspace(0.0, 1.0, 11, dtype=torch.float64))
    torch.testing.assert_close(steps, (found[1:-1] - 1.0).exp())
    # A stride has a conditional effective sample size of 0.8, a variance of 1/4; 0.94 is a variance of 1/16.
    assert curve.temperatures_for(16.0 / 17.0, 100).tolist() == [5, 6, 1]
    assert curve.temperatures_for(16.0 / 17.0, 5).tolist() == [5, 5, 1]


def step_variances(model, x, betas):
    """1/CESS - 1 of every step of a path from the prior, by exact draws of its intermediate Gaussians: (T,)."""
    generator = torch.Generator().manual_seed(0)
    lifted = model.weight.T @ model.weight / model.noise_variance
    variances = []
    for low, high in itertools.pairwise(betas):
        covariance = torch.linalg.inv(torch.eye(3, dtype=torch.float64) + low * lifted)
        mean = covariance @ model.weight.T @ x * low / model.noise_variance
        noise = torch.randn(4000, 3, generator=generator, dtype=torch.float64)
        z = mean + noise @ torch.linalg.cholesky(covariance).T
        variances.append(1.0 / conditional_ess(model.decode(z).log_prob(x).unsqueeze(1), (high - low).reshape(1)) - 1.0)
    return torch.cat(variances)


@pytest.mark.parametrize("aim", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(("pilot_chains", "mean", "longest"), [(4, 2.0, 20.0), (64, 1.1, 4.0)])
def test_steps_are_about_as_long_as_asked(aim, pilot_chains, mean, longest):
    """Numbers of temperatures are rounded up, so steps are rather shorter; more pilot chains make them more even."""
    model = ppca()
    x = model.sample(5, 0) * torch.tensor([0.0, 0.5, 1.0, 1.0, 3.0], dtype=torch.float64).unsqueeze(1)
    found = schedules(adaptive(aim, pilot_chains=pilot_chains), model, x, model.prior())
    for datapoint, betas in zip(x, found, strict=True):
        variances = step_variances(model, datapoint, betas)
        relative = variances / (1.0 / aim - 1.0)
        assert 0.25 < float(relative.mean()) < mean
        assert float(relative.max()) < longest
        # Equal lengths make the sum over a path as small as it can be.
        assert float(variances.sum()) < 0.9 * float(step_variances(model, datapoint, sigmoid(len(betas) - 1)).sum())


def test_a_datapoint_too_far_for_the_pilot_still_arrives():
    """More strides than the pilot makes: the rest of the way is one step, and nothing is undefined."""
    model = ppca()
    x = model.sample(3, 0)
    x[1] *= 3000.0
    betas = schedules(adaptive(num_temperatures=200), model, x, model.prior())[1]
    assert bool((betas.diff() > 0).all())
    estimate = adaptive(num_temperatures=200)(model, x, model.prior())
    assert bool(estimate.value.isfinite().all())
    assert float(estimate.value[1]) < float(model.log_px(x)[1])


@EVERY_START
@EVERY_OPTION
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
