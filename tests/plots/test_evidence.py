"""Importance weights, AIS from both sides and certificates, tested by what was drawn."""

from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from gapkit.core.errors import InputError
from gapkit.core.khat_limit import good_k
from gapkit.plots import certificate, sandwich, weights
from gapkit.plots.khat import trust_limits
from gapkit.plots.style import COLORS
from tests.fast import only
from tests.plots.drawn import filled, legend, offsets, stairs, texts
from tests.plots.evidence import RUN, SIMULATED, frame, result
from tests.results.by_hand import FEW, ODD

PLOTS = [weights, sandwich, certificate]


def heights(panel, color):
    """Bars of a colour as (from, to, height)."""
    found = [stairs(part) for part in filled(panel, color)]
    return [bar for edges, tops, feet in found for bar in zip(edges[:-1], edges[1:], tops - feet, strict=True)]


def total(panel, name):
    return sum(height for _, _, height in heights(panel, COLORS[name]))


# Weights


def test_the_threshold_is_that_of_the_estimators():
    counts = [2, 25, 100, 1000, 2048, 10**6]
    assert trust_limits(np.array(counts, float)).tolist() == [good_k(count) for count in counts]
    assert trust_limits(np.array([np.nan, 1.0])).tolist() == [0.7, good_k(2)]
    assert trust_limits(np.array([])).shape == (0,)


def test_the_threshold_is_the_published_one():
    assert good_k(100) == 0.5
    assert good_k(1000) == pytest.approx(2 / 3)
    assert good_k(10**6) == good_k(10**9) == 0.7


def test_bars_count_the_datapoints_on_either_side_of_the_threshold():
    rows = frame(500)
    pooled, encoder, sizes = weights(result(rows)).child_axes
    for panel, name in ((pooled, "pooled_khat"), (encoder, "khat")):
        limit = good_k(1000)
        below = int((rows[name] < limit).sum())
        assert 0 < below < 500
        assert (total(panel, "trusted"), total(panel, "doubted")) == (below, 500 - below)
        (line,) = panel.lines
        assert line.get_xdata()[0] == pytest.approx(limit)
        assert line.get_linestyle() == "--"
        assert f": {below} of 500 trusted" in panel.get_title(loc="left")
        assert all(end <= limit + 1e-9 for _, end, height in heights(panel, COLORS["trusted"]) if height)
        assert all(start >= limit - 1e-9 for start, _, height in heights(panel, COLORS["doubted"]) if height)
        (_, tops, _), (_, _, feet) = (stairs(*filled(panel, COLORS[color])) for color in ("trusted", "doubted"))
        np.testing.assert_array_equal(feet, tops)  # stacked, none hidden behind another
    assert total(sizes, "trusted") + total(sizes, "doubted") == 500
    assert total(sizes, "trusted") == (rows["khat"] < limit).sum()


def test_effective_sample_sizes_are_shares_of_the_draws():
    rows = frame(3, ess=[1.0, 50.0, 1000.0], khat=[2.0, 0.1, 0.1])
    sizes = weights(result(rows)).child_axes[-1]
    filled = [(start, end) for start, end, height in heights(sizes, COLORS["trusted"]) if height]
    assert [start <= share <= end for (start, end), share in zip(filled, (0.05, 1.0), strict=True)] == [True, True]
    (only,) = [(start, end) for start, end, height in heights(sizes, COLORS["doubted"]) if height]
    assert only[0] <= 0.001 <= only[1]
    assert "median 5%" in sizes.get_title(loc="left")
    sizes.figure.draw_without_rendering()
    assert [label.get_text() for label in sizes.get_xticklabels()] == ["0.1%", "1%", "10%", "100%"]


def test_without_settings_sizes_are_draws_and_the_threshold_is_the_largest():
    _, encoder, sizes = weights(result(frame(9), run={})).child_axes
    assert encoder.lines[0].get_xdata()[0] == 0.7
    assert sizes.get_xlabel() == "draws (more is better)"


def test_different_numbers_of_draws_make_a_band():
    rows = frame(40, pooled_samples=[100, 10_000] * 20, pooled_khat=0.6)
    pooled = weights(result(rows)).child_axes[0]
    assert not pooled.lines
    (band,) = [patch for patch in pooled.patches if to_hex(patch.get_facecolor()) == COLORS["guide"].lower()]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.5, 0.7))
    assert (total(pooled, "trusted"), total(pooled, "doubted")) == (20, 20)


