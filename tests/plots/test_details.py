"""What a run keeps beside the table: the plots and the report's figures of it, sound whatever it is."""

import re
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import pytest

from gapkit.core.errors import InputError
from gapkit.plots.contours import contours
from gapkit.plots.gallery import gallery
from gapkit.plots.iwae_curve import iwae_curve
from gapkit.plots.latents import latents
from gapkit.plots.style import COLORS
from gapkit.report import build, render
from gapkit.report.figures import DRAWINGS, as_svg
from gapkit.report.figures.details import DETAILS
from gapkit.results import Result
from tests.fast import only
from tests.plots.details import curve, maps, names, pictures, result, texts, used
from tests.results.by_hand import FEW, ODD, join, make

PLOTS = [latents, iwae_curve, gallery, contours]
SPLIT = 'a <script>"x"</script> $y_ 🙂'


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
@pytest.mark.parametrize("name", only(ODD, *FEW))
def test_results_without_these_parts_say_so(plot, name):
    whole = ODD[name]()
    for split in whole.summary_values.splits:
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
        pytest.param(result({**pictures((3, 9, 9)), **maps(7)}), marks=pytest.mark.slow),
        result({**pictures(count=1), **maps(rows=1)}, latents=used((0.5,)), iwae_curve=curve(2)),
        result(latents=used((0.0, 0.0)), iwae_curve=curve(spread=0.0)),
        result(split=SPLIT),
        pytest.param(result(latents=used([0.5] * 20 + [0.0] * 50), iwae_curve=curve(5000, 2)), marks=pytest.mark.slow),
        result(latents=used(count=1), iwae_curve=curve(count=1)),
    ],
    ids=["plain", "more latents", "single", "equal", "odd name", "many latents", "one datapoint"],
)
def test_figures_of_the_report_are_sound(whole):
    split = next(iter(whole.summary_values.splits))
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


def test_panels_lie_within_the_axes_and_apart():
    ax = contours(result({**pictures(), **maps(rows=4)}))
    ax.figure.draw_without_rendering()
    whole, boxes = ax.get_window_extent(), [panel.get_window_extent() for panel in ax.child_axes]
    assert all(whole.x0 - 1 <= box.x0 < box.x1 <= whole.x1 + 1 for box in boxes)
    assert not any(one.overlaps(two) for i, one in enumerate(boxes) for two in boxes[i + 1 :])
