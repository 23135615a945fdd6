"""ROC curves and histograms of scores, tested by what was drawn."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from gapkit.core.errors import InputError
from gapkit.ood import SCORES, describe, scores, separate
from gapkit.ood.words import LABELS, area
from gapkit.plots import roc, score_histogram, score_histograms
from gapkit.plots.style import COLORS
from tests.fast import only
from tests.ood.samples import pair, sample
from tests.plots.drawn import filled, stairs
from tests.results.by_hand import make, nothing


def curves(ax):
    """The curves by the first line of their label."""
    return {line.get_label().split("\n")[0]: line for line in ax.lines if "\n" in line.get_label()}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def bars(ax):
    """Edges and heights of the histograms by set."""
    colors = {"reference": COLORS["side"], "other": COLORS["encoder"]}
    return {role: stairs(part)[:2] for role, color in colors.items() for part in filled(ax, color)}


def test_every_curve_is_that_of_its_score():
    found = pair()
    drawn = curves(roc(found))
    values = found.summary_values.separation
    assert list(drawn) == [LABELS[name] for name in values.order]
    for name in values.order:
        curve = found.roc(name)
        np.testing.assert_array_equal(drawn[LABELS[name]].get_xdata(), curve["false_positives"])
        np.testing.assert_array_equal(drawn[LABELS[name]].get_ydata(), curve["true_positives"])


def test_the_legend_has_areas_and_intervals_and_chance_last():
    found = pair()
    legend = [text.get_text() for text in roc(found).get_legend().get_texts()]
    assert legend[-1] == "chance: 0.50"
    for name, text in zip(found.summary_values.separation.order, legend[:-1], strict=True):
        values = found.summary_values.separation.scores[name]
        low, high = (area(end) for end in values.ci95)
        assert text == f"{LABELS[name]}\n{area(values.auc)} (95%: {low} to {high})"


def test_the_ring_is_where_95_percent_are_found():
    found = pair()
    (ring,) = (line for line in roc(found).lines if line.get_marker() == "o")
    values = found.summary_values.separation.scores["regret"]
    assert ring.get_xdata()[0] == values.fpr95
    caught = (found.known("regret", "other") >= values.threshold95).mean()
    assert ring.get_ydata()[0] == pytest.approx(caught)
    assert caught >= 0.95


def test_axes_say_which_set_is_which():
    ax = roc(pair())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("share of mnist found as well", "share of letters found")
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 1), (0, 1))


def test_curves_differ_without_colours():
    lines = curves(roc(separate(*(scores(sample(3.0), name=n, complexity=np.zeros(60)) for n in "ab")))).values()
    assert len({str(line._dash_pattern) for line in lines}) == len(SCORES)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda: describe(sample(3.0), "a"), "no reference to compare with"),
        (lambda: separate(nothing(), sample(3.0)), "no finite scores of both sets"),
    ],
)
def test_without_curves_the_figure_says_why(found, words):
    ax = roc(found())
    assert texts(ax) == [words]
    assert not ax.lines


def test_histograms_are_shares_of_each_set():
    found = pair()
    drawn = bars(ax := score_histogram(found))
    for role in ("reference", "other"):
        edges, heights = drawn[role]
        known = found.known("regret", role)
        expected, _ = np.histogram(np.clip(known, edges[0], edges[-1]), edges)
        np.testing.assert_allclose(heights, expected / len(known))
        assert heights.sum() == pytest.approx(1.0)
    np.testing.assert_array_equal(drawn["reference"][0], drawn["other"][0])
    (rug,) = (part for part in ax.collections if hasattr(part, "get_segments"))
    assert len(rug.get_segments()) == sum(len(found.known("regret", role)) for role in drawn)


def test_values_far_out_are_in_the_outermost_bars():
    other = make([-1e6, -np.inf, *np.linspace(-99, -95, 58)], [-90.0] * 60, [-89.0] * 60)
    ax = score_histogram(separate(sample(3.0), other))
    _, heights = bars(ax)["other"]
    assert heights[-1] >= 2 / 60
    assert heights.sum() == pytest.approx(1.0)
    assert ax.get_xlim()[1] < 100


def test_all_scores_have_a_panel():
    found = separate(*(scores(sample(3.0), name=name, complexity=np.zeros(60)) for name in "ab"))
    figure = score_histograms(found).figure
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.axison] == [LABELS[name] for name in SCORES]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


ODD = {
    "one set": lambda: describe(sample(3.0), "a"),
    "one datapoint each": lambda: separate(make([-95.0], [-90.0], [-89.0]), make([-99.0], [-90.0], [-89.0])),
    "equal values": lambda: separate(*(make([-90.0] * 4, [-90.0] * 4, [-90.0] * 4) for _ in range(2))),
    "nothing finite": lambda: separate(nothing(), nothing()),
    "one set not finite": lambda: separate(sample(3.0), nothing()),
    "infinite": lambda: separate(sample(3.0), make([-np.inf] * 3, [-90.0] * 3, [-89.0] * 3)),
    "huge": lambda: separate(sample(3.0), make([-1e9, -1e8], [-90.0] * 2, [-89.0] * 2)),
    "names": lambda: separate(sample(3.0), sample(4.0), names=("$x^2$ <script>" * 9, "\\frac_{a} $")),
}


@pytest.mark.parametrize("name", only(ODD, "one datapoint each", "one set not finite", "names"))
def test_odd_scores_are_drawn_inside_the_figure(name):
    found = ODD[name]()
    for ax in (roc(found), score_histogram(found), score_histograms(found)):
        figure = ax.get_figure(root=True)
        figure.draw_without_rendering()
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box.x0 >= -0.01
        assert box.y0 >= -0.01
        assert box.x1 <= width + 0.01
        assert box.y1 <= height + 0.01


def test_given_axes_are_drawn_on_and_nothing_global_changes():
    before, figure = dict(matplotlib.rcParams), Figure()
    left, right = figure.subplots(1, 2)
    assert roc(pair(), ax=left) is left
    assert score_histogram(pair(), "total_gap", ax=right) is right
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == []


def test_an_unknown_score_is_refused():
    with pytest.raises(InputError, match="regret, total_gap"):
        score_histogram(pair(), "input_complexity")
