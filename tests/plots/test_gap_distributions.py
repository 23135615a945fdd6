"""Cumulative curves of the gaps, tested by what was drawn."""

import numpy as np
import pytest

from gapkit.ladder import STANDARD
from gapkit.plots import gap_distributions
from gapkit.plots.style import colors_of
from gapkit.results import Result
from gapkit.results.records import Summary
from tests.plots.tables import make, result_of

SHADES = colors_of(STANDARD.all_gaps)
GAPS = tuple(SHADES)
SHORT = {"approximation_gap": "approximation", "amortization_gap": "amortization", "total_gap": "total"}


def curves(ax):
    """The points of each curve, without the one at minus infinity that all begin at."""
    found = {}
    for line in ax.lines:
        name = next((name for name in GAPS if line.get_color() == SHADES[name]), None)
        if name and line.get_marker() in ("None", None, ""):
            found[name] = (np.array(line.get_xdata())[1:], np.array(line.get_ydata())[1:], line)
    return found


def skewed(count, seed=0):
    rng = np.random.default_rng(seed)
    star = np.full(count, -90.0)
    rows = make(star - rng.lognormal(0.0, 1.5, count), star, star + rng.normal(1.0, 0.6, count))
    # The picture needs no means, and intervals of many datapoints take seconds.
    return Result(rows, Summary.of({"splits": {"test": {"datapoints": count, "other_start": 0}}}), {})


@pytest.mark.parametrize("count", [2, 50, 400, 20_000])
def test_curves_give_the_share_of_datapoints_up_to_each_value(count):
    result = skewed(count)
    drawn = curves(gap_distributions(result))
    assert set(drawn) == set(GAPS)
    for name, (at, share, line) in drawn.items():
        values = result.to_frame()[name].to_numpy()
        assert line.get_drawstyle() == "steps-post"
        assert (at[0], at[-1], share[-1]) == (values.min(), values.max(), 1.0)
        np.testing.assert_allclose(share, [(values <= end).mean() for end in at])
        assert len(at) == count if count <= 400 else 300 < len(at) < 500
        assert line.get_ydata()[0] == 0.0


def test_the_extremes_of_many_datapoints_are_all_there():
    result = skewed(20_000)
    at, _, _ = curves(gap_distributions(result))["amortization_gap"]
    ranked = np.sort(result.to_frame()["amortization_gap"])
    np.testing.assert_array_equal(at[-20:], ranked[-20:])
    np.testing.assert_array_equal(at[:20], ranked[:20])


def test_dots_and_words_are_the_medians():
    result = skewed(50)
    ax = gap_distributions(result)
    medians = result.to_frame()[list(GAPS)].median()
    dots = {line.get_color(): line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"}
    assert dots == {SHADES[name]: pytest.approx(medians[name]) for name in GAPS}
    words = {text.get_text() for text in ax.get_legend().get_texts()}
    assert words == {f"{SHORT[name]} gap: median {medians[name]:.2f}" for name in GAPS}


def test_values_below_zero_and_far_ones_are_inside_and_the_scale_is_told():
    amortization = np.array([*np.linspace(-0.5, 2.0, 60), 500.0])
    star = np.full(61, -90.0)
    ax = gap_distributions(result_of(make(star - amortization, star, star + 0.1)))
    assert ax.get_xlim()[0] < -0.5
    assert ax.get_xlim()[1] > 500.1
    assert "logarithmic beyond 2" in ax.get_xlabel()
    assert gap_distributions(skewed(2)).get_xlabel() == "gap (nats)"


def test_one_datapoint_is_a_step():
    at, share, line = curves(gap_distributions(result_of(make([-95.0], [-90.0], [-89.0]))))["amortization_gap"]
    assert (at.tolist(), share.tolist()) == ([5.0], [1.0])
    assert line.get_ydata()[0] == 0.0


def test_axes_stay_wide_beside_the_legend():
    ax = gap_distributions(skewed(50))
    ax.figure.draw_without_rendering()
    assert ax.get_position().width > 0.8
    assert ax.get_legend().get_window_extent().x1 < ax.figure.bbox.x1
