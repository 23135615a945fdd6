"""The figures that need more than the table, tested by what was drawn, and how they stand in the report."""

import re
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from gapkit.core.errors import InputError
from gapkit.core.regions import mass_inside, points_inside
from gapkit.plots.contours import contours
from gapkit.plots.gallery import gallery, image_shape
from gapkit.plots.iwae_curve import iwae_curve
from gapkit.plots.latents import latents
from gapkit.plots.style import COLORS
from gapkit.report import build, render
from gapkit.report.figures import DRAWINGS, as_svg
from gapkit.report.figures.details import DETAILS
from gapkit.results import Result
from gapkit.results.iwae_curve import group_sizes, grouped_bounds, summarise_iwae_curve
from gapkit.results.latent_use import summarise_latents
from tests.results.by_hand import ODD, join, make

PLOTS = [latents, iwae_curve, gallery, contours]
SPLIT = 'a <script>"x"</script> $y_ 🙂'


def used(variances=(1.0, 0.5, 0.001), count=40, **changes):
    """What a summary says of the latents, by the variances of the posterior means."""
    rng = np.random.default_rng(0)
    loc = rng.normal(size=(count, len(variances))) * np.sqrt(variances)
    scale = np.sqrt(np.clip(1 - np.array(variances), 0.05, 1)) * np.ones_like(loc)
    noise = rng.normal(size=(4, count, len(variances)))
    return {**summarise_latents(loc, scale, np.log(scale).sum(1), noise), **changes}


def curve(draws=256, count=12, spread=2.0):
    log_w = np.random.default_rng(1).normal(-91.0, spread, (draws, count))
    return summarise_iwae_curve(grouped_bounds(log_w), draws, np.full(count, -88.0), np.full(count, 0.1))


def pictures(shape=(8, 8), count=3, seed=0):
    rng = np.random.default_rng(seed)
    rows = ("x", "under_q", "under_q_star", "posterior_sample")
    images = {f"worst_{row}": rng.random((count, *shape)).astype(np.float32) for row in rows}
    return {"worst_index": np.arange(count)[::-1].copy(), **images}