def test_khats_beyond_the_axis_are_counted_in_the_outermost_bars():
    khat = [np.inf, 3.0, 0.1, -2.0, np.nan]
    pooled = weights(result(frame(5, pooled_khat=khat))).child_axes[0]
    assert heights(pooled, COLORS["doubted"])[-1][2] == 2
    assert heights(pooled, COLORS["trusted"])[0][2] == 1
    assert "2 of 5 trusted, 1 unknown" in pooled.get_title(loc="left")
    ticks = [label.get_text() for label in pooled.get_xticklabels()]
    assert (ticks[0], ticks[-1]) == ("≤ -0.5", "≥ 1.5")


def test_a_kind_of_weights_that_is_unknown_has_no_panel():
    titles = [panel.get_title(loc="left") for panel in weights(result(frame(5, khat=np.nan))).child_axes]
    assert len(titles) == 2
    assert titles[0].startswith("for log p(x)")
    assert texts(weights(result(frame(5, khat=np.nan, pooled_khat=np.nan)))) == ["no importance weights to judge"]


# Sandwich


def test_both_bounds_are_drawn_relative_to_log_px_in_groups_by_width():
    rows = frame(64)
    bounds, strip = sandwich(result(rows)).child_axes
    ran = rows[rows["ais_reason"] != ""]
    order = []
    for reasons in (["forced"], ["control"], ["khat", "rising"]):
        part = ran[ran["ais_reason"].isin(reasons)]
        order += list((part["ais_upper"] - part["ais"]).sort_values().index)
    expected = rows.loc[order]
    lower, upper = offsets(bounds, COLORS["ais"]), offsets(bounds, COLORS["rung"])
    np.testing.assert_allclose(lower[:, 1], expected["ais"] - expected["log_px"])
    np.testing.assert_allclose(upper[:, 1], expected["ais_upper"] - expected["log_px"])
    np.testing.assert_array_equal(lower[:, 0].round(), np.arange(len(expected)))
    np.testing.assert_allclose(offsets(strip)[:, 1], expected["ais_acceptance"])
    assert [label.get_text().replace("\n", " ") for label in strip.get_xticklabels()] == [
        "AIS asked for everywhere (8)",
        "control subset, at random (24)",
        "importance sampling fell short (16)",
    ]


def test_error_bars_are_two_standard_errors():
    bounds, _ = sandwich(result(frame(8, ais_se=0.04, ais_upper_se=0.01))).child_axes
    bars = [part.get_segments() for part in bounds.collections if hasattr(part, "get_segments")]
    lengths = [{round(float(bar[1, 1] - bar[0, 1]), 9) for bar in part} for part in bars]
    assert lengths == [{0.16}, {0.04}]


def test_datapoints_without_an_upper_bound_come_last_in_their_group():
    rows = frame(3, ais_reason="control", ais=[-90.0, -91.0, -92.0], ais_upper=[np.nan, -90.5, -91.9], log_px=-91.0)
    bounds, _ = sandwich(result(rows)).child_axes
    np.testing.assert_allclose(offsets(bounds, COLORS["ais"])[:, 1], [-1.0, 0.0, 1.0])
    np.testing.assert_allclose(offsets(bounds, COLORS["rung"])[:, 1], [-0.9, 0.5])


def test_the_title_counts():
    assert sandwich(result(frame(8))).get_title(loc="left") == "test: 8 datapoints, AIS on 6 of them"


def test_the_aim_of_the_acceptance_rate_is_a_dashed_line_where_it_is_recorded():
    def dashed(run):
        strip = sandwich(result(frame(8), run)).child_axes[1]
        return [line.get_ydata()[0] for line in strip.lines if line.get_linestyle() == "--"]

    assert dashed(RUN) == [0.75]
    assert dashed({}) == []


# Certificates


def test_certificates_are_drawn_in_their_order_with_the_steps_below():
    rows = frame(60)
    left, strip = certificate(result(rows)).child_axes
    ordered = rows.sort_values("optimality_gap")
    np.testing.assert_allclose(offsets(left)[:, 1], ordered["optimality_gap"])
    np.testing.assert_allclose(offsets(strip)[:, 1], ordered["fit_steps"])
    (bars,) = (part for part in left.collections if hasattr(part, "get_segments"))
    lengths = [bar[1, 1] - bar[0, 1] for bar in bars.get_segments()]
    np.testing.assert_allclose(lengths, 0.008)


