"""The figure of local steps and the rungs of further encoders, tested by what was drawn."""

from dataclasses import replace
from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from gapkit.core.errors import InputError
from gapkit.plots import ladder, semi_amortized
from gapkit.plots.style import COLORS
from gapkit.results import Result
from gapkit.results.records import Skipped
from gapkit.results.summary import summarise
from tests.plots.drawn import bars, texts
from tests.plots.tables import make, result_of
from tests.results.local_steps import curve_of, table

SHARES = {0: 0.0, 1: [0.5, 0.4, 0.3, 0.6] * 3, 5: 0.92, 20: 0.99}


def with_curve(shares=SHARES, gaps=(1.0, 4.0, 2.0, 5.0) * 3, **changes):
    gaps = np.array(gaps)
    rows = make(np.full(12, -90.0), -90.0 + gaps, np.full(12, -80.0))
    other = make([-60.0, -61.0], [-58.0, -58.0], [-57.0, -57.0], split="train")
    result = result_of(rows, other)
    curve = replace(curve_of(table(shares, gaps)), **changes)
    return replace(result, summary_values=replace(result.summary_values, semi_amortized=curve))


def curve_line(ax):
    (line,) = (line for line in ax.lines if line.get_marker() == "o")
    return np.array(line.get_xdata()), np.array(line.get_ydata())


def test_the_points_are_the_means_after_each_number_of_steps():
    result = with_curve()
    steps, levels = curve_line(semi_amortized(result))
    curve = result.summary_values.semi_amortized.curve
    assert steps.tolist() == [0, 1, 5, 20]
    np.testing.assert_allclose(levels, [point.elbo.mean for point in curve])
    np.testing.assert_allclose(levels[0], -90.0)


def test_points_have_the_share_of_the_gap_that_is_closed():
    result = with_curve()
    ax = semi_amortized(result)
    curve = result.summary_values.semi_amortized.curve[1:]
    assert texts(ax)[2:] == [f"{point.share.mean:.0%}" for point in curve]
    drawn = [(text.xy[0], text.xy[1]) for text in ax.texts[2:]]
    np.testing.assert_allclose(drawn, [(point.steps, point.elbo.mean) for point in curve])
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts[2:]]
    assert all(box.y0 >= ax.bbox.y0 and box.x1 <= ax.figure.bbox.x1 for box in boxes)
    assert all(one.x1 < two.x0 for one, two in pairwise(boxes))


def test_dashed_lines_are_at_the_encoder_and_at_the_optimum():
    ax = semi_amortized(with_curve())
    assert [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [-90.0, -87.0]
    assert texts(ax)[:2] == ["L[q]: -90.00", "L[q*]: -87.00"]


def test_a_dotted_line_marks_the_steps_that_close_90_percent():
    def dotted(result):
        return [line.get_xdata()[0] for line in semi_amortized(result).lines if line.get_linestyle() == ":"]

    assert dotted(with_curve()) == [5]
    assert dotted(with_curve({0: 0.0, 5: 0.3})) == []


def test_steps_are_on_a_scale_that_shows_zero_and_hundreds():
    ax = semi_amortized(with_curve({0: 0.0, 1: 0.5, 10: 0.9, 100: 0.99}))
    ax.figure.draw_without_rendering()
    assert ax.get_xscale() == "symlog"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "10", "100"]
    places = ax.transData.transform([(number, -90.0) for number in (0, 1, 10, 100)])[:, 0]
    assert (np.diff(places) > 20).all()
    assert places[-1] < ax.bbox.x1


def test_the_title_counts_the_datapoints_of_the_curve():
    rows = table(SHARES, np.array([1.0, 4.0, 2.0, 5.0] * 3))
    rows.loc[rows["index"] == 3, "left"] = np.nan
    result = with_curve(**vars(curve_of(rows)))
    assert semi_amortized(result).get_title(loc="left") == "test: 11 datapoints (1 not finite, left out), means"


@pytest.mark.parametrize("split", [None, "test", "train"])
@pytest.mark.parametrize("values", [None, Skipped("the encoder's family is 'flow'")])
def test_without_a_curve_the_figure_says_so(values, split):
    result = with_curve()
    summary = replace(result.summary_values, semi_amortized=values)
    ax = semi_amortized(Result(result.datapoints, summary, {}), split=split)
    assert texts(ax) == ["no curve of local steps"]
    assert ax.get_title(loc="left") == (split or "test")
    assert not ax.lines


