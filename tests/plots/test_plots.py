"""Figures, tested by what was drawn."""

import itertools

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from gapkit.core.errors import InputError
from gapkit.ladder import STANDARD
from gapkit.plots import gap_distributions, gap_scatter, ladder
from gapkit.plots.style import COLORS, colors_of
from gapkit.results import Result
from gapkit.results.summary import summarise
from tests.plots.drawn import bars, legend, points, texts, within
from tests.plots.tables import make, result_of

PLOTS = [ladder, gap_scatter, gap_distributions]


@pytest.fixture
def three():
    return result_of(
        make(
            [-95.0, -92.0, -99.0],
            [-90.0, -91.0, -93.0],
            [-89.0, -90.5, -90.0],
            status=["ok", "fit_budget", "ok"],
            source=["mixture", "mixture", "ais"],
        )
    )


@pytest.fixture
def twelve():
    apart = np.repeat(np.arange(4.0), 3)
    elbo, star, log_px = np.tile([[-95.0, -92.0, -99.0], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0]], 4)
    return result_of(make(elbo - apart, star - 0.5 * apart, log_px))


def test_the_ladder_shows_the_means_and_the_gaps_between_them(three):
    ax = ladder(three)
    means = {name: values.mean for name, values in three.summary_values.quantities.items()}
    dots = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"]
    assert sorted(dots) == sorted(means[name] for name in ("log_px", "elbo_star_full_rank", "elbo_star", "elbo"))
    drawn = bars(ax)
    assert drawn[COLORS["family"]] == (means["log_px"], means["elbo_star"])
    assert drawn[COLORS["encoder"]] == (means["elbo_star"], means["elbo"])
    labels = " ".join(label.get_text() for label in ax.get_yticklabels())
    assert all(f"{means[name]:.2f}" in labels for name in ("log_px", "elbo_star", "elbo", "elbo_star_full_rank"))


def test_the_whiskers_are_the_intervals_of_the_gaps(twelve):
    quantities = twelve.summary_values.quantities
    whiskers = {line.get_color(): line.get_xdata() for line in ladder(twelve).lines if line.get_marker() == "|"}
    for gap, upper in (("approximation_gap", "log_px"), ("amortization_gap", "elbo_star")):
        low, high = quantities[gap].interval_with_fits
        np.testing.assert_allclose(quantities[upper].mean - whiskers[colors_of(STANDARD.gaps)[gap]], [high, low])


def test_the_ladder_writes_each_gap_with_error_and_interval(twelve):
    gap = twelve.summary_values.quantities["amortization_gap"]
    low, high = gap.interval_with_fits
    expected = f"{gap.mean:.2f} ± {gap.se_total:.2f} nats (95%: {low:.2f} to {high:.2f})"
    assert expected in texts(ladder(twelve))


def test_of_few_datapoints_the_ladder_writes_the_range_without_whiskers(three):
    gap, ax = three.summary_values.quantities["amortization_gap"], ladder(three)
    assert not [x for line in ax.lines if line.get_marker() == "|" for x in line.get_xdata()]
    written = f"{gap.mean:.2f} ± {gap.se_total:.2f} nats\n(range 1.00 to 6.00; too few for an interval)"
    assert written in texts(ax)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert all(ax.figure.bbox.x0 <= box.x0 and box.x1 <= ax.figure.bbox.x1 for box in boxes)


def test_rungs_are_averaged_over_the_same_datapoints():
    """A datapoint without log p(x) and with a very low L[q] must not stretch the bars."""
    good = make([-95.0, -92.0], [-90.0, -91.0], [-89.0, -90.5])
    bad = make([-5000.0], [-4000.0], [np.nan], status="nonfinite")
    ax = ladder(result_of(good, bad))
    assert bars(ax) == bars(ladder(result_of(good)))
    assert "1 not finite" in ax.get_title(loc="left")


def test_full_rank_is_left_out_where_it_was_not_fitted_everywhere(three):
    table = three.to_frame()
    table.loc[[0, 2], "elbo_star_full_rank"] = np.nan
    ax = ladder(Result(table, summarise(table), {}))
    assert not any("full rank" in label.get_text() for label in ax.get_yticklabels())


def test_the_scatter_shows_every_datapoint(three):
    ax = gap_scatter(three)
    expected = three.to_frame()[["approximation_gap", "amortization_gap"]].to_numpy()
    np.testing.assert_allclose(np.sort(points(ax), axis=0), np.sort(expected, axis=0))
    assert {"0", "1", "2"} == set(texts(ax))


def test_colour_is_the_source_and_another_marker_a_status(three):
    ax = gap_scatter(three)
    usual, flagged, by_ais = ax.collections
    colors = [to_hex(part.get_facecolor()[0]).upper() for part in (usual, flagged, by_ais)]
    assert colors == [COLORS[name] for name in ("mixture", "mixture", "ais")]
    assert len(usual.get_paths()[0].vertices) != len(flagged.get_paths()[0].vertices)
    names = ["log p(x) by importance sampling (2)", "log p(x) by AIS (1)", "status other than ok", "equal gaps"]
    assert legend(ax) == names


def test_the_diagonal_of_equal_gaps_does_not_change_the_limits(three):
    ax = gap_scatter(three)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
    assert min(line.get_xdata()) == max(ax.get_xlim()[0], ax.get_ylim()[0])
    assert max(line.get_xdata()) == min(ax.get_xlim()[1], ax.get_ylim()[1])
    assert ax.get_xlim()[1] < three.to_frame()["approximation_gap"].max() * 1.2


