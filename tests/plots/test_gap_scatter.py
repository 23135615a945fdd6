"""The scatter of the two gaps: its margins and what its colours tell, tested by what was drawn."""

from collections import Counter

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from gapkit.core.errors import InputError
from gapkit.ladder import STANDARD
from gapkit.plots import gap_scatter
from gapkit.plots.style import COLORS, colors_of
from gapkit.results import Result
from tests.plots.drawn import filled, offsets, points, stairs, texts
from tests.plots.tables import make, result_of


def frame(count=40, seed=0, **columns):
    rng = np.random.default_rng(seed)
    star = np.full(count, -90.0)
    rows = make(star - rng.lognormal(0.0, 1.0, count), star, star + rng.gamma(2.0, 0.5, count))
    return rows.assign(**columns)


def with_khats():
    """40 datapoints: half had 100 draws, whose threshold is 0.5, half 100,000, whose threshold is 0.7."""
    khat = np.tile([0.2, 0.49, 0.5, 0.6, 0.69, 0.7, 0.9, 1.2, np.inf, np.nan], 4)
    return frame(pooled_khat=khat, pooled_samples=[100] * 20 + [100_000] * 20)


def colored(ax):
    """How many points have each colour."""
    found = Counter()
    for part in ax.collections:
        found[to_hex(part.get_facecolor()[0]).upper()] += len(part.get_offsets())
    return found


def words(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("count", [1, 40, 3000])
def test_margins_are_histograms_of_the_gaps(count):
    rows = frame(count)
    ax = gap_scatter(result_of(rows))
    above, beside = ax.child_axes
    for margin, axis, name in ((above, ax.xaxis, "approximation_gap"), (beside, ax.yaxis, "amortization_gap")):
        (area,) = filled(margin, colors_of(STANDARD.gaps)[name])
        edges, counts, _ = stairs(area, across=margin is beside)
        expected = np.histogram(rows[name], bins=edges)[0]
        assert expected.sum() == count
        np.testing.assert_array_equal(counts, expected)
        np.testing.assert_allclose(edges[[0, -1]], axis.get_view_interval())
        (rug,) = (part for part in margin.collections if part is not area)  # so that a single datapoint is seen
        places = [line[0, int(margin is beside)] for line in rug.get_segments()]
        np.testing.assert_allclose(places, rows[name], atol=1e-9)
    assert above.get_xlim() == ax.get_xlim()
    assert beside.get_ylim() == ax.get_ylim()


def test_margins_stand_beside_given_axes_and_under_the_title():
    figure = Figure(figsize=(6, 5), layout="constrained")
    ax = figure.add_subplot()
    gap_scatter(result_of(frame()), ax=ax)
    figure.draw_without_rendering()
    above, beside = (margin.get_window_extent() for margin in ax.child_axes)
    main, title = ax.get_window_extent(), ax._left_title.get_window_extent()
    assert main.y1 <= above.y0 < above.y1 <= title.y0 + 1
    assert main.x1 <= beside.x0 < beside.x1 <= figure.bbox.x1
    assert title.y1 <= figure.bbox.y1


def test_extremes_leave_room_for_the_others_and_the_diagonal_is_where_gaps_are_equal():
    rows = make([-92.0 + 0.01 * i for i in range(99)] + [-900.0], [-91.0] * 100, [-90.5] * 100)
    ax = gap_scatter(result_of(rows))
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "symlog")
    assert "logarithmic beyond" in ax.get_ylabel()
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())
    ax.figure.draw_without_rendering()
    (worst,) = (text for text in ax.texts if text.get_text() == "99")
    place = ax.transAxes.inverted().transform(ax.transData.transform((0.5, 809.0)))
    np.testing.assert_allclose(worst.xy, place)


def test_khats_are_held_to_the_threshold_of_their_number_of_draws():
    ax = gap_scatter(result_of(with_khats()), color="khat")
    names = ["k-hat below its threshold (0.50 to 0.70)", "k-hat above it", "k-hat above 1", "k-hat unknown"]
    counts = [2 * 2 + 2 * 5, 2 * 5 + 2 * 2, 8, 4]
    assert words(ax)[:4] == [f"{name} ({count})" for name, count in zip(names, counts, strict=True)]
    colors = [COLORS[name] for name in ("trusted", "doubted", "ais", "side")]
    assert colored(ax) == dict(zip(colors, counts, strict=True))


