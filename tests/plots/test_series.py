"""Pictures of comparisons, tested by what was drawn: ladders side by side, paired differences, series."""

from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from gapkit.comparison import compare
from gapkit.core.errors import InputError
from gapkit.ladder import STANDARD
from gapkit.plots import differences, ladders, series
from gapkit.plots.style import COLORS, colors_of
from tests.comparison.checkpoints import ODD, checkpoints, odd
from tests.fast import only
from tests.plots.drawn import within
from tests.results.by_hand import join, make, nothing, three, twelve

PLOTS = {
    "ladders": ladders,
    "differences of gaps": differences,
    "differences of bounds": lambda c, **more: differences(c, kind="bounds", **more),
    "series of gaps": series,
    "series of bounds": lambda c, **more: series(c, kind="bounds", **more),
}
RUNGS = {"elbo": "o", "elbo_star": "D", "log_px": "s"}


@pytest.fixture(scope="module")
def two():
    other = make([-94.0, -91.8, -95.0] * 4, [-90.0, -91.0, -92.5] * 4, [-88.5, -90.5, -90.0] * 4)
    return compare({"a": twelve(), "b": other})


@pytest.fixture(scope="module")
def trained():
    return compare(checkpoints(1, 2, 4, 8))


def levels(comparison, run, split="test"):
    return {name: values.mean for name, values in comparison.summary_values.splits[split].levels[run].items()}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def dots(ax, marker):
    """What a marker shows: x by row; the lines of the legend hold no data."""
    return {float(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == marker}


def test_every_ladder_has_the_rungs_and_gaps_of_its_run(two):
    ax = ladders(two)
    for row, run in enumerate("ab"):
        means = levels(two, run)
        for name, marker in RUNGS.items():
            assert dots(ax, marker)[row] == means[name]
        bars = [line for line in ax.lines if line.get_linewidth() == 6 and line.get_ydata()[0] == row]
        drawn = {line.get_color(): tuple(line.get_xdata()) for line in bars}
        assert drawn[COLORS["encoder"]] == (means["elbo"], means["elbo_star"])
        assert drawn[COLORS["family"]] == (means["elbo_star"], means["log_px"])
        quantities = two.summary_values.splits["test"].levels[run]
        for gap in ("amortization_gap", "approximation_gap"):
            values = quantities[gap]
            assert f"{gap.split('_')[0]} {values.mean:.2f} ± {values.se_total:.2f}" in texts(ax)
            whiskers = [
                line.get_xdata()
                for line in ax.lines
                if line.get_marker() == "|"
                and line.get_color() == colors_of(STANDARD.gaps)[gap]
                and line.get_ydata()[0] == row
            ]
            top = means["elbo_star" if gap == "amortization_gap" else "log_px"]
            np.testing.assert_allclose(whiskers, [[top - values.ci95[0], top - values.ci95[1]]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a\n(the reference)", "b"]


def test_ladders_far_apart_are_drawn_from_their_own_log_px(trained):
    ax = ladders(trained)
    assert "own log p(x)" in ax.get_xlabel()
    for row, run in enumerate(trained.summary_values.runs):
        means = levels(trained, run)
        assert dots(ax, "s")[row] == 0
        assert dots(ax, "o")[row] == pytest.approx(-means["total_gap"])
        assert f"log p(x) {means['log_px']:.2f}" in ax.get_yticklabels()[row].get_text()


def test_ladders_close_together_keep_their_levels(two):
    assert ladders(two).get_xlabel() == "nats (higher is better)"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("gaps", ("approximation_gap", "amortization_gap", "total_gap")),
        ("bounds", ("log_px", "elbo_star", "elbo")),
    ],
)
def test_differences_are_the_paired_ones_with_their_intervals(two, kind, names):
    ax = differences(two, kind=kind)
    quantities = two.summary_values.splits["test"].differences["b"].quantities
    (marks,) = (line for line in ax.lines if line.get_marker() == "o")
    assert list(marks.get_xdata()) == [quantities[name].mean for name in names]
    whiskers = [list(line.get_xdata()) for line in ax.lines if line.get_marker() == "|"]
    assert whiskers == [list(quantities[name].ci95) for name in names]
    for name, text in zip(names, texts(ax), strict=True):
        low, high = quantities[name].ci95
        assert text.startswith(f"{quantities[name].mean:.2f} ± ".replace("-", "−"))
        assert f"(95%: {low:.2f} to {high:.2f})".replace("-", "−") in text
    assert ax.get_title(loc="left").startswith("b minus a")
    assert "than in a" in ax.get_xlabel()


def test_few_datapoints_have_ranges_in_words_and_no_whiskers():
    few = compare({"a": three(), "b": make([-94.0, -91.8, -95.0], [-90.0, -91.0, -92.5], [-88.5, -90.5, -90.0])})
    for ax in (ladders(few), differences(few)):
        assert not [x for line in ax.lines if line.get_marker() == "|" for x in line.get_xdata() if np.isfinite(x)]
    low, high = few.summary_values.splits["test"].differences["b"].quantities["total_gap"].range
    assert texts(ax)[-1].endswith(f"nats\n(range {low:.2f} to {high:.2f}; too few for an interval)")
    ax.figure.draw_without_rendering()
    assert all(text.get_window_extent().x1 <= ax.figure.bbox.x1 for text in ax.texts)


def test_every_run_has_its_own_marks(trained):
    ax = differences(trained)
    labels = [line.get_label() for line in ax.lines if line.get_label() in trained.summary_values.runs]
    assert labels == ["epoch-0002", "epoch-0004", "epoch-0008"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == labels
    marks = {line.get_marker() for line in ax.lines if line.get_label() in labels}
    assert len(marks) == 3


@pytest.mark.parametrize("kind", ["gaps", "bounds"])
def test_a_series_shows_every_checkpoint_at_its_epoch(trained, kind):
    ax = series(trained, kind=kind)
    runs = list(trained.summary_values.runs)
    named = {"total gap": "total_gap", "log p(x)": "log_px", "L[q*]": "elbo_star", "L[q]": "elbo"}
    named |= {"amortization gap (encoder)": "amortization_gap", "approximation gap (family)": "approximation_gap"}
    drawn = {named[line.get_label()]: line for line in ax.lines}
    assert len(drawn) == 3
    for name, line in drawn.items():
        assert list(line.get_xdata()) == [1, 2, 4, 8]
        assert list(line.get_ydata()) == [levels(trained, run)[name] for run in runs]
    assert ax.get_xlabel() == "epoch of training"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "4", "8"]


def test_the_bands_are_the_intervals_of_the_gaps(trained):
    ax = series(trained)
    intervals = [
        [values[name].ci95 for values in trained.summary_values.splits["test"].levels.values()]
        for name in ("total_gap", "amortization_gap", "approximation_gap")
    ]
    for band, expected in zip(ax.collections, intervals, strict=True):
        points = band.get_paths()[0].vertices
        for place, (low, high) in zip((1, 2, 4, 8), expected, strict=True):
            ends = points[points[:, 0] == place, 1]
            np.testing.assert_allclose([ends.min(), ends.max()], [low, high])


def test_few_datapoints_have_no_bands_and_the_picture_says_why(trained):
    ax = series(compare(checkpoints(1, 2, times=1)))
    ax.figure.draw_without_rendering()
    assert not [path for band in ax.collections for path in band.get_paths() if np.isfinite(path.vertices).any()]
    assert ax.get_ylabel() == "nats\n(no bands: too few datapoints for intervals)"
    assert series(trained).get_ylabel() == "nats"


def test_a_series_is_in_the_order_of_the_training_not_of_the_runs():
    runs = checkpoints(8, 1, 4)
    ax = series(compare(runs))
    assert list(ax.lines[0].get_xdata()) == [1, 4, 8]


def test_runs_that_are_no_series_say_so(two):
    ax = series(two)
    assert texts(ax) == ["not the checkpoints of one training"]
    assert not ax.lines


@pytest.mark.parametrize("plot", PLOTS)
def test_nothing_finite_is_said(plot):
    empty = nothing().datapoints
    runs = {name: replace(run, datapoints=empty.assign()) for name, run in checkpoints(1, 2).items()}
    ax = PLOTS[plot](compare(runs))
    assert texts(ax) == ["no finite values in common"]
    assert not ax.lines


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("name", only(ODD, "one datapoint", "negative gaps", "odd names", "one of them not finite"))
def test_odd_comparisons_are_drawn_inside_the_limits(plot, name):
    ax = PLOTS[plot](odd(name))
    ax.figure.draw_without_rendering()
    for line in ax.lines:
        if line.get_linestyle() != "--":
            low, high = ax.get_xlim()
            assert within(low, line.get_xdata(), high)
            low, high = sorted(ax.get_ylim())
            assert within(low, line.get_ydata(), high)


def test_of_many_runs_some_are_drawn_with_the_first_and_the_last():
    comparison = odd("many runs")
    shown = [label.get_text().splitlines()[0] for label in ladders(comparison).get_yticklabels()]
    assert len(shown) == 14
    assert (shown[0], shown[-1]) == ("epoch-0001", "epoch-0030")
    assert "14 of 30 runs" in ladders(comparison).get_title(loc="left")
    assert "6 of 29 runs" in differences(comparison).get_title(loc="left")


@pytest.mark.parametrize("plot", PLOTS)
def test_a_split_can_be_chosen(plot):
    runs = {
        name: join(run, three(split="train"), run=run.run)  # the same for all: what differs is in the other split
        for name, run in checkpoints(1, 2).items()
    }
    comparison = compare(runs)
    assert "train: 3 datapoints" in PLOTS[plot](comparison, split="train").get_title(loc="left")
    assert "test: 12 datapoints" in PLOTS[plot](comparison).get_title(loc="left")
    with pytest.raises(InputError, match="test, train"):
        PLOTS[plot](comparison, split="validation")


@pytest.mark.parametrize("plot", [differences, series])
def test_unknown_kinds_are_refused(plot, trained):
    with pytest.raises(InputError, match="gaps or bounds"):
        plot(trained, kind="ladders")


@pytest.mark.parametrize("plot", PLOTS)
def test_given_axes_are_drawn_on_and_nothing_global_changes(plot, trained):
    before, ax = dict(matplotlib.rcParams), Figure().add_subplot()
    assert PLOTS[plot](trained, ax=ax) is ax
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []
