"""Pictures of a ladder of four rungs and three gaps: every one of them is drawn, named and told apart."""

import itertools
from functools import cache

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from gapkit.ladder import STANDARD, Gap, Ladder
from gapkit.plots import (
    class_gaps,
    differences,
    gap_bars,
    gap_distributions,
    gap_scatter,
    ladder,
    ladders,
    series,
)
from gapkit.plots.gaps import with_part
from gapkit.plots.style import color_of, colors_of
from gapkit.report.comparison_figures import draw_differences, draw_ladders, draw_series
from gapkit.report.figures import DRAWINGS
from tests.four_rungs import FOUR, four_rungs, four_rungs_comparison

RUNGS, GAPS = [rung.label for rung in FOUR.rungs], [gap.label for gap in FOUR.gaps]
SET = FOUR.gaps[1]


@cache
def analysed():
    return four_rungs(splits=("test", "train"), classes=3)


@cache
def compared():
    return four_rungs_comparison()


PLOTS = {
    "ladder": (lambda: ladder(analysed()), [*RUNGS, *GAPS]),
    "gap_bars": (lambda: gap_bars(analysed()), GAPS),
    "gap_distributions": (lambda: gap_distributions(analysed()), [*GAPS, "total gap"]),
    "class_gaps": (lambda: class_gaps(analysed()), GAPS),
    "ladders": (lambda: ladders(compared()), [*RUNGS, *GAPS]),
    "differences of gaps": (lambda: differences(compared()), [*GAPS, "total gap"]),
    "differences of bounds": (lambda: differences(compared(), kind="bounds"), RUNGS),
    "series of gaps": (lambda: series(compared()), [*GAPS, "total gap"]),
    "series of bounds": (lambda: series(compared(), kind="bounds"), [*RUNGS, *GAPS]),
}


def written(ax):
    """All words of a figure, each on one line."""
    return [" ".join(text.get_text().split()) for text in ax.figure.findobj(Text)]


@pytest.mark.parametrize("name", PLOTS)
def test_every_rung_and_gap_is_named(name):
    plot, names = PLOTS[name]
    words = written(plot())
    for label in names:
        assert any(text == label or text.startswith((f"{label} ", f"{label}:")) for text in words), label


@pytest.mark.parametrize("name", PLOTS)
def test_no_words_leave_the_figure(name):
    ax = PLOTS[name][0]()
    ax.figure.draw_without_rendering()
    ticks = ax.get_xticklabels()  # of which those outside the limits are not drawn
    for text in ax.figure.findobj(Text):
        if text.get_text() and text not in ticks:
            box = text.get_window_extent()
            assert ax.figure.bbox.x0 - 1 <= box.x0 <= box.x1 <= ax.figure.bbox.x1 + 1, text.get_text()


@pytest.mark.parametrize("name", ["ladders", "gap_bars", "ladder"])
def test_numbers_do_not_cover_each_other(name):
    ax = PLOTS[name][0]()
    ax.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in ax.texts]
    for one, other in itertools.combinations(boxes, 2):
        assert min(one.x1, other.x1) - max(one.x0, other.x0) < 1 or min(one.y1, other.y1) - max(one.y0, other.y0) < 1


def test_the_ladder_has_a_bar_from_rung_to_rung_for_every_gap():
    quantities = analysed().summary_values.quantities
    ax = ladder(analysed())
    bars = {line.get_color(): tuple(line.get_xdata()) for line in ax.lines if line.get_linewidth() == 6}
    whiskers = {line.get_color(): line.get_xdata() for line in ax.lines if line.get_marker() == "|"}
    for gap in FOUR.gaps:
        top, bottom = (quantities[rung.name].mean for rung in FOUR.ends(gap))
        assert bars[color_of(gap, FOUR)] == (top, bottom)
        low, high = quantities[gap.name].interval_with_fits
        np.testing.assert_allclose(whiskers[color_of(gap, FOUR)], [top - high, top - low])
    named = [text.get_text().split("\n") for text in ax.get_yticklabels()]
    assert [" ".join(words) for words in named[1::2]] == GAPS
    assert [words[0] for words in named[::2]] == RUNGS
    dots = [(float(line.get_ydata()[0]), float(line.get_xdata()[0])) for line in ax.lines if line.get_marker() == "o"]
    assert dots == [(2.0 * place, quantities[rung.name].mean) for place, rung in enumerate(FOUR.rungs)]


def test_side_notes_stand_between_the_rungs_they_lie_between():
    table = four_rungs().to_frame()
    notes = {"elbo_star_flow": table["elbo_star"] + 0.2, "elbo_near": table["elbo_set"] - 0.3}
    notes |= {"elbo_far": table["elbo"] - 0.4, "elbo_best": table["elbo_set"] + 0.1}
    table = table.assign(**notes, **{f"{name}_se": 0.01 for name in notes})
    table = table.assign(**{f"gain_{of}{error}": 0.1 for of in ("near", "far", "best") for error in ("", "_se")})
    table = table.assign(**{f"left_{of}{error}": 0.1 for of in ("near", "far", "best") for error in ("", "_se")})
    drawn = [text.get_text().split("\n")[0] for text in ladder(four_rungs(table=table)).get_yticklabels()]
    order = ["log p(x)", "L[q*] flow", "approximation", "L[q*]", "set", "L[q] best", "L[q_set]", "amortization"]
    assert drawn == [*order, "L[q] near", "L[q]", "L[q] far"]


