"""Stacked bars of the two gaps, tested by what was drawn."""

from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from gapkit.core.errors import InputError
from gapkit.plots import gap_bars
from gapkit.plots.style import COLORS
from gapkit.results.verdict import plus_minus
from tests.fast import only
from tests.plots.tables import make, result_of
from tests.results.by_hand import FEW, ODD

NAMES = {
    COLORS["family"].lower(): "approximation_gap",
    COLORS["encoder"].lower(): "amortization_gap",
}


@pytest.fixture
def two():
    return result_of(
        make([-95.0, -92.0, -99.0, -97.0] * 3, [-90.0, -91.0, -93.0, -94.0] * 3, [-89.0, -90.5, -90.0, -92.0] * 3),
        make([-65.0, -62.0, -69.0] * 4, [-60.0, -61.0, -63.0] * 4, [-59.0, -60.5, -60.0] * 4, split="train"),
    )


def parts(ax):
    """Each bar as (row, gap): (from, to)."""
    return {
        (round(bar.get_y() + bar.get_height() / 2), NAMES[to_hex(bar.get_facecolor())]): (
            bar.get_x(),
            bar.get_x() + bar.get_width(),
        )
        for bar in ax.patches
    }


def whiskers(ax):
    return {
        (round(line.get_ydata()[0]), NAMES[line.get_color().lower()]): tuple(line.get_xdata())
        for line in ax.lines
        if line.get_marker() == "|"
    }


def labels(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def written(ax):
    """The texts above each bar in reading order, joined."""
    return "".join(text.get_text() for text in ax.texts)


def test_the_parts_of_a_bar_are_the_mean_gaps_end_to_end(two):
    ax = gap_bars(two)
    drawn = parts(ax)
    assert len(drawn) == 4
    for row, split in enumerate(("test", "train")):
        means = {name: values.mean for name, values in two.summary_values.splits[split].quantities.items()}
        assert drawn[row, "approximation_gap"] == pytest.approx((0.0, means["approximation_gap"]))
        assert drawn[row, "amortization_gap"] == pytest.approx((means["approximation_gap"], means["total_gap"]))
    assert labels(ax) == ["test\n12 datapoints", "train\n12 datapoints"]


def test_whiskers_are_the_paired_intervals_at_the_ends_of_the_parts(two):
    ax = gap_bars(two)
    for row, split in enumerate(("test", "train")):
        quantities = two.summary_values.splits[split].quantities
        start = quantities["approximation_gap"].mean
        assert whiskers(ax)[row, "approximation_gap"] == pytest.approx(
            quantities["approximation_gap"].interval_with_fits
        )
        expected = [start + end for end in quantities["amortization_gap"].interval_with_fits]
        assert whiskers(ax)[row, "amortization_gap"] == pytest.approx(expected)


def test_the_numbers_are_written_above_each_bar(two):
    for split in ("test", "train"):
        quantities = two.summary_values.splits[split].quantities
        approximation, amortization, total = (
            plus_minus(quantities[name]) for name in ("approximation_gap", "amortization_gap", "total_gap")
        )
        assert f"{approximation} and {amortization}, in all {total} nats" in written(gap_bars(two))


def test_gaps_below_zero_go_to_the_left_and_the_total_is_marked():
    result = result_of(make([-95.0, -94.0], [-90.0, -89.0], [-91.0, -91.0]))
    ax = gap_bars(result)
    assert parts(ax)[0, "approximation_gap"] == pytest.approx((0.0, -1.5))
    assert parts(ax)[0, "amortization_gap"] == pytest.approx((0.0, 5.0))
    (diamond,) = (line for line in ax.lines if line.get_marker() == "D")
    assert list(diamond.get_xdata()) == pytest.approx([3.5])
    assert "total" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert ax.get_xlim()[0] < -1.5


def test_without_negative_gaps_there_is_no_diamond(two):
    ax = gap_bars(two)
    assert not [line for line in ax.lines if line.get_marker() == "D"]
    assert "total" not in [text.get_text() for text in ax.get_legend().get_texts()]


def test_several_results_stand_under_their_names(two):
    other = result_of(make([-95.0, np.nan], [-93.0, -90.0], [-92.0, -89.0], split="validation"))
    name = "a $x_1$ <script>"
    ax = gap_bars({name: two, "b": other, "n" * 40: two})
    assert labels(ax)[:2] == [
        f"{name}\n12 datapoints",
        "b\n1 datapoint\n(1 left out)\n(too few for an interval)",
    ]
    assert labels(ax)[2].startswith("n" * 21 + "…")
    assert parts(ax)[1, "amortization_gap"] == pytest.approx((1.0, 3.0))
    assert parts(ax)[0, "amortization_gap"] == parts(gap_bars(two))[0, "amortization_gap"]


def test_a_row_without_finite_values_says_so(two):
    nothing = result_of(make([np.nan], [np.nan], [np.nan]))
    ax = gap_bars({"a": two, "b": nothing})
    assert {row for row, _ in parts(ax)} == {0}
    assert [text.get_text() for text in ax.texts][-1] == "no finite values"
    alone = gap_bars(nothing)
    assert [text.get_text() for text in alone.texts] == ["no finite values"]
    assert not alone.patches


def test_a_split_can_be_chosen(two):
    assert labels(gap_bars(two, split="train")) == ["train\n12 datapoints"]
    assert labels(gap_bars({"a": two}, split="train")) == ["a\n12 datapoints"]
    with pytest.raises(InputError, match="test, train"):
        gap_bars(two, split="validation")


@pytest.mark.parametrize("name", only(ODD, *FEW))
def test_odd_results_are_drawn_inside_the_limits(name):
    ax = gap_bars(ODD[name]())
    ax.figure.draw_without_rendering()
    low, high = ax.get_xlim()
    ends = [end for pair in (*parts(ax).values(), *whiskers(ax).values()) for end in pair]
    assert ends or written(ax) == "no finite values"
    assert all(low <= end <= high for end in ends)


def test_numbers_do_not_overlap_and_stay_inside_the_figure(two):
    ax = gap_bars(two)
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 8
    assert all(box.x1 <= ax.figure.bbox.x1 and box.y1 <= ax.figure.bbox.y1 for box in boxes)
    for one, next_one in pairwise(boxes[:4]):
        assert one.x1 <= next_one.x0 + 0.5


def test_given_axes_are_drawn_on_and_nothing_global_changes(two):
    before, ax = dict(matplotlib.rcParams), Figure().add_subplot()
    assert gap_bars(two, ax=ax) is ax
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []


def test_too_few_datapoints_have_no_whiskers_and_say_so():
    ax = gap_bars(result_of(make([-95.0], [-90.0], [-89.0])))
    assert not whiskers(ax)
    assert labels(ax) == ["test\n1 datapoint\n(too few for an interval)"]
    assert parts(ax)[0, "amortization_gap"] == pytest.approx((1.0, 6.0))
