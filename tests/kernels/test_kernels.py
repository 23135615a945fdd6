"""The kernel's cost, exactness and safety."""

import pytest
import torch

from gapkit.checks import InputError
from gapkit.estimators import Ais
from gapkit.families import as_proposal
from gapkit.kernels import GeometricPath, temperatures, transition
from gapkit.models.target import Target
from tests.yardsticks import ppca


def path_of(model, x):
    q = as_proposal(model.encode(x))
    return GeometricPath(Target(model, x), q, q.whitening())


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
    x = model.sample(3, 0)
    path = path_of(model, x)
    calls = []

    def counted(u):
        calls.append(1)
        return path.evaluate(u)

    state = path.evaluate(torch.zeros(2, 3, 3, dtype=torch.float64))
    noise = torch.randn(2, 3, 3, dtype=torch.float64)
    transition(counted, state, 0.5, torch.full((3,), 0.1), noise, torch.rand(2, 3), 7)
    assert len(calls) == 7


def test_gradients_of_a_whole_run_are_what_the_docstring_says(monkeypatch):
    model = ppca()
    x = model.sample(3, 0)
    count = []
    original = Target.log_joint_and_grad
    monkeypatch.setattr(Target, "log_joint_and_grad", lambda self, z: count.append(z.shape[0]) or original(self, z))
    ais = Ais(num_chains=8, num_temperatures=10, num_leapfrogs=3, pilot_chains=2)
    ais(model, x, model.encode(x), 0)
    assert sum(count) == (8 + 2) * (1 + 9 * 3)


def test_hmc_leaves_the_target_invariant():
    model = ppca()
    x = model.sample(2, 0)
    path = path_of(model, x)
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    posterior = torch.linalg.cholesky(model.covariance)
    z = model.posterior_mean(x) + normal(4000, 2, 3) @ posterior.T  # exact draws stay exact draws
    state = path.evaluate(path.transport.inverse(z))
    for _ in range(10):
        uniform = torch.rand(4000, 2, generator=generator, dtype=torch.float64)
        step = torch.full((2,), 0.9, dtype=torch.float64)
        state, probability = transition(path.evaluate, state, 1.0, step, normal(4000, 2, 3), uniform, 3)
    after = path.transport.forward(state.u)
    assert 0.3 < float(probability.mean()) < 0.999
    for b in range(2):
        torch.testing.assert_close(after[:, b].mean(0), model.posterior_mean(x)[b], atol=0.03, rtol=0)
        torch.testing.assert_close(after[:, b].T.cov(), model.covariance, atol=0.03, rtol=0)


def test_a_diverged_proposal_never_poisons_a_chain():
    model = ppca()
    x = model.sample(2, 0)
    path = path_of(model, x)

    def broken(u):
        state = path.evaluate(u)
        return state._replace(log_target=state.log_target * float("nan"), u=state.u * float("inf"))

    state = path.evaluate(torch.ones(5, 2, 3, dtype=torch.float64))
    noise = torch.ones(5, 2, 3, dtype=torch.float64)
    after, probability = transition(broken, state, 0.5, torch.ones(2), noise, torch.rand(5, 2), 2)
    for before, now in zip(state, after, strict=True):
        assert torch.equal(before, now)
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
