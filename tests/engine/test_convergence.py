"""AIS with other numbers of temperatures, and fits with fewer steps: a few datapoints watched on exact models."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Independent

import gapkit
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.engine import spec_for
from gapkit.estimators import Ais
from gapkit.local import FitSettings
from gapkit.report import build, render
from gapkit.results.records import Convergence
from tests.engine.executors import BACKWARDS
from tests.engine.odd_models import Shaped, bits
from tests.results.edited import with_parts
from tests.yardsticks import ppca


def spec(**changes):
    fit = FitSettings(num_starts=0, polish_steps=96, more_rounds=0, select_samples=32, certificate_samples=64)
    quick = spec_for("quick", fit=fit)
    policy = replace(quick.evidence, ais=Ais(num_chains=32, num_temperatures=20))
    return replace(quick, **{"unit_size": 16, "evidence": policy, "convergence": 6, "details": 0, **changes})


@pytest.fixture(scope="module")
def linear():
    """Twenty datapoints of a linear model in two units, whose encoder is wrong."""
    model = ppca("scaled", 0.8)
    x = model.sample(20, 0)
    return model, x, gapkit.analyze(model, x, spec())


def test_the_table_is_the_same_with_and_without(linear):
    model, x, result = linear
    without = gapkit.analyze(model, x, spec(convergence=0))
    assert without.to_frame().equals(result.to_frame())
    assert without.run["decoder_evaluations"] == result.run["decoder_evaluations"]
    assert "convergence" not in without.run["seconds"]
    assert without.summary_values == with_parts(result.summary_values, convergence=None)


def test_half_are_the_hardest_of_the_first_unit_and_half_are_typical(linear):
    _, _, result = linear
    gaps = result.to_frame()["total_gap"].to_numpy()[:16]
    watched = result.details["convergence_index"].tolist()
    assert watched == sorted(watched) == [*result.summary_values.splits["test"].convergence.index]
    hardest = np.argsort(-gaps)[:3].tolist()
    assert set(hardest) <= set(watched)
    off = np.abs(gaps - np.median(gaps))
    typical = [place for place in np.argsort(off, kind="stable") if place not in hardest][:3]
    assert set(watched) == {*hardest, *typical}


def test_bounds_meet_the_exact_value_as_temperatures_grow(linear):
    model, x, result = linear
    details, index = result.details, result.details["convergence_index"].tolist()
    exact = model.log_px(x[index]).numpy()
    reported = result.to_frame()["log_px"].to_numpy()[index]
    assert details["convergence_temperatures"].tolist() == [3, 4, 10, 20, 40]
    for side in ("lower", "upper"):
        values = details[f"convergence_ais_{side}"] + reported[:, None]
        errors = details[f"convergence_ais_{side}_se"]
        assert values.shape == errors.shape == (6, 5)
        z = (values[:, -1] - exact) / errors[:, -1]
        assert np.abs(z).max() < 4.5
        assert np.abs(z.mean()) < 3 / np.sqrt(6)


def test_fits_leave_less_with_more_steps(linear):
    model, x, result = linear
    details, index = result.details, result.details["convergence_index"].tolist()
    assert details["convergence_steps"].tolist() == [0, 3, 6, 12, 24, 48]  # half of the polish, in this family
    left, errors = details["convergence_fit_left"], details["convergence_fit_left_se"]
    assert left.shape == errors.shape == (6, 6)
    # With all of the steps it is the fit of the table.
    np.testing.assert_allclose(left[:, -1], 0.0, atol=1e-5)
    assert (left[:, -1] <= left[:, 1] + 1e-5).all()
    table = result.to_frame().loc[index]
    optimum = (model.log_px(x[index]) - model.approximation_gap()).numpy()
    assert (np.abs(table["elbo_star"] - optimum) < 4.5 * table["elbo_star_se"]).all()


def test_means_are_those_of_the_arrays(linear):
    _, _, result = linear
    watched, details = result.summary_values.splits["test"].convergence, result.details
    assert watched.datapoints == 6
    assert (watched.ais.chains, watched.ais.temperatures, watched.fit.family) == (
        32,
        20,
        "mean_field",
    )
    rows = result.to_frame().loc[details["convergence_index"]]
    assert watched.ais.log_px_se == pytest.approx(np.sqrt((rows["log_px_se"] ** 2).sum()) / 6)
    for number, point in enumerate(watched.ais.curve):
        for side in ("lower", "upper"):
            values = details[f"convergence_ais_{side}"][:, number]
            noise = np.sqrt((details[f"convergence_ais_{side}_se"][:, number] ** 2).sum()) / 6
            assert getattr(point, side).mean == pytest.approx(values.mean())
            assert getattr(point, side).se_monte_carlo == pytest.approx(noise)
            assert getattr(point, side).ci95 == pytest.approx(
                [values.mean() - 1.96 * noise, values.mean() + 1.96 * noise]
            )
        assert 0.2 < point.acceptance <= 1
    means = [point.left.mean for point in watched.fit.curve]
    np.testing.assert_allclose(means, details["convergence_fit_left"].mean(0))


def test_the_order_of_units_and_other_splits_change_nothing(linear):
    model, x, result = linear
    turned = gapkit.analyze(model, {"test": x, "b": x[:3]}, spec(), executor=BACKWARDS)
    for name, array in result.details.items():
        np.testing.assert_array_equal(turned.details[name], array)
    assert turned.summary_values.splits["b"].convergence is None


def test_other_seeds_have_other_noise(linear):
    model, x, result = linear
    other = gapkit.analyze(model, x, spec(seed=1))
    assert not np.array_equal(other.details["convergence_ais_lower"], result.details["convergence_ais_lower"])


def test_few_datapoints_are_all_watched(linear):
    model, x, _ = linear
    assert gapkit.analyze(model, x[:2], spec()).details["convergence_index"].tolist() == [0, 1]


def test_progress_counts_it(linear):
    model, x, _ = linear
    seen = []
    gapkit.analyze(model, x[:4], spec(), progress=seen.append)
    assert (seen[-1].done, sum(step.stage == "convergence" for step in seen)) == (seen[-1].total, 1)


def test_where_nothing_is_finite_nothing_is_watched():
    model = Shaped(lambda out: Independent(Bernoulli(logits=out * torch.nan), 1))
    with pytest.warns(GapkitWarning, match="none for 4 of 4"):
        result = gapkit.analyze(model, bits(4), spec(), allow=["finite"])
    why = {"all": "no datapoint has a finite gap"}
    assert result.summary_values.splits["test"].convergence == Convergence(skipped=why)


def test_settings_out_of_range():
    with pytest.raises(InputError, match="convergence=-1"):
        spec(convergence=-1)


@pytest.mark.parametrize(
    ("family", "last"), [("full_rank", 12), ("flow", 48), pytest.param("low_rank", 48, marks=pytest.mark.slow)]
)
def test_other_families_are_watched_too(family, last):
    model = Shaped(lambda out: Independent(Bernoulli(logits=out), 1))
    fit = FitSettings(num_starts=0, polish_steps=12, select_samples=16, certificate_samples=16, gradient_steps=48)
    result = gapkit.analyze(model, bits(5), spec(fit=fit, families=(family,)))
    watched = result.summary_values.splits["test"].convergence
    assert not watched.skipped
    assert (watched.fit.family, watched.fit.curve[-1].steps) == (result.run["families"]["split"], last)


def test_simulated_bounds_are_kept(linear):
    model, x, _ = linear
    result = gapkit.analyze(model, x[:4], spec(certificate=9))
    lower, upper = (result.details[f"simulated_{side}"] for side in ("lower", "upper"))
    assert lower.shape == result.details["simulated_acceptance_backward"].shape == (9,)
    gap = result.summary_values.certificate.gap
    assert gap.mean == pytest.approx((upper - lower).mean())


def test_an_encoder_that_fails_on_fewer_datapoints_costs_the_pictures_alone():
    class Whole(Shaped):
        def encode(self, x):
            if len(x) == 6 and REFUSED[0]:
                raise RuntimeError("six are not enough")
            return super().encode(x)

    model = Whole(lambda out: Independent(Bernoulli(logits=out), 1))
    plain = gapkit.analyze(model, bits(), spec(convergence=0))

    def refuse(step):
        REFUSED[0] = step.stage == "route"

    try:
        result = gapkit.analyze(model, bits(), spec(), progress=refuse)
    finally:
        REFUSED[0] = False
    watched = result.summary_values.splits["test"].convergence
    assert watched == Convergence(skipped={"all": "RuntimeError: six are not enough"})
    assert result.to_frame().equals(plain.to_frame())
    render(build(result))


REFUSED = [False]


@pytest.mark.parametrize("temperatures", [1, 2])
def test_an_analysis_of_very_few_temperatures_is_drawn(temperatures):
    model = Shaped(lambda out: Independent(Bernoulli(logits=out), 1))
    policy = replace(spec().evidence, ais=Ais(num_chains=4, num_temperatures=temperatures))
    result = gapkit.analyze(model, bits(), spec(evidence=policy))
    ax = result.plot.ais_convergence()
    ax.figure.draw_without_rendering()
    (low, high), counts = ax.get_xlim(), result.details["convergence_temperatures"]
    assert low < counts.min() <= counts.max() < high
    assert [text.get_text() for text in ax.texts] == []
