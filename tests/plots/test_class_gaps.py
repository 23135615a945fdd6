"""The gaps of every class, tested by what was drawn."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from gapkit.core.errors import InputError
from gapkit.ladder import STANDARD
from gapkit.plots import class_gaps
from gapkit.plots.style import colors_of
from gapkit.results import Result
from gapkit.results.summary import summarise
from tests.results.labelled import classes_of, labelled

KINDS = ("approximation_gap", "amortization_gap")
SHADES = colors_of(STANDARD.gaps)


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def marks(ax, kind):
    (found,) = (line for line in lines(ax, kind) if line.get_marker() in ("o", "s"))
    return found.get_xydata()


def lines(ax, kind):
    return [line for line in ax.lines if to_hex(line.get_color()) == SHADES[kind].lower()]


def spans(ax, kind):
    """The intervals that are drawn."""
    drawn = [line.get_xdata() for line in lines(ax, kind) if line.get_marker() == "" and line.get_linestyle() == "-"]
    return [ends for ends in drawn if np.isfinite(ends).all()]


def test_every_class_has_a_line_the_largest_total_gap_on_top():
    whole = labelled(np.repeat(["dog", "$x_", "cat"], [10, 12, 30]), larger="cat", by=2.0)
    ax, classes = class_gaps(whole), classes_of(whole)
    assert names(ax) == [f"{part.label} ({part.datapoints})" for part in classes]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    for kind in KINDS:
        drawn = marks(ax, kind)
        np.testing.assert_allclose(drawn[:, 0], [part.quantities[kind].mean for part in classes])
        np.testing.assert_allclose(drawn[:, 1].round(), [0, 1, 2])
        np.testing.assert_allclose(spans(ax, kind), [part.quantities[kind].ci95 for part in classes])
        mean = whole.summary_values.quantities[kind].mean
        assert any(set(line.get_xdata()) == {mean} for line in ax.lines)
    assert ax.get_title(loc="left") == "test: 3 classes, means"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "approximation gap (family)",
        "amortization gap (encoder)",
    ]
    assert ax.get_xlabel() == "mean gap (nats); dashed: over all datapoints"
    ax.figure.draw_without_rendering()


def test_of_very_many_classes_the_worst_are_drawn():
    whole = labelled(np.arange(200) % 50)
    ax = class_gaps(whole)
    assert len(names(ax)) == 25
    assert names(ax)[0].startswith(f"{classes_of(whole)[0].label} ")
    assert ax.get_title(loc="left") == "test: 50 classes, the 25 with the largest gaps, means"


def test_a_class_of_one_and_long_names_are_drawn():
    ax = class_gaps(labelled(["a" * 300, *["b"] * 9]))
    ax.figure.draw_without_rendering()
    assert sorted(names(ax)) == [f"{'a' * 23}… (1)", "b (9)"]
    assert ax.get_xlim()[1] > max(marks(ax, kind)[:, 0].max() for kind in KINDS)


def test_classes_with_too_few_datapoints_have_no_lines_and_the_picture_says_why():
    whole = labelled(np.repeat(["few", "many"], [9, 10]))
    ax, many = class_gaps(whole), next(part for part in classes_of(whole) if part.label == "many")
    for kind in KINDS:
        np.testing.assert_allclose(spans(ax, kind), [many.quantities[kind].ci95])
    assert ax.get_xlabel().endswith("no line: too few datapoints for an interval")


@pytest.mark.parametrize(("labels", "note"), [([1.5] * 6, "no labels"), ([0, 1] * 3, "no finite")])
def test_without_classes_the_picture_says_so(labels, note):
    whole = labelled(labels)
    frame = whole.to_frame()
    if note == "no finite":
        frame[["total_gap", *KINDS]] = np.nan
    (text,) = class_gaps(Result(frame, summarise(frame), {})).texts
    assert note in text.get_text()


def test_unknown_splits_are_refused():
    with pytest.raises(InputError, match="split"):
        class_gaps(labelled([0, 1]), split="other")
