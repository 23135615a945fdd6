"""AIS by temperatures, fits by steps and the sandwich on simulated data, tested by what was drawn."""

from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba

from gapkit.core.errors import InputError
from gapkit.plots import ais_convergence, fit_convergence, simulated
from gapkit.plots.style import COLORS
from gapkit.report import build, render
from gapkit.report.blocks import Figure
from gapkit.report.figures import as_svg
from gapkit.results import Result
from gapkit.results.records import AisCertificate, Watched
from gapkit.results.summary import summarise
from tests.plots.evidence import WATCHED
from tests.plots.tables import make
from tests.results.edited import with_parts

COUNTS, STEPS = [5, 10, 20, 40], [0, 3, 12, 48]
RUN = {"settings": {"fit": {"tolerance": 0.02}, "evidence": {"ais": {"acceptance": 0.75}}}}
PLOTS = [ais_convergence, fit_convergence, simulated]


def summarised(values, errors):
    used = np.isfinite(values).all(1)
    means = []
    for value, error in zip(values[used].T, errors[used].T, strict=True):
        noise = float(np.sqrt((error**2).sum())) / used.sum() if used.any() else None
        mean = float(value.mean()) if used.any() else None
        means.append(
            {"mean": mean, "se_monte_carlo": noise, "ci95": [mean - 2 * noise, mean + 2 * noise]}
            if used.any()
            else {"mean": None, "se_monte_carlo": None, "ci95": None}
        )
    return means


def result(count=4, seed=0, scale=1.0, **changes):
    rng = np.random.default_rng(seed)
    rows = make(np.full(10, -100.0), -98.0 + rng.normal(0, 0.3, 10), np.full(10, -97.0))
    arrays = {
        "convergence_index": np.arange(count) * 2,
        "convergence_temperatures": np.array(COUNTS),
        "convergence_steps": np.array(STEPS),
        "convergence_ais_lower": -scale * rng.gamma(1.0, 0.1, (count, 4)),
        "convergence_ais_upper": scale * rng.gamma(1.0, 0.1, (count, 4)),
        "convergence_fit_left": scale * rng.gamma(1.0, 0.1, (count, 4)) * np.array([1.0, 0.2, 0.05, 0.0]),
        "simulated_lower": -90.0 - rng.gamma(1.0, 0.1, 7),
        "simulated_upper": -90.0 + rng.gamma(1.0, 0.1, 7),
        "simulated_acceptance_forward": rng.uniform(0.5, 0.9, 7),
        "simulated_acceptance_backward": rng.uniform(0.5, 0.9, 7),
        **changes,
    }
    for name in (
        "convergence_ais_lower",
        "convergence_ais_upper",
        "convergence_fit_left",
        "simulated_lower",
        "simulated_upper",
    ):
        arrays[f"{name}_se"] = np.full(arrays[name].shape, 0.02)
    mean = {
        side: summarised(arrays[f"convergence_{side}"], arrays[f"convergence_{side}_se"])
        for side in ("ais_lower", "ais_upper", "fit_left")
    }
    points = zip(COUNTS, mean["ais_lower"], mean["ais_upper"], strict=True)
    steps = zip(STEPS, mean["fit_left"], strict=True)
    watched = {
        "datapoints": count,
        "ais": {
            "chains": 32,
            "temperatures": 20,
            "log_px_se": 0.011,
            "curve": [
                {"temperatures": number, "lower": lower, "upper": upper, "acceptance": 0.7}
                for number, lower, upper in points
            ],
        },
        "fit": {"family": "mean_field", "curve": [{"steps": number, "left": left} for number, left in steps]},
    }
    gap = arrays["simulated_upper"] - arrays["simulated_lower"]
    certificate = {
        name: {"mean": float(value.mean()), "ci95": [0.0123, 0.4567], "median": 0.1234, "count": 7, "left_out": 0}
        for name, value in (("lower", arrays["simulated_lower"]), ("upper", arrays["simulated_upper"]), ("gap", gap))
    }
    summary = summarise(rows, certificate=AisCertificate.of(certificate))
    return Result(rows, with_parts(summary, convergence=Watched.of(watched)), RUN, arrays)


def lines(ax, color, alpha=None):
    """Lines through several points, by colour."""
    return [
        line
        for line in ax.lines
        if to_hex(line.get_color()) == color.lower() and line.get_alpha() == alpha and len(line.get_xdata()) > 2
    ]