def test_colour_and_words_tell_how_the_fits_ended():
    rows = frame(6, fit=["converged", "budget", "converged", "diverged", "odd", "converged"])
    left, strip = certificate(result(rows)).child_axes
    assert len(offsets(left, COLORS["trusted"])) == 3
    assert len(offsets(left, COLORS["doubted"])) == 1
    assert legend(strip) == ["converged: 3 of 6", "out of steps: 1", "diverged: 1", "not recorded: 1"]


def test_the_tolerance_is_a_dashed_line_where_it_is_recorded():
    def dashed(run):
        left = certificate(result(frame(8), run)).child_axes[0]
        assert texts(left) == (["tolerance 0.02"] if run else [])
        return [line.get_ydata()[0] for line in left.lines if line.get_linestyle() == "--"]

    assert dashed(RUN) == [0.02]
    assert dashed({}) == []


def test_certificates_that_are_not_finite_are_counted_and_left_out():
    ax = certificate(result(frame(3, optimality_gap=[0.1, np.nan, np.inf])))
    assert ax.get_title(loc="left") == "test: 1 datapoint (2 not finite, left out)"
    np.testing.assert_allclose(offsets(ax.child_axes[0])[:, 1], [0.1])


def test_without_steps_there_is_no_strip():
    ax = certificate(result(frame(3).drop(columns="fit_steps")))
    assert len(ax.child_axes) == 1
    assert legend(ax.child_axes[0])


# All of them


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("count", [1, 1500])
def test_everything_is_inside_the_figure(plot, count):
    ax = plot(result(frame(count, ais_reason="control", ais=-90.0), certificate=SIMULATED))
    figure = ax.figure
    figure.draw_without_rendering()
    assert ax.child_axes
    for panel in ax.child_axes:
        box = panel.get_tightbbox()
        assert figure.bbox.x0 <= box.x0 + 1
        assert box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 <= box.y0 + 1
        assert box.y1 <= figure.bbox.y1 + 1
        assert panel.get_window_extent().width > 0.75 * figure.bbox.width
    boxes = [panel.get_tightbbox() for panel in ax.child_axes]
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in pairwise(boxes))
    assert ax._left_title.get_window_extent().y0 >= boxes[0].y1 - 1


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("name", only(ODD, *FEW))
def test_results_without_these_columns_are_drawn_or_say_that_there_is_nothing(plot, name):
    ax = plot(ODD[name]())
    ax.figure.draw_without_rendering()
    if not ax.child_axes:
        (words,) = texts(ax)
        assert words.startswith("no ")


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("bad", [[np.nan] * 8, [np.inf] * 8, [np.nan, np.inf, -np.inf, np.nan]])
def test_numbers_that_are_not_finite_do_no_harm(plot, bad):
    columns = ["pooled_khat", "khat", "ess", "ais", "ais_se", "ais_upper", "ais_upper_se", "ais_acceptance"]
    columns += ["optimality_gap", "optimality_gap_se", "fit_steps", "log_px"]
    rows = frame(8).astype(dict.fromkeys(columns, float))
    for name in columns:
        rows.loc[: len(bad) - 1, name] = bad
    ax = plot(result(rows))
    ax.figure.draw_without_rendering()
    assert bool(ax.child_axes) == (len(bad) < 8 or (plot is weights and bad[0] == np.inf))


@pytest.mark.parametrize("plot", PLOTS[1:])
def test_many_points_become_one_image(plot):
    few, many = (plot(result(frame(count, ais_reason="control", ais=-90.0))) for count in (50, 1500))
    assert few.child_axes
    for ax, rasterized in ((few, False), (many, True)):
        parts = [part for panel in ax.child_axes for part in panel.collections]
        assert all(bool(part.get_rasterized()) == rasterized for part in parts)


@pytest.mark.parametrize("plot", PLOTS)
def test_a_split_can_be_chosen(plot):
    both = result(pd.concat([frame(8), frame(5, split="train")], ignore_index=True))
    assert plot(both).get_title(loc="left").startswith("test: 8 datapoints")
    assert plot(both, split="train").get_title(loc="left").startswith("train: 5 datapoints")
    with pytest.raises(InputError, match="test, train"):
        plot(both, split="validation")


@pytest.mark.parametrize("plot", PLOTS)
def test_given_axes_are_drawn_on_and_nothing_global_changes(plot):
    before, ax, rows = dict(matplotlib.rcParams), Figure().add_subplot(), frame(8)
    assert plot(result(rows), ax=ax) is ax
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []
    pd.testing.assert_frame_equal(rows, frame(8))