def test_other_splits_have_no_curve():
    result = with_curve()
    assert texts(semi_amortized(result, split="train")) == ["no curve of local steps"]
    assert len(curve_line(semi_amortized(result, split="test"))[0]) == 4
    with pytest.raises(InputError, match="test, train"):
        semi_amortized(result, split="validation")


@pytest.mark.parametrize(
    ("shares", "gaps"),
    [
        ({0: 0.0, 1: 0.5}, [np.nan] * 4),
        ({0: 0.0, 1: 0.5}, [0.0] * 4),
        ({0: 0.0, 1: -3.0, 7: 1.3}, [1.0, 4.0, 2.0, 5.0]),
        ({0: 0.0, 1: 0.5}, [1e6, 4e6, 2e6, 5e6]),
    ],
)
def test_unusual_curves_are_drawn_inside_the_limits(shares, gaps):
    ax = semi_amortized(with_curve(shares, gaps * 3))
    ax.figure.draw_without_rendering()
    for line in ax.lines:
        if line.get_marker() in ("o", "_"):
            low, high = ax.get_ylim()
            assert ((low <= np.asarray(line.get_ydata())) & (np.asarray(line.get_ydata()) <= high)).all()
    assert ax.lines or texts(ax) == ["no finite values"]


def test_given_axes_are_drawn_on_and_nothing_global_changes():
    before, ax = dict(matplotlib.rcParams), Figure().add_subplot()
    assert semi_amortized(with_curve(), ax=ax) is ax
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []


def with_encoders(**levels):
    """Three rungs and further encoders whose mean L[q] is given."""
    frame = make([-95.0, -93.0], [-90.0, -91.0], [-89.0, -90.0])
    for name, level in levels.items():
        moved = level + np.array([-1.0, 1.0])
        frame = frame.assign(**{f"elbo_{name}": moved, f"gain_{name}": moved - frame["elbo"]})
        frame = frame.assign(**{f"left_{name}": frame["elbo_star"] - moved})
        frame = frame.assign(**{f"{kind}_{name}_se": 0.05 for kind in ("elbo", "gain", "left")})
    return result_of(frame)


def rung_labels(ax):
    return [" ".join(label.get_text().split("\n")[:2]) for label in ax.get_yticklabels()]


def test_further_encoders_are_rungs_by_their_height():
    result = with_encoders(refit=-92.0, worse=-96.0, lucky=-90.4)
    ax = ladder(result)
    labels = rung_labels(ax)
    assert labels[-3:] == ["L[q] refit (for comparison)", "L[q] -94.00", "L[q] worse (for comparison)"]
    assert labels.index("L[q] lucky (for comparison)") < labels.index("L[q*] -90.50")
    dots = {float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"}
    assert {-92.0, -96.0, -90.4} <= dots
    low, high = ax.get_xlim()
    assert all(low < dot < high for dot in dots)
    assert bars(ax)[COLORS["encoder"]] == (-90.5, -94.0)  # as without them
    colors = dict(zip(labels, (label.get_color() for label in ax.get_yticklabels()), strict=True))
    assert colors["L[q] refit (for comparison)"] == COLORS["side"]


def test_a_further_encoder_as_good_as_the_analysed_one_is_still_a_rung():
    assert "L[q] same (for comparison)" in rung_labels(ladder(with_encoders(same=-94.0)))


def test_more_rungs_make_a_taller_figure():
    plain, many = ladder(with_encoders()), ladder(with_encoders(a=-92.0, b=-93.0, c=-91.5))
    assert plain.figure.get_size_inches()[1] == pytest.approx(3.3)
    assert many.figure.get_size_inches()[1] > 4.5


def test_summaries_of_tables_with_encoders_survive_rows_that_are_not_finite():
    frame = with_encoders(refit=-92.0).to_frame()
    frame.loc[0, ["log_px", "total_gap", "approximation_gap"]] = np.nan
    assert "L[q] refit (for comparison)" in rung_labels(ladder(Result(frame, summarise(frame), {})))