def labels(ax):
    return [tick.get_text() for tick in ax.get_xticklabels()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


# ---- temperatures


def test_every_datapoint_and_both_means_are_drawn():
    drawn = result()
    ax = ais_convergence(drawn)
    for side, thin, thick in (("lower", "ais", "ais"), ("upper", "side", "rung")):
        own = lines(ax, COLORS[thin], 0.35)
        np.testing.assert_allclose([line.get_ydata() for line in own], drawn.details[f"convergence_ais_{side}"])
        assert all(line.get_xdata().tolist() == COUNTS for line in own)
        (mean,) = lines(ax, COLORS[thick])
        np.testing.assert_allclose(mean.get_ydata(), drawn.details[f"convergence_ais_{side}"].mean(0))
    assert (ax.get_xscale(), labels(ax)) == ("log", [str(count) for count in COUNTS])
    assert "temperatures" in ax.get_xlabel()
    assert "nats above reported log p(x)" in ax.get_ylabel()
    assert ax.get_title(loc="left") == "test: 4 datapoints, one by one and on average"


def test_intervals_and_the_number_in_use_are_marked():
    drawn = result()
    ax = ais_convergence(drawn)
    whiskers = [line.get_ydata() for line in ax.lines if line.get_marker() == "_"]
    curve = drawn.summary_values.splits["test"].convergence.ais.curve
    np.testing.assert_allclose(whiskers, [getattr(point, side).ci95 for side in ("lower", "upper") for point in curve])
    assert any(line.get_linestyle() == ":" and set(line.get_xdata()) == {20} for line in ax.lines)
    (band,) = ax.patches  # what the noise of the reported values may shift
    assert (band.get_y(), band.get_height()) == pytest.approx((-1.96 * 0.011, 2 * 1.96 * 0.011))
    assert "first round" in texts(ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "AIS: lower bound",
        "chains sent back: approximate upper bound",
    ]


def test_far_values_stay_inside():
    far = result(
        convergence_ais_lower=np.array([[-300.0, -20.0, -0.01, 0.0]] + [[-0.1, -0.05, 0.0, 0.0]] * 30), count=31
    )
    ax = ais_convergence(far)
    assert ax.get_ylim()[0] < -300
    assert "logarithmic beyond" in ax.get_ylabel()


# ---- steps


def test_fits_begin_at_the_encoder_and_end_at_the_optimum():
    drawn = result()
    ax = fit_convergence(drawn)
    gaps = drawn.datapoints.set_index("index")["amortization_gap"].loc[[0, 2, 4, 6]].to_numpy()
    own = lines(ax, COLORS["encoder"], 0.35)
    np.testing.assert_allclose([line.get_ydata()[0] for line in own], gaps)
    np.testing.assert_allclose([line.get_ydata()[1:] for line in own], drawn.details["convergence_fit_left"])
    (mean,) = lines(ax, COLORS["encoder"])
    np.testing.assert_allclose(mean.get_ydata(), drawn.details["convergence_fit_left"].mean(0))
    assert labels(ax) == ["encoder's\nq", "start of\nthe fit", "3", "12", "48"]
    assert "tolerance 0.02" in texts(ax)
    assert ax.get_ylabel() == "left to L[q*] (nats)\nlogarithmic beyond 0.02"
    low, high = ax.get_ylim()
    assert low < 0 < gaps.max() < high


def test_a_fit_that_got_worse_is_inside_too():
    ax = fit_convergence(result(convergence_fit_left=np.full((4, 4), -3.0)))
    assert ax.get_ylim()[0] < -3


# ---- simulated data


def test_simulated_differences_stand_in_their_order():
    drawn = result()
    ax = simulated(drawn)
    differences, strip = ax.child_axes
    gaps = drawn.details["simulated_upper"] - drawn.details["simulated_lower"]
    order = np.argsort(gaps)
    (marks,) = (part for part in differences.collections if len(part.get_offsets()) == 7)
    np.testing.assert_allclose(marks.get_offsets()[:, 1], gaps[order])
    lines = [part[:, 1] for part in differences.collections[0].get_segments()]
    half = 2 * np.hypot(0.02, 0.02)
    np.testing.assert_allclose(lines, np.stack([gaps[order] - half, gaps[order] + half], 1))
    assert any(np.allclose(line.get_ydata(), 0.1234) for line in differences.lines)
    assert "median 0.123" in texts(differences)
    low, high = differences.get_ylim()
    assert low < np.min(lines) < np.max(lines) < high
    for collection, name in zip(strip.collections, ("forward", "backward"), strict=True):
        np.testing.assert_allclose(collection.get_offsets()[:, 1], drawn.details[f"simulated_acceptance_{name}"][order])
    assert "7 datapoints simulated from the model" in ax.get_title(loc="left")
    assert "0.012 to 0.457" in ax.get_title(loc="left")
    assert differences.get_ylabel().startswith("upper minus lower (nats)")
    assert to_rgba(strip.collections[1].get_edgecolor()[0]) == to_rgba(COLORS["rung"])


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        ({"mean": None, "ci95": None}, ""),
        (
            {"mean": 0.1, "ci95": None, "range": (0.0, 0.25)},
            ":\nupper minus lower: 0.100 nats on average (range 0.000 to 0.250; too few for an interval)",
        ),
    ],
)
def test_bounds_without_an_interval_say_why(gap, words):
    whole = result()
    found = whole.summary_values.certificate
    summary = replace(whole.summary_values, certificate=replace(found, gap=replace(found.gap, **gap)))
    ax = simulated(replace(whole, summary_values=summary))
    assert ax.get_title(loc="left") == f"7 datapoints simulated from the model{words}"