def test_the_parts_of_a_bar_stand_end_to_end():
    quantities, ax = analysed().summary_values.quantities, gap_bars(analysed())
    first = [bar for bar in ax.patches if round(bar.get_y() + bar.get_height() / 2) == 0]
    assert [to_hex(bar.get_facecolor()) for bar in first] == [color_of(gap, FOUR).lower() for gap in FOUR.gaps]
    ends = np.cumsum([0.0, *(quantities[gap.name].mean for gap in FOUR.gaps)])
    np.testing.assert_allclose([bar.get_x() for bar in first], ends[:-1])
    np.testing.assert_allclose(ends[-1], quantities["total_gap"].mean)
    text = "".join(text.get_text() for text in ax.texts)
    assert text.count(", in all ") == 2


def test_bars_of_results_with_different_ladders_share_their_colours():
    ax = gap_bars({"four": four_rungs(), "three": four_rungs(ladder=STANDARD)})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == GAPS
    assert len(ax.patches) == 5


def test_a_run_has_a_bar_and_a_number_for_every_gap():
    ax, levels = ladders(compared()), compared().summary_values.splits["test"].levels
    for row, run in enumerate(levels):
        bars = [line for line in ax.lines if line.get_linewidth() == 6 and line.get_ydata()[0] == row]
        drawn = {line.get_color(): tuple(line.get_xdata()) for line in bars}
        for gap in FOUR.gaps:
            top, bottom = (levels[run][rung.name].mean for rung in FOUR.ends(gap))
            assert drawn[color_of(gap, FOUR)] == (bottom, top)
        dots = {line.get_marker(): line.get_xdata()[0] for line in ax.lines if line.get_ydata()[0] == row}
        for marker, rung in zip("oDs^", reversed(FOUR.rungs), strict=True):
            assert dots[marker] == levels[run][rung.name].mean


def test_marks_and_dashes_tell_the_bounds_of_a_training_apart():
    lines = series(compared(), kind="bounds").lines
    assert len({(line.get_marker(), line.get_linestyle()) for line in lines}) == 4
    assert len({line.get_marker() for line in series(compared()).lines}) == 4


def test_colours_are_those_of_the_parts_and_distinct():
    colors = colors_of(FOUR.all_gaps)
    assert len(set(colors.values())) == 4
    usual = colors_of(STANDARD.all_gaps)
    assert {name: colors[name] for name in usual} == usual
    twice = (Gap("one", "one gap", "encoder"), Gap("two", "two gap", "encoder"), Gap("three", "three gap", "other"))
    assert len(set(colors_of(twice).values())) == 3


def test_descriptions_name_every_rung_and_gap():
    whole = analysed()
    for drawing in DRAWINGS:
        if drawing.place in ("ladder", "gaps", "classes"):
            assert drawing.applies(whole, "test"), drawing.name
            words = drawing.describe(whole, "test")
            for gap in FOUR.gaps:
                assert (gap.short in words.lower()) or (drawing.name == "gap-scatter" and gap == SET), drawing.name
            assert drawing.name != "ladder" or all(f"{label} -" in words for label in RUNGS)
    for figures in (draw_ladders, draw_series, draw_differences):
        words = " ".join(figure.alt for figure in figures(compared(), "test", 1))
        assert all(label in words for label in (*RUNGS, "Approximation gap", "Set gap", "Amortization gap"))
    caption = draw_series(compared(), "test", 1)[1].caption.more
    assert "between L[q] and L[q_set] is the amortization gap, that between L[q_set] and L[q*] the set gap" in caption


def test_the_scatter_is_of_the_familys_and_the_encoders_gap():
    ax = gap_scatter(analysed())
    assert ax.get_xlabel().startswith("approximation gap (family)")
    assert ax.get_ylabel().startswith("amortization gap (encoder)")
    plain = Ladder(FOUR.rungs[2:], (FOUR.gaps[2],))
    without = four_rungs(ladder=plain)
    assert "no gap of the family" in gap_scatter(without).texts[0].get_text()
    (drawing,) = (drawing for drawing in DRAWINGS if drawing.name == "gap-scatter")
    assert not drawing.applies(without, "test")


def test_two_rungs_are_drawn_too():
    two = four_rungs(ladder=Ladder(FOUR.rungs[2:], (FOUR.gaps[2],)))
    assert [" ".join(text.get_text().split()) for text in ladder(two).get_yticklabels()][1] == "amortization gap"
    for plot in (gap_bars, gap_distributions):
        plot(two).figure.draw_without_rendering()
    ladders(four_rungs_comparison({"a": two, "b": two})).figure.draw_without_rendering()


def test_words_of_a_gap_that_is_neithers_have_no_brackets():
    assert with_part(SET) == "set gap"
