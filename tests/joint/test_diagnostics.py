"""Polish, repeats, windows, fixed points and convergence, where what they must say is known."""

import numpy as np
import pytest

from gapkit.joint import (
    Factorized,
    Mlp,
    Polynomial,
    Quadrature,
    Settings,
    Window,
    convergence,
    fit,
    fit_factorized,
    fixed_point,
    polish,
    repeats,
    window_curve,
)
from gapkit.joint.models import Linear, Nonlinear, Saw
from tests.joint.data import CHAIN, HERE, exact, hidden_chain, linear_gap


def test_polish_recovers_the_amortization_gap_and_nothing_else():
    objective = exact(Saw(), Saw().simulate(40, 0))
    poor, ideal = fit(Polynomial(1), objective), fit(Polynomial(1, Window((-1, 0))), objective)
    assert polish(poor, objective).gain == pytest.approx(linear_gap(objective, HERE), abs=1e-5)
    assert polish(ideal, objective).gain == pytest.approx(0, abs=1e-6)


def test_repeats_are_counted_and_what_sharing_loses_is_what_it_loses():
    x = hidden_chain(30)
    x[5], x[20] = x[11], x[25]
    objective = exact(CHAIN, x, 1)
    best = objective.posterior.factors()
    found = repeats(x, HERE, best, objective)
    assert (found.groups, found.differing) == (2, 2)
    means = best.mean[:, 0]
    apart = max(abs(means[5] - means[11]), abs(means[20] - means[25])) / float(best.log_sd[5].exp())
    assert found.most == pytest.approx(float(apart), rel=1e-9)
    assert found.lost > 0
    assert repeats(x, Window.around(2), best, objective).groups == 0


def test_equal_inputs_with_equal_factors_are_no_loss():
    x = Linear().simulate(10, 0)
    x[3] = x[7]
    objective = exact(Linear(), x)
    found = repeats(x, HERE, objective.posterior.factors(), objective)
    assert (found.groups, found.differing) == (1, 0)
    assert found.lost == pytest.approx(0, abs=1e-9)


def test_the_window_curve_falls_and_never_ends():
    objective = exact(CHAIN, hidden_chain(), 1)
    best = fit_factorized(objective)
    found = window_curve({k: Polynomial(1, Window.around(k)) for k in range(4)}, objective, best)
    assert list(found["half_width"]) == [0, 1, 2, 3]
    assert (found["gap"].to_numpy()[1:] < 0.25 * found["gap"].to_numpy()[:-1]).all()
    assert (found["gap"] > 0).all()
    assert (found["gap_se"] == 0).all()


def test_a_fit_that_was_stopped_is_no_fixed_point():
    objective = exact(Linear(), Linear().simulate(20, 0))
    early = fit(Factorized(), objective, Settings(steps=20, polish=0))
    assert fixed_point(early, objective) > 0.01
    assert fixed_point(fit_factorized(objective), objective) == pytest.approx(0, abs=1e-9)


def test_convergence_is_told_in_steps_and_seconds():
    objective = exact(Linear(), Linear().simulate(200, 0))
    best = objective.posterior.elbo(objective.posterior.factors())
    families = [Polynomial(0), Polynomial(1), Factorized()]
    found = convergence(families, objective, best, seeds=(0, 1), settings=Settings(steps=150, rate=0.08))
    assert len(found) == 6
    within = found.dropna()
    assert (within["steps_50"] <= within["steps_10"]).all()
    assert (within["steps_10"] <= within["steps_1"]).all()
    assert (within["seconds_50"] <= within["seconds_1"]).all()
    linear = found[found["family"] == families[1].label]
    assert (linear["final"].abs() < 0.02 * abs(best)).all()
    # One factor for all never comes within 1%.
    assert found[found["family"] == "constant"]["steps_1"].isna().all() == (linear_gap(objective) > 0.01 * abs(best))
    assert np.isfinite(linear["steps_1"]).all()


@pytest.mark.slow
def test_capacity_closes_the_gap_of_the_nonlinear_model():
    """Over the best of the seeds less than 2 nats at width 4 and less than 0.5 at width 16, and polish finds each."""
    model = Nonlinear()
    objective = Quadrature(model, model.simulate(1000, 0))
    tried = {width: fit(Mlp(width), objective, Settings(steps=300, polish=200)) for width in (4, 16)}
    best = fit_factorized(objective, starts=[tried[16].factors], apart=True)
    gaps = {width: best.value - found.value for width, found in tried.items()}
    print(f"\nnonlinear gaps by width: {gaps}")
    assert 0 <= gaps[16] < 0.5
    assert gaps[16] < gaps[4] < 2
    for width, found in tried.items():
        assert polish(found, objective).gain == pytest.approx(gaps[width], abs=0.01)


@pytest.mark.slow
def test_networks_on_one_input_of_the_saw_model_stay_at_the_linear_optimum():
    """A network of x[n] may fit one data set somewhat better than a line; with both inputs it loses less than a nat."""
    model = Saw()
    objective = exact(model, model.simulate(1000, 0))
    best = objective.posterior.elbo(objective.posterior.factors())
    linear = linear_gap(objective, HERE)
    one = best - fit(Mlp(16), objective, Settings(steps=1500, rate=0.01)).value
    two = best - fit(Mlp(8, Window((-1, 0))), objective).value
    print(f"\nsaw gaps: linear {linear:.1f}, one input {one:.1f}, two inputs {two:.4f}")
    assert linear == pytest.approx(500, abs=60)
    assert one >= 0.9 * linear
    assert two < 1
