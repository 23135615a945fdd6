"""The adaptive schedule of AIS: each datapoint gets the temperatures that it needs."""

import itertools

import pytest
import torch

from gapkit.estimators import Ais
from gapkit.estimators.protocol import bound_inputs
from gapkit.kernels import Curve, conditional_ess
from gapkit.kernels.schedules import sigmoid
from tests.estimators.starts import EVERY_START, start_of
from tests.fast import only
from tests.yardsticks import ppca


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
@pytest.mark.parametrize("at_most", only([1, 2, 7, 2000], 1, 7))
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


@pytest.mark.parametrize("aim", only([0.8, 0.95, 0.99], 0.95))
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