def test_the_three_largest_total_gaps_are_named():
    elbo = [-91.0, -120.0, -92.0, -140.0, -101.0]
    ax = gap_scatter(result_of(make(elbo, [-90.0, -89.5, -90.0, -88.0, -90.0], [-80.0] * 5)))
    assert set(", ".join(texts(ax)).split(", ")) == {"1", "3", "4"}


def test_labels_of_close_points_do_not_cover_each_other():
    ax = gap_scatter(result_of(make([-92.0, -91.96, -91.92, -90.6], [-90.0] * 4, [-89.0] * 4)))
    assert [text.get_text() for text in ax.texts] == ["0", "1", "2"]
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in ax.texts]  # without the lines
    spans = sorted((box.y0, box.y1) for box in boxes)
    assert all(lower[1] <= upper[0] + 1 for lower, upper in itertools.pairwise(spans))
    moved = [text for text in ax.texts if text.arrow_patch is not None]
    assert [text.get_text() for text in moved] == ["1", "2"]
    drawn = points(ax)
    for text in ax.texts:  # every line ends at the point of its index
        at = ax.transData.inverted().transform(ax.transAxes.transform(text.xy))
        np.testing.assert_allclose(at, drawn[int(text.get_text())], atol=0.05)


def test_equal_points_share_one_label():
    ax = gap_scatter(result_of(make([-92.0] * 4, [-91.0] * 4, [-90.0] * 4)))
    assert texts(ax) == ["0, 1, 2"]


def test_rows_that_are_not_finite_are_counted_and_not_drawn():
    table = result_of(make([-95.0, -np.inf, np.nan], [-90.0] * 3, [-89.0] * 3, status=["ok", "nonfinite", "nonfinite"]))
    ax = gap_scatter(table)
    np.testing.assert_allclose(points(ax), [[1.0, 5.0]])
    assert ax.get_title(loc="left") == "test: 1 datapoint (2 not finite, left out)"


def test_many_points_become_one_image():
    few, many = (result_of(make(-95 - np.arange(n) / n, [-90.0] * n, [-89.0] * n)) for n in (10, 1500))
    assert not any(part.get_rasterized() for part in gap_scatter(few).collections)
    assert all(part.get_rasterized() for part in gap_scatter(many).collections)


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(make([-95.0], [-90.0], [-89.0]), id="one datapoint"),
        pytest.param(make([-90.0] * 3, [-90.0] * 3, [-90.0] * 3), id="gaps of zero"),
        pytest.param(make([-92.0] * 3, [-91.0] * 3, [-90.0] * 3), id="equal datapoints"),
        pytest.param(make([-90.0, -91.0], [-91.0, -92.0], [-92.0, -93.0], status="negative_gap"), id="negative gaps"),
        pytest.param(make([-9e6, -9.1e6], [-8e6, -8e6], [-7e6, -7e6]), id="large"),
        pytest.param(make([-91.0, -95.0], [-90.0] * 2, [-89.0] * 2, split="a $x_ <b> \\frac"), id="odd split name"),
        pytest.param(make([-91.0, -95.0], [-90.0] * 2, [-89.0] * 2, split="long" * 40), id="long split name"),
    ],
)
def test_unusual_results_are_drawn_inside_the_limits(plot, frame):
    ax = plot(result_of(frame))
    ax.figure.draw_without_rendering()
    for line in ax.lines:
        if line.get_transform() != ax.transData:  # a guide across the axes
            continue
        low, high = ax.get_xlim()
        assert within(low, line.get_xdata(), high)


@pytest.mark.parametrize("plot", PLOTS)
def test_a_result_without_finite_numbers_says_so(plot):
    ax = plot(result_of(make([np.nan] * 2, [np.nan] * 2, [np.nan] * 2, status="nonfinite")))
    assert texts(ax) == ["no finite values"]
    assert "2 not finite" in ax.get_title(loc="left")
    assert not ax.lines
    assert not ax.collections


@pytest.mark.parametrize("plot", PLOTS)
def test_a_split_can_be_chosen(plot, three):
    other = make([-60.0, -61.0], [-58.0, -58.0], [-57.0, -57.0], split="train")
    both = result_of(three.to_frame(), other)
    assert plot(both).get_title(loc="left").startswith("test: 3 datapoints")
    assert plot(both, split="train").get_title(loc="left").startswith("train: 2 datapoints")
    with pytest.raises(InputError, match="test, train"):
        plot(both, split="validation")


def test_the_ladder_of_another_split_has_its_own_numbers(three):
    other = make([-60.0, -61.0], [-58.0, -58.0], [-57.0, -57.0], split="train")
    drawn = bars(ladder(result_of(three.to_frame(), other), split="train"))
    assert drawn[COLORS["family"]] == (-57.0, -58.0)


@pytest.mark.parametrize("plot", PLOTS)
def test_given_axes_are_drawn_on(plot, three):
    ax = Figure().add_subplot()
    assert plot(three, ax=ax) is ax


@pytest.mark.parametrize("plot", PLOTS)
def test_nothing_global_changes(plot, three):
    before, rows = dict(matplotlib.rcParams), three.to_frame()
    assert isinstance(plot(three), Axes)
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []
    pd.testing.assert_frame_equal(three.to_frame(), rows)


@pytest.mark.parametrize("plot", PLOTS)
def test_a_real_analysis_is_drawn(plot):
    import torch

    from gapkit.engine import analyze
    from gapkit.models.reference import build

    torch.manual_seed(0)
    x = (torch.rand(6, 6) < 0.5).float()
    result = analyze(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), x, effort="quick")
    assert np.isfinite(result.to_frame()[[gap.name for gap in STANDARD.all_gaps]].to_numpy()).all()
    ax = plot(result)
    ax.figure.draw_without_rendering()
    assert ax.get_title(loc="left").startswith("test: 6 datapoints")