def maps(dimensions=2, rows=2, seed=0):
    """Normal posteriors at the origin; q is a standard normal one displaced to the right."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(-6, 6, 96)
    x, y = np.meshgrid(axis, axis)

    def normal(mean, scale):
        return -0.5 * (((x - mean) / scale) ** 2 + (y / scale) ** 2) - np.log(2 * np.pi * scale**2)

    density = np.stack([normal(0.0, 1.0), normal(1.5, 1.0), normal(0.0, 0.7)])
    points = rng.normal(size=(300, 2))
    if dimensions == 2:
        inside = [mass_inside(density[0], part, 0.95) for part in density]
    else:
        inside = [np.nan, *(points_inside(points, axis, axis, part, 0.95) for part in density[1:])]
        density[0] = np.nan
    parts = {"x": axis, "y": axis, "log_density": density, "inside": np.array(inside), "points": points}
    parts |= {"plane": rng.normal(size=(3, dimensions)), "effective": np.array(250.0)}
    stacked = {f"contours_{name}": np.stack([part] * rows).astype(np.float32) for name, part in parts.items()}
    return {
        "contours_index": np.arange(rows),
        "contours_columns": np.array(["true posterior", "q", "q* mean field"]),
        **stacked,
    }


def result(details=None, split="test", **parts):
    """Three datapoints and whatever parts a test wants."""
    whole = make([-95.0, -92.0, -99.0], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0], split=split)
    parts = parts or {"latents": used(), "iwae_curve": curve()}
    summary = {**whole.summary_values}
    summary["splits"] = {split: {**summary["splits"][split], **parts}}
    details = {**pictures(), **maps()} if details is None else details
    return Result(whole.datapoints, summary, {"details": {"split": split}}, details)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def names(whole, split="test"):
    return [drawing.name for drawing in DETAILS if drawing.applies(whole, split)]


# ---- all of them


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_return_the_axes_they_drew_on_and_leave_no_trace(plot):
    before = dict(matplotlib.rcParams)
    _, ax = plt.subplots()
    assert plot(result(), ax=ax) is ax
    plt.close("all")
    assert plot(result()).figure is not None
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("name", ODD)
def test_results_without_these_parts_say_so(plot, name):
    whole = ODD[name]()
    for split in whole.summary_values["splits"]:
        ax = plot(whole, split=split)
        assert len(texts(ax)) == 1
        assert texts(ax)[0].startswith("no ")
        assert not [*ax.lines, *ax.collections, *ax.patches, *ax.images, *ax.child_axes]
        assert names(whole, split) == []
    with pytest.raises(InputError, match="validation"):
        plot(whole, split="validation")


@pytest.mark.parametrize(
    "whole",
    [
        result(),
        result({**pictures((3, 9, 9)), **maps(7)}),
        result({**pictures(count=1), **maps(rows=1)}, latents=used((0.5,)), iwae_curve=curve(2)),
        result(latents=used((0.0, 0.0)), iwae_curve=curve(spread=0.0)),
        result(split=SPLIT),
        result(latents=used([0.5] * 20 + [0.0] * 50), iwae_curve=curve(5000, 2)),
        result(latents=used(count=1), iwae_curve=curve(count=1)),
    ],
    ids=["plain", "more latents", "single", "equal", "odd name", "many latents", "one datapoint"],
)
def test_figures_of_the_report_are_sound(whole):
    split = next(iter(whole.summary_values["splits"]))
    assert names(whole, split) == ["latent-use", "posterior-maps", "iwae-curve", "gallery"]
    neutral = {"#000000", "#222222", "#767676", "#b0b0b0", "#ffffff"}
    for drawing in DETAILS:
        svg = as_svg(lambda drawing=drawing: drawing.plot(whole, split=split), drawing.name)
        ElementTree.fromstring(svg)
        assert len(svg) < 300_000
        colors = {color.lower() for color in re.findall(r"#[0-9a-fA-F]{6}\b", svg)}
        assert colors <= neutral | {color.lower() for color in COLORS.values()}
        assert drawing.caption.line.startswith("How to read: ")
        assert not re.search(r"\bnan\b|None|inf\b", drawing.describe(whole, split))
        assert re.search(r"\d", drawing.describe(whole, split))
        assert drawing.photographic == (drawing.name == "gallery")
    assert set(DETAILS) <= set(DRAWINGS)


def test_names_are_text_and_every_figure_is_in_the_report():
    page = render(build(result(split=SPLIT)))
    assert SPLIT not in page
    assert all(f'id="{drawing.name}-1"' in page for drawing in DETAILS)


def test_other_splits_have_no_pictures():
    whole = result()
    both = join(whole, make([-95.0], [-90.0], [-89.0], split="train"), run=whole.run)
    both = Result(both.datapoints, both.summary_values, both.run, whole.details)
    assert names(both, "train") == []
    assert texts(gallery(both, split="train")) == ["no pictures of datapoints"]
    assert texts(contours(both, split="train")) == ["no maps of posteriors"]
    assert gallery(both).images


# ---- the latents


def test_bars_are_divergences_largest_first_and_crosses_the_collapsed_ones():
    values = used((0.001, 0.5, 1.0, 0.0))
    ax = latents(result(latents=values))
    means = values["kl_per_dimension"]["mean"]
    drawn = {round(bar.get_x() + 0.4): (bar.get_height(), to_hex(bar.get_facecolor())) for bar in ax.patches}
    order = np.argsort(means)[::-1]
    np.testing.assert_allclose([drawn[place][0] for place in (1, 2, 3, 4)], np.array(means)[order])
    assert [label.get_text() for label in ax.get_xticklabels()] == [str(number) for number in order]
    active = np.array(values["active"])[order]
    assert active.sum() == 2
    colors = {True: COLORS["family"], False: COLORS["encoder"]}
    assert [drawn[place][1].upper() for place in (1, 2, 3, 4)] == [colors[bool(part)] for part in active]
    (crosses,) = (line for line in ax.lines if line.get_marker() == "x")
    assert crosses.get_xdata().tolist() == (np.flatnonzero(~active) + 1).tolist()
    title = ax.get_title(loc="left").splitlines()
    assert title[1] == "Posterior collapse in part: 2 of 4 latent dimensions are active."
    assert title[2] == f"Mean KL(q(z|x) || p(z)): {values['kl']['mean']:.2f} nats"
    assert f"I(x; z): {values['mutual_information']['mean']:.2f} (limit of 40 datapoints: 3.69)" in title[3]
    assert title[4] == f"KL(q(z) || p(z)): {values['aggregate_kl']['mean']:.2f}"


def test_whiskers_are_95_percent_intervals_within_the_axes():
    values = used()
    ax = latents(result(latents=values))
    segments = ax.collections[0].get_segments()
    order = np.argsort(values["kl_per_dimension"]["mean"])[::-1]
    expected = np.array(values["kl_per_dimension"]["ci95"])[order]
    np.testing.assert_allclose([part[:, 1] for part in segments], expected)
    assert ax.get_ylim()[1] > expected.max()


def test_few_datapoints_have_bars_without_whiskers():
    values = used(count=9)
    ax = latents(result(latents=values))
    assert values["kl_per_dimension"]["ci95"] is None
    assert not [part for part in ax.collections[0].get_segments() if len(part)]
    assert ax.get_xlabel().endswith("(too few datapoints for intervals)")
    assert ax.get_ylim()[1] > max(values["kl_per_dimension"]["mean"])


def test_an_estimate_at_its_limit_is_called_a_bound():
    lines = latents(result(latents=used(at_limit=True))).get_title(loc="left").splitlines()
    assert lines[3].endswith("or more; 40 datapoints show no more")
    assert len(lines) == 4  # what is left of the divergence would be the limit's doing


def test_latents_that_have_no_closed_form_say_why():
    values = used(kl=None, kl_per_dimension=None, missing={"kl": "the prior is not standard normal"})
    ax = latents(result(latents=values))
    assert texts(ax) == ["the prior is not standard normal"]
    assert "active" in ax.get_title(loc="left")
    assert names(result(latents=values, iwae_curve=curve()))[0] == "posterior-maps"
    skipped = {"skipped": "q(z|x) is not Gaussian"}
    assert texts(latents(result(latents=skipped))) == ["no picture of the latents: q(z|x) is not Gaussian"]


def test_many_latents_are_not_named():
    ax = latents(result(latents=used([0.5] * 100)))
    ax.figure.draw_without_rendering()
    assert len([label for label in ax.get_xticklabels() if label.get_text()]) < 12


# ---- bounds against draws


def test_points_are_the_mean_bounds_and_whiskers_their_differences_to_the_last():
    values = curve()
    ax = iwae_curve(result(iwae_curve=values))
    (line,) = (line for line in ax.lines if line.get_marker() == "o")
    assert list(line.get_xdata()) == list(group_sizes(256))
    np.testing.assert_allclose(line.get_ydata(), [point["bound"] for point in values["curve"]])
    whiskers = [line.get_ydata() for line in ax.lines if line.get_marker() == "_"]
    last = values["curve"][-1]["bound"]
    expected = [[last - end for end in point["below"]["ci95"]] for point in values["curve"][:-1]]
    np.testing.assert_allclose(whiskers, expected)
    low, high = ax.get_ylim()
    assert low < np.min(whiskers) < -88.0 < high
    (level,) = (line for line in ax.lines if line.get_linestyle() == "--")
    assert level.get_ydata()[0] == -88.0
    first = values["curve"][0]["bound"]
    assert texts(ax) == ["log p(x): -88.00", f"k = 1: {first:.2f}\nk = 256: {last:.2f}"]


def test_few_datapoints_have_a_curve_without_whiskers():
    ax = iwae_curve(result(iwae_curve=curve(count=9)))
    assert not [end for line in ax.lines if line.get_marker() == "_" for end in line.get_ydata()]
    assert texts(ax)[1].endswith("\ntoo few datapoints for intervals")


def test_a_curve_without_finite_datapoints():
    ax = iwae_curve(
        result(iwae_curve=summarise_iwae_curve(grouped_bounds(np.full((9, 2), np.nan)), 9, *np.ones((2, 2))))
    )
    assert texts(ax) == ["no finite values"]


def test_ticks_do_not_run_into_each_other():
    ax = iwae_curve(result(iwae_curve=curve(1030)))
    assert [label.get_text() for label in ax.get_xticklabels()][-3:] == ["200", "500", "1,030"]
    ax = iwae_curve(result(iwae_curve=curve(128)))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "5", "10", "20", "50", "128"]


# ---- pictures


@pytest.mark.parametrize("shape", [(8, 8), (64,), (1, 8, 8), (5, 9)])
def test_grey_tiles_are_the_stored_arrays(shape):
    details = pictures(shape)
    ax = gallery(result(details))
    height, width = (8, 8) if len(shape) != 2 else shape
    shown = [np.asarray(image.get_array()) for image in ax.images]
    assert len(shown) == 15
    stored = [details[f"worst_{row}"] for row in ("x", "under_q", "under_q_star", "posterior_sample")]
    stored.insert(3, stored[2].astype(float) - stored[1].astype(float))
    for image, expected in zip(shown, (tile for row in stored for tile in row), strict=True):
        np.testing.assert_allclose(image, expected.reshape(height, width), rtol=1e-6)
    left = [image.get_extent()[0] for image in ax.images]
    assert left[:3] == left[3:6] == sorted(left[:3])


def test_colour_tiles_have_their_channels_last():
    details = pictures((3, 6, 7))
    image = np.asarray(gallery(result(details)).images[4].get_array())
    np.testing.assert_allclose(image, np.moveaxis(details["worst_under_q"][1], 0, -1), rtol=1e-6)
    change = np.asarray(gallery(result(details)).images[10].get_array())  # one number per pixel, of all channels
    both = (details[f"worst_{row}"][1].astype(float) for row in ("under_q_star", "under_q"))
    np.testing.assert_allclose(change, np.subtract(*both).mean(0), rtol=1e-6)


def test_columns_are_named_by_index_and_gaps_of_the_table():
    ax = gallery(result())
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "#2\n6.00 + 3.00",
        "#1\n1.00 + 0.50",
        "#0\n5.00 + 1.00",
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "data x",
        "under q",
        "under q*",
        "q* minus q",
        "posterior\nsample",
    ]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((28, 28), (1, 28, 28)),
        ((1, 28, 20), (1, 28, 20)),
        ((3, 32, 32), (3, 32, 32)),
        ((64,), (1, 8, 8)),
        ((784,), (1, 28, 28)),
        ((49,), None),
        ((65,), None),
        ((2, 32, 32), None),
        ((32, 32, 3), None),
        ((2, 50), None),
        ((), None),
        ((1, 3, 8, 8), None),
    ],
)
def test_which_data_are_images(shape, expected):
    assert image_shape(shape) == expected
    assert bool(gallery(result(pictures(shape))).images) == bool(expected)


def test_brightness_is_that_of_the_data_for_all_rows():
    details = pictures()
    details["worst_x"] = details["worst_x"] * 200 - 50
    details["worst_under_q"] = details["worst_under_q"] * 1000 - 500
    low, high = details["worst_x"].min(), details["worst_x"].max()
    shown = np.asarray(gallery(result(details)).images[3].get_array())
    expected = np.clip((details["worst_under_q"][0] - low) / (high - low), 0, 1)
    np.testing.assert_allclose(shown, expected, rtol=1e-5, atol=1e-6)
    details["worst_x"] = np.full_like(details["worst_x"], 7.0)
    assert np.isfinite(np.asarray(gallery(result(details)).images[0].get_array())).all()


def test_a_missing_sample_is_an_empty_tile():
    details = pictures()
    details["worst_posterior_sample"][:] = np.nan
    ax = gallery(result(details))
    assert np.ma.getmaskarray(ax.images[-1].get_array()).all()
    assert not np.ma.getmaskarray(ax.images[0].get_array()).any()


@pytest.mark.parametrize("shape", [(3, 128, 96), (3, 40, 40), (200, 200)])
def test_large_noisy_pictures_make_a_small_file(shape):
    whole = result(pictures(shape, 8))
    assert len(as_svg(lambda: gallery(whole), "gallery")) < 300_000
    image = np.asarray(gallery(whole).images[0].get_array())
    assert max(image.shape[:2]) <= 36
    stored = whole.details["worst_x"][0]
    grey = stored.mean(0) if stored.ndim == 3 else stored
    shown = image.mean(2) if image.ndim == 3 else image
    step = -(-max(grey.shape) // 36)
    np.testing.assert_allclose(shown[0, 0], grey[:step, :step].mean(), rtol=1e-5)


# ---- maps


def line_of(panel, which):
    """The extent of a contour line in x: 0 the outer one, 1 the inner one."""
    (contour,) = (part for part in panel.collections if part.get_edgecolor().size and not part.get_rasterized())
    return contour.get_paths()[which].vertices


def test_lines_enclose_half_and_95_percent_of_each_density():
    ax = contours(result(maps()))
    assert len(ax.child_axes) == 6
    for column, (mean, scale) in enumerate([(0.0, 1.0), (1.5, 1.0), (0.0, 0.7)]):
        panel = ax.child_axes[column]
        for which, mass in enumerate((0.95, 0.5)):
            radius = scale * np.sqrt(-2 * np.log(1 - mass))  # of a normal distribution in the plane
            away = np.hypot(*(line_of(panel, which) - [mean, 0.0]).T)
            np.testing.assert_allclose(away, radius, atol=0.06)


def test_the_number_says_how_much_of_the_posterior_lies_inside():
    whole = result(maps())
    panels = contours(whole).child_axes
    inside = whole.details["contours_inside"]
    assert [texts(panel) for panel in panels] == [
        [],
        *([f"{share:.0%}"] for share in inside[0, 1:]),
        [],
        *([f"{share:.0%}"] for share in inside[1, 1:]),
    ]
    # A displaced normal distribution: by simulation.
    draws = np.random.default_rng(0).normal(size=(200_000, 2)) - [1.5, 0.0]
    assert inside[0, 1] == pytest.approx(((draws**2).sum(1) < -2 * np.log(0.05)).mean(), abs=0.01)


def test_with_more_latents_draws_are_points_in_every_panel():
    whole = result(maps(7))
    ax = contours(whole)
    for panel in ax.child_axes:
        (points,) = (part for part in panel.collections if part.get_rasterized())
        drawn = np.asarray(points.get_offsets())
        np.testing.assert_array_equal(drawn, whole.details["contours_points"][0][: len(drawn)])
        assert len(drawn) >= 200
    assert not [part for part in ax.child_axes[0].collections if not part.get_rasterized()]
    assert "two of 7 directions" in ax.get_title(loc="left")
    assert "both latents" in contours(result(maps())).get_title(loc="left")


def test_rows_and_columns_are_named():
    words = texts(contours(result(maps())))
    assert words == ["true posterior", "q", "q* mean field", "#0\ngap 6.00", "#1\ngap 1.50"]


@pytest.mark.parametrize("bad", [-np.inf, np.nan, 0.0], ids=["nowhere", "unknown", "flat"])
def test_odd_densities_are_drawn_without_lines(bad):
    details = maps()
    details["contours_log_density"][:, 1] = bad
    panel = contours(result(details)).child_axes[1]
    assert not [part for part in panel.collections if not part.get_rasterized()]


def test_a_density_that_is_nothing_in_places():
    details = maps()
    density = details["contours_log_density"]
    density[:, 1][density[:, 1] < -4] = -np.inf
    away = np.hypot(*(line_of(contours(result(details)).child_axes[1], 1) - [1.5, 0.0]).T)
    left = 1 - np.exp(np.log(2 * np.pi) - 4)  # of its mass, half of which is inside
    np.testing.assert_allclose(away, np.sqrt(-2 * np.log(1 - left / 2)), atol=0.06)


def test_panels_lie_within_the_axes_and_apart():
    ax = contours(result({**pictures(), **maps(rows=4)}))
    ax.figure.draw_without_rendering()
    whole, boxes = ax.get_window_extent(), [panel.get_window_extent() for panel in ax.child_axes]
    assert all(whole.x0 - 1 <= box.x0 < box.x1 <= whole.x1 + 1 for box in boxes)
    assert not any(one.overlaps(two) for i, one in enumerate(boxes) for two in boxes[i + 1 :])
