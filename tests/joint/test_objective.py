"""Three ways to an ELBO agree where all can be had, and families give the same kind of factors."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal

from gapkit.core.errors import InputError
from gapkit.joint import (
    Constant,
    Exact,
    Factorized,
    Factors,
    Mlp,
    MonteCarlo,
    Own,
    Polynomial,
    Quadrature,
    Settings,
    Window,
    fit,
    fit_factorized,
    objective_of,
    structure_of,
)
from gapkit.joint.evidence import annealed, quadrature
from gapkit.joint.models import BayesianVae, Chain, Linear, Nonlinear, Saw
from tests.joint.data import exact, hidden_chain

X = Linear().simulate(12, 0)
QUICK = Settings(steps=150, polish=60, starts=3, seeds=(0,))


def some_factors(count=12, each=1):
    stream = torch.Generator().manual_seed(5)
    theta, log_theta = torch.randn(2, 1, dtype=torch.float64, generator=stream)
    mean, log_sd = torch.randn(2, count, each, dtype=torch.float64, generator=stream)
    return Factors(theta, log_theta - 1, mean, 0.3 * log_sd)


def test_quadrature_is_exact_where_the_model_is_gaussian():
    q = some_factors()
    one, other = exact(Linear(), X), Quadrature(Linear(), X)
    assert float(other.estimate(q).value) == pytest.approx(float(one.estimate(q).value), abs=1e-9)
    assert float(other.loss(q)) == pytest.approx(float(one.loss(q)), abs=1e-9)
    assert -float(one.loss(q)) == pytest.approx(one.posterior.elbo(q), abs=1e-9)


@pytest.mark.parametrize("model", [Linear(), Nonlinear()], ids=["linear", "nonlinear"])
def test_draws_agree_with_quadrature_within_their_error(model):
    q = some_factors()
    sampled = MonteCarlo(model, X, judged=20_000).estimate(q)
    true = float(Quadrature(model, X, (40, 100)).estimate(q).value)
    assert float(sampled.value) == pytest.approx(true, abs=4 * float(sampled.std_error))
    assert float(sampled.std_error) < 0.5


def test_minibatches_have_the_mean_of_the_whole():
    q = some_factors()
    torch.manual_seed(0)
    losses = torch.stack([MonteCarlo(Linear(), X, draws=1, batch=3).loss(q) for _ in range(3000)])
    true = float(exact(Linear(), X).loss(q))
    assert float(losses.mean()) == pytest.approx(true, abs=4 * float(losses.std()) / 3000**0.5)


def test_estimates_by_draws_are_repeatable_and_paired():
    objective = MonteCarlo(Nonlinear(), X, judged=200)
    one, other = objective.estimate(some_factors()), objective.estimate(some_factors())
    assert torch.equal(one.value, other.value)
    assert one.noise == other.noise
    assert one.draws.shape == (100, 1)


def test_the_sharpest_objective_is_taken_and_others_on_request():
    for model, x, kind in (
        (Saw(), X, Exact),
        (Nonlinear(), X, Quadrature),
        (BayesianVae(1, 2, 4, "gaussian"), X, MonteCarlo),
    ):
        assert isinstance(objective_of(model, x, structure_of(model, x)), kind)
    structure = structure_of(Nonlinear(), X)
    assert isinstance(objective_of(Nonlinear(), X, structure, "monte carlo", draws=3), MonteCarlo)
    for model, kind in ((Nonlinear(), "exact"), (Chain(), "quadrature"), (Linear(), "guessing")):
        with pytest.raises(InputError, match="monte carlo"):
            objective_of(model, X, structure_of(model, X), kind)


def test_quadrature_with_too_many_nodes_is_refused():
    with pytest.raises(InputError, match="Monte Carlo draws instead"):
        Quadrature(BayesianVae(1, 2, 4), X)


class FarBack(Nonlinear):
    """Term n holds z_{n-60}, which a look at the first 48 datapoints does not show."""

    def log_local(self, theta, z, x):
        return super().log_local(theta, z.roll(60, 1), x) + Normal(0.0, 1.0).log_prob(z[..., 0])


def test_terms_that_hold_other_latents_are_not_integrated_one_by_one():
    x = Nonlinear().simulate(100, 0)
    assert structure_of(FarBack(), x).reach == 0
    assert isinstance(objective_of(FarBack(), x, structure_of(FarBack(), x)), MonteCarlo)
    with pytest.raises(InputError, match="hold other z than their own"):
        Quadrature(FarBack(), x)


def test_gradient_steps_find_the_closed_form():
    objective = exact(Saw(), Saw().simulate(30, 1))
    for family in (Constant(), Polynomial(1), Polynomial(1, Window((-1, 0)))):
        closed, stepped = fit(family, objective), fit(family, objective, QUICK, closed=False)
        assert stepped.value == pytest.approx(closed.value, abs=1e-6)
        again = closed.q(objective.x)
        assert objective.posterior.elbo(again) == pytest.approx(closed.value, abs=1e-8)
        assert closed.trace is None
        assert stepped.trace.loss[0] > stepped.trace.loss[-1]


def test_f_vi_by_steps_is_the_exact_one():
    objective = exact(Chain(), hidden_chain(20), 1)
    found = fit(Factorized(), objective)
    assert found.value == pytest.approx(objective.posterior.elbo(objective.posterior.factors()), abs=1e-6)
    assert found.left < 1e-6


def test_what_is_left_is_what_is_left_to_gain():
    """Near the optimum half of the squared gradients is the distance to it."""
    objective = exact(Linear(), X)
    best = objective.posterior.elbo(objective.posterior.factors())
    found = fit(Factorized(), objective, Settings(steps=200, rate=0.05, polish=0))
    assert 0 < best - found.value < 0.5
    assert found.left == pytest.approx(best - found.value, rel=0.5)


def test_f_vi_is_never_below_a_start_that_was_given():
    objective = MonteCarlo(Nonlinear(), X, draws=2, judged=400)
    start = fit(Mlp(4), objective, QUICK)
    found = fit_factorized(objective, Settings(steps=1, rate=1.0), starts=[start.factors])
    assert found.value >= start.value


def test_starts_of_each_factor_find_modes_that_one_start_misses():
    """x = z^2 + noise: each factor has two modes, of which a tilt prefers one; from the other a fit cannot leave."""

    class Square(Nonlinear):
        def log_local(self, theta, z, x):
            z = z[..., 0]
            return Normal(0.2, 1.0).log_prob(z) + Normal(theta + z.square(), 0.1).log_prob(x[:, 0])

    x = torch.linspace(1, 4, 10)[:, None].double()
    objective = Quadrature(Square(), x, (5, 40))
    wrong = Factors(torch.zeros(1).double(), torch.full((1,), -3.0).double(), -x.sqrt(), torch.full_like(x, -3.0))
    settings = Settings(steps=200, polish=100, starts=7)
    stuck = fit_factorized(objective, settings, starts=[wrong])
    found = fit_factorized(objective, settings, starts=[wrong], apart=True)
    assert found.value > stuck.value + 1
    assert (found.factors.mean > 0).all()


@pytest.mark.parametrize(
    "family", [Mlp(3, Window.around(1)), Mlp(2, linear=False, activation="leaky_relu"), Own(lambda: nn.Linear(1, 2))]
)
def test_networks_give_factors_of_all_datapoints(family):
    q = family.build(Saw(), X, seed=1)
    found, again = q(X), family.build(Saw(), X, seed=1)(X)
    assert found.mean.shape == (12, 1)
    assert torch.equal(found.mean, again.mean)
    assert len(q.own) + len(q.rows) == 12
    assert str(family.window) in family.label


def test_a_network_of_the_users_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="return 2 D numbers"):
        Own(lambda: nn.Linear(1, 3)).build(Saw(), X)(X)
    with pytest.raises(InputError, match="leaky_relu"):
        Mlp(2, activation="step").build(Saw(), X)


def test_a_network_reaches_the_linear_optimum():
    model = Saw()
    objective = exact(model, model.simulate(60, 0))
    best = objective.posterior.elbo(objective.posterior.factors())
    assert best - fit(Mlp(4, Window((-1, 0))), objective, seeds=(0,)).value < 0.1


@pytest.mark.parametrize("model", [Linear(), Chain()], ids=["linear", "chain"])
def test_annealed_importance_sampling_of_the_whole_data_set_is_right(model):
    objective = exact(model, X, 1)
    found = annealed(model, X, objective.posterior.factors())
    error = float(found.std_error)
    assert float(found.value) == pytest.approx(objective.posterior.log_evidence, abs=4 * error + 0.02)
    assert error < 0.1


def test_log_evidence_by_quadrature_is_exact():
    model = Saw()
    objective = exact(model, X)
    found = quadrature(model, X, objective.posterior.factors())
    assert found == pytest.approx(objective.posterior.log_evidence, abs=1e-6)


def test_log_evidence_by_quadrature_and_by_annealing_agree():
    model = Nonlinear()
    q = fit_factorized(Quadrature(model, X), QUICK).factors
    one, other = quadrature(model, X, q), annealed(model, X, q)
    assert float(other.value) == pytest.approx(one, abs=4 * float(other.std_error) + 0.05)
    assert np.isfinite(one)