def test_khats_stay_with_their_datapoints_where_rows_are_left_out():
    rows = with_khats()
    rows.loc[rows["pooled_khat"] < 0.6, ["log_px", "total_gap"]] = np.nan
    ax = gap_scatter(result_of(frame(5, split="other", pooled_khat=0.1), rows), split="test", color="khat")
    assert sum(colored(ax).values()) == 28
    expected = rows[rows["pooled_khat"].between(0.6, 0.69) & (rows["pooled_samples"] > 100)]
    gaps = expected[["approximation_gap", "amortization_gap"]].sort_values("approximation_gap").to_numpy()
    np.testing.assert_allclose(offsets(ax, COLORS["trusted"]), gaps)


def test_khats_of_the_encoder_stand_in_where_there_are_no_others():
    run = {"settings": {"iwae": {"num_samples": 100}}}
    result = result_of(frame(4, khat=[0.4, 0.6, 0.8, 2.0]))
    found = words(gap_scatter(Result(result.datapoints, result.summary_values, run), color="khat"))
    assert found[:3] == ["k-hat below its threshold (0.50) (1)", "k-hat above it (2)", "k-hat above 1 (1)"]


def test_classes_have_a_colour_each_in_their_order():
    labels = np.array(["10", "2", "$x_", None], object)
    ax = gap_scatter(result_of(frame(40, label=np.tile(labels, 10))), color="class")
    assert words(ax) == ["2 (10)", "10 (10)", "$x_ (10)", "no label (10)", "equal gaps"]
    assert list(colored(ax).values()) == [10] * 4
    ax.figure.draw_without_rendering()


def test_classes_beyond_ten_are_one_colour():
    label = [*np.repeat(np.arange(10), 3), *range(10, 20)]
    ax = gap_scatter(result_of(frame(40, label=label)), color="class")
    assert colored(ax)[COLORS["side"]] == 10
    assert words(ax)[:11] == [*(f"{number} (3)" for number in range(10)), "other classes (10)"]
    assert len(points(ax)) == 40


@pytest.mark.parametrize(
    "name", ["{}", "W" * 5 + "{}", "A LONG NAME OF CLASS {}", "class {} of a long name", "_hidden {}", "<b>$x_{}$</b>"]
)
def test_names_of_classes_stay_inside_the_picture(name):
    names = [name.format(number) for number in range(10)]
    ax = gap_scatter(result_of(frame(40, label=np.repeat(names, 4), status=["ok", "fit_budget"] * 20)), color="class")
    ax.figure.draw_without_rendering()
    assert len(words(ax)) == 12
    assert [text for text in words(ax) if text.startswith(name[:2].format(0))]
    legend, whole = ax.get_legend().get_window_extent(), ax.figure.bbox
    assert whole.x0 <= legend.x0 < legend.x1 <= whole.x1
    assert whole.y0 <= legend.y0


def test_flagged_points_are_explained_once():
    status = ["ok", "fit_budget"] * 20
    assert words(gap_scatter(result_of(frame(status=status)))) == [
        "log p(x) by importance sampling (40)",
        "status other than ok",
        "equal gaps",
    ]
    assert "status other than ok" not in words(gap_scatter(result_of(frame())))


@pytest.mark.parametrize(
    ("color", "found"),
    [("class", "no column 'label'"), ("khat", "neither pooled_khat nor khat"), ("rainbow", "no such colouring")],
)
def test_a_colour_that_cannot_be_is_refused(color, found):
    with pytest.raises(InputError, match=found):
        gap_scatter(result_of(frame()), color=color)


@pytest.mark.parametrize("color", ["khat", "class"])
def test_colours_of_a_result_without_finite_numbers(color):
    rows = make([np.nan] * 2, [np.nan] * 2, [np.nan] * 2).assign(pooled_khat=0.1, label=1)
    assert texts(gap_scatter(result_of(rows), color=color)) == ["no finite values"]