@pytest.mark.parametrize("plot", [ais_convergence, fit_convergence, simulated])
def test_titles_stay_inside_the_picture(plot):
    ax = plot(result())
    ax.figure.draw_without_rendering()
    assert ax._left_title.get_window_extent().x1 <= ax.figure.bbox.x1


# ---- what all of them keep


@pytest.mark.parametrize("plot", PLOTS)
def test_nothing_global_changes_and_axes_may_be_given(plot):
    before, figures = dict(matplotlib.rcParams), plt.get_fignums()
    figure, ax = plt.subplots()
    assert plot(result(), ax) is ax
    figure.canvas.draw()
    plt.close(figure)
    assert (dict(matplotlib.rcParams), plt.get_fignums()) == (before, figures)


@pytest.mark.parametrize("plot", PLOTS)
def test_without_its_data_the_picture_says_so(plot):
    rows = make(np.array([-95.0, -94.0]), np.array([-92.0, -91.0]), np.array([-90.0, -89.0]))
    ax = plot(Result(rows, summarise(rows), {}))
    (note,) = texts(ax)
    assert any(word in note for word in ("one number", "not certified"))


@pytest.mark.parametrize("plot", [ais_convergence, fit_convergence])
def test_unknown_splits_are_refused(plot):
    with pytest.raises(InputError, match="split"):
        plot(result(), split="other")


@pytest.mark.parametrize("plot", PLOTS[:2])
def test_without_details_the_means_are_drawn(plot):
    whole = result()
    bare = Result(whole.datapoints, whole.summary_values, whole.run)
    drawn = [line for line in plot(bare).lines if line.get_marker() == "o"]
    assert drawn
    assert not lines(plot(bare), COLORS["ais"], 0.35)


@pytest.mark.parametrize("plot", PLOTS[:2])
@pytest.mark.parametrize("scale", [1.0, 0.0, np.nan], ids=["plain", "all equal", "nothing finite"])
@pytest.mark.parametrize("count", [1, 5])
def test_odd_numbers_are_drawn(plot, scale, count):
    ax = plot(result(count=count, scale=scale))
    ax.get_figure().canvas.draw()
    if np.isnan(scale):
        assert "one number" in texts(ax)[0]
    else:
        assert f"{count} datapoint" in ax.get_title(loc="left")


def test_the_report_shows_them_with_words_from_the_summary():
    drawn = result()
    document = build(drawn)
    figures = {block.name: block for block in document.blocks() if isinstance(block, Figure)}
    names = ("simulated-1", "ais-convergence-1", "fit-convergence-1")
    assert [name for name in figures if name in names] == list(names)
    curve = drawn.summary_values.splits["test"].convergence
    for point in curve.ais.curve:
        assert f"{point.temperatures} temperatures, {point.lower.mean:+.3f}" in figures[names[1]].alt
    for point in curve.fit.curve:
        assert f"{point.steps} steps, {point.left.mean:.3f}" in figures[names[2]].alt
    assert "How to read: AIS with other numbers of temperatures" in render(document)


@pytest.mark.parametrize("drawing", WATCHED, ids=lambda drawing: drawing.name)
def test_pictures_stay_small(drawing):
    many = {
        f"simulated_{side}": sign * np.random.default_rng(0).gamma(1.0, 0.1, 1000)
        for side, sign in (("lower", -1.0), ("upper", 1.0))
    }
    rates = {f"simulated_acceptance_{way}": np.full(1000, 0.7) for way in ("forward", "backward")}
    whole = result(count=10, **many, **rates)
    assert drawing.applies(whole, "test")
    assert 5_000 < len(as_svg(lambda: drawing.plot(whole, split="test"), "x")) < 200_000
    assert "nats" in drawing.describe(whole, "test")
    assert not drawing.applies(Result(whole.datapoints, summarise(whole.datapoints), {}), "test")
