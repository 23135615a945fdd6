"""The kernel's cost, exactness and safety."""

import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators import Ais
from gapkit.kernels import GeometricPath, temperatures, transition
from gapkit.kernels.hmc import refreshed
from gapkit.target import Target, as_proposal, recognise
from gapkit.target.work import Work
from tests.yardsticks import ppca


def path_of(model, x, precision="full"):
    q = as_proposal(model.encode(x))
    return GeometricPath(Target(model, x), q, q.whitening(), precision)


def constant(value, count):
    return torch.full((count,), value, dtype=torch.float64)


@pytest.mark.parametrize("name", ["linear", "sigmoid"])
def test_schedules_rise_from_zero_to_one(name):
    betas = temperatures(name, 30)
    assert betas[0] == 0
    assert betas[-1] == 1
    assert bool((betas.diff() > 0).all())
    with pytest.raises(InputError, match="linear"):
        temperatures("cosine", 3)


def test_one_transition_of_l_leapfrogs_costs_l_gradients():
    model = ppca()
    path = path_of(model, model.sample(3, 0))
    state = path.evaluate(torch.zeros(2, 3, 3, dtype=torch.float64))
    before = path.target.work.copy()
    noise = torch.randn(2, 3, 3, dtype=torch.float64)
    transition(path, state, constant(0.5, 3), constant(0.1, 3), noise, torch.rand(2, 3), 7)
    assert path.target.work - before == Work(gradients=7 * 2 * 3)


def test_gradients_of_a_whole_run_are_what_the_docstring_says():
    model = ppca()
    x = model.sample(3, 0)
    target = Target(model, x)
    Ais(num_chains=8, num_temperatures=10, num_leapfrogs=3, pilot_chains=2).on(
        target, recognise(model.encode(x)), Key(0, (0, 1, 2))
    )
    assert target.work == Work(gradients=3 * (8 + 2) * (1 + 9 * 3))


@pytest.mark.parametrize(
    ("refresh", "num_leapfrogs", "precision"), [(1.0, 3, "full"), (0.4, 1, "full"), (0.7, 2, "bfloat16")]
)
def test_hmc_leaves_the_target_invariant(refresh, num_leapfrogs, precision):
    model = ppca()
    x = model.sample(2, 0)
    path = path_of(model, x, precision)
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    posterior = torch.linalg.cholesky(model.covariance)
    z = model.posterior_mean(x) + normal(6000, 2, 3) @ posterior.T  # exact draws stay exact draws
    state = path.evaluate(path.transport.inverse(z))
    momentum = normal(6000, 2, 3)
    for _ in range(10):
        uniform = torch.rand(6000, 2, generator=generator, dtype=torch.float64)
        momentum = refreshed(momentum, normal(6000, 2, 3), refresh)
        state, momentum, probability = transition(
            path, state, constant(1.0, 2), constant(0.9, 2), momentum, uniform, num_leapfrogs
        )
    after = path.transport.forward(state.u)
    assert 0.3 < float(probability.mean()) < 0.999
    for b in range(2):
        torch.testing.assert_close(after[:, b].mean(0), model.posterior_mean(x)[b], atol=0.025, rtol=0)
        torch.testing.assert_close(after[:, b].T.cov(), model.covariance, atol=0.025, rtol=0)
        torch.testing.assert_close(momentum[:, b].T.cov(), torch.eye(3, dtype=torch.float64), atol=0.08, rtol=0)


def test_without_the_turn_after_a_rejection_a_partial_refresh_is_wrong(monkeypatch):
    """The test above can fail: keep a rejected momentum as it was, and the momenta's law is still normal but the
    positions' is not."""
    model = ppca()
    x = model.sample(2, 0)
    path = path_of(model, x)
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def wrong(state, momentum):
        uniform = torch.rand(6000, 2, generator=generator, dtype=torch.float64)
        after, turned, _ = transition(path, state, constant(1.0, 2), constant(1.6, 2), momentum, uniform, 1)
        rejected = (after.u == state.u).all(-1, keepdim=True)
        return after, torch.where(rejected, momentum, turned)

    posterior = torch.linalg.cholesky(model.covariance)
    z = model.posterior_mean(x) + normal(6000, 2, 3) @ posterior.T
    state, momentum = path.evaluate(path.transport.inverse(z)), normal(6000, 2, 3)
    for _ in range(10):
        momentum = refreshed(momentum, normal(6000, 2, 3), 0.2)
        state, momentum = wrong(state, momentum)
    after = path.transport.forward(state.u)
    worst = max(float((after[:, b].T.cov() - model.covariance).abs().max()) for b in range(2))
    assert worst > 0.025


def test_a_diverged_proposal_never_poisons_a_chain(monkeypatch):
    model = ppca()
    path = path_of(model, model.sample(2, 0))
    state = path.evaluate(torch.ones(5, 2, 3, dtype=torch.float64))
    sound = GeometricPath.evaluate

    def broken(self, u):
        new = sound(self, u)
        return new._replace(log_target=new.log_target * float("nan"), u=new.u * float("inf"))

    monkeypatch.setattr(GeometricPath, "evaluate", broken)
    noise = torch.ones(5, 2, 3, dtype=torch.float64)
    after, momentum, probability = transition(
        path, state, constant(0.5, 2), constant(1.0, 2), noise, torch.rand(5, 2), 2
    )
    for before, now in zip(state, after, strict=True):
        assert torch.equal(before, now)
    assert torch.equal(momentum, -noise)
    assert float(probability.max()) == 0.0


def test_step_sizes_are_frozen_in_the_weighted_run_and_belong_to_one_call():
    """Adaptation inside the weighted run, or carried from one batch to the next, would change these numbers."""
    model = ppca()
    x = model.sample(6, 0)
    ais = Ais(num_chains=8, num_temperatures=10)
    first = ais(model, x, model.encode(x), 0)
    ais(model, 5 * x, model.encode(5 * x), 1)
    assert torch.equal(first.value, ais(model, x, model.encode(x), 0).value)
    adapted = Ais(num_chains=8, num_temperatures=10, pilot_chains=0)(model, x, model.encode(x), 0)
    assert not torch.equal(first.value, adapted.value)


def test_no_graph_is_kept_through_temperatures():
    model = ppca()
    x = model.sample(2, 0).requires_grad_(True)
    estimate = Ais(num_chains=4, num_temperatures=5)(model, x, as_proposal(model.encode(x.detach())), 0)
    assert not estimate.value.requires_grad
