"""The figures of bounds and evidence in the report: where they stand, what they say, how much they weigh."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from gapkit.plots.style import CLASSES, COLORS
from gapkit.report.figures import DRAWINGS, as_svg, draw
from gapkit.report.figures.bounds import BOUNDS
from gapkit.report.figures.evidence import EVIDENCE
from gapkit.results import Result
from gapkit.results.summary import summarise
from gapkit.results.verdict import plus_minus
from tests.fast import only
from tests.plots.evidence import RUN, SIMULATED, WATCHED, frame, result
from tests.results.by_hand import ODD

# Those of a few watched or simulated datapoints have tests beside their plots.
MINE = [drawing for drawing in (*BOUNDS, *EVIDENCE) if drawing not in WATCHED]
# The colours that a dark theme replaces, see gapkit.report.html, and those that keep their meaning.
NEUTRAL = {"#000000", "#222222", "#767676", "#b0b0b0", "#ffffff"}
SPLIT = 'a <script>"x"</script> $y_ 🙂'


def places(whole, split="test"):
    """The names of my drawings that apply, by place, in order."""
    found = {"ladder": [], "main": [], "gaps": [], "trust": []}
    for drawing in DRAWINGS:
        if drawing in MINE and drawing.applies(whole, split):
            found[drawing.place].append(drawing.name)
    return found


def described(whole, name, split="test"):
    (drawing,) = (drawing for drawing in MINE if drawing.name == name)
    assert drawing.applies(whole, split)
    return drawing.describe(whole, split)


def two():
    rows = pd.concat([frame(8, label=[0, 1] * 4), frame(6, split="train", label=1)], ignore_index=True)
    return Result(rows, summarise(rows), RUN)


def test_all_of_them_are_drawn_where_there_is_something_to_show():
    assert places(two()) == {
        "ladder": ["ladder"],
        "main": ["gap-bars", "gap-scatter", "gap-classes"],
        "gaps": ["gap-distributions"],
        "trust": ["weights", "sandwich", "certificate"],
    }


def test_bars_stand_once_beside_the_first_of_several_splits():
    assert "gap-bars" in places(two())["main"]
    assert "gap-bars" not in places(two(), "train")["main"]
    assert "gap-bars" not in places(result(frame(8)))["main"]
    assert places(result(frame(8)))["ladder"] == ["ladder"]


def test_nothing_is_drawn_where_there_is_nothing_to_show():
    bare = frame(8, pooled_khat=np.nan, khat=np.nan, ais=np.nan, optimality_gap=np.nan)
    assert places(result(bare))["trust"] == []
    for name in ODD:
        whole = ODD[name]()
        assert places(whole, next(iter(whole.summary_values.splits)))["trust"] == [], name
    for name in ("one datapoint", "nothing finite"):
        found = places(ODD[name]())
        assert (found["main"], found["gaps"]) == (["gap-scatter"], []), name


def assert_sound(figure):
    ElementTree.fromstring(figure.svg)
    assert figure.caption.line.startswith("How to read: ")
    assert len(figure.caption.line) <= 130  # one line says it
    assert all(part.endswith(".") for part in figure.caption)
    assert not re.search(r"\bnan\b|None", figure.alt)
    colors = {color.lower() for color in re.findall(r"#[0-9a-fA-F]{6}\b", figure.svg)}
    assert colors <= NEUTRAL | {color.lower() for color in (*COLORS.values(), *CLASSES)}


@pytest.mark.parametrize(
    "name", ["one datapoint", "first split not finite", "equal values", "some labels missing", "infinite"]
)
def test_odd_results_give_sound_figures(name):
    whole = ODD[name]()
    for number, split in enumerate(whole.summary_values.splits, 1):
        for place in ("ladder", "main", "gaps", "trust"):
            for drawn in draw(whole, split, number, place):
                assert_sound(drawn)


@pytest.mark.parametrize("count", [1, 8])
def test_figures_of_a_whole_table_are_sound_and_say_nats(count):
    both = pd.concat(
        [frame(count, split=SPLIT, label=(np.arange(count) % 3).astype(str)), frame(2, split="b")], ignore_index=True
    )
    whole = Result(both, summarise(both, certificate=SIMULATED), RUN)
    found = [drawn for place in ("ladder", "main", "gaps", "trust") for drawn in draw(whole, SPLIT, 1, place)]
    assert len(found) >= (7 if count > 1 else 5)
    for drawn in found:
        assert_sound(drawn)
        assert "nats" in drawn.alt


def test_descriptions_have_the_numbers_of_the_table():
    rows = frame(8)
    rows.loc[0, "ais_upper"] = np.nan
    table = pd.concat([rows, frame(6, split="train")], ignore_index=True)
    whole = Result(table, summarise(table), RUN)
    gaps = rows["amortization_gap"]
    expected = f"amortization gap, median {gaps.median():.2f}, from {gaps.min():.2f} to {gaps.max():.2f}, 0 below zero"
    assert expected in described(whole, "gap-distributions")
    for split in ("test", "train"):
        gap = plus_minus(whole.summary_values.splits[split].quantities["amortization_gap"])
        assert f"and amortization gap {gap}" in described(whole, "gap-bars").split(split, 1)[1]
    trusted = int((rows["pooled_khat"] < 2 / 3).sum())
    assert f"for log p(x), draws from all modes, on {trusted} of 8 datapoints" in described(whole, "weights")
    ran = rows[rows["ais_reason"] != ""]
    lower, upper = ran["ais"] - ran["log_px"], ran["ais_upper"] - ran["log_px"]
    words = described(whole, "sandwich")
    assert f"on {len(ran)} datapoints" in words
    assert f"from {lower.min():.3f} to {lower.max():.3f}, the approximate upper bound" in words
    assert f"from {upper.min():.3f} to {upper.max():.3f}. The median acceptance" in words
    left = rows["optimality_gap"]
    words = described(whole, "certificate")
    assert f"from {left.min():.3f} to {left.max():.3f}, median {left.median():.3f}" in words
    assert f"{(rows['fit'] == 'converged').sum()} fits converged" in words


def test_descriptions_count_what_is_below_zero():
    rows = frame(8)
    rows["approximation_gap"] -= rows["approximation_gap"].median()
    below = int((rows["approximation_gap"] < 0).sum())
    assert below == 4
    assert "4 below zero." in described(result(rows), "gap-distributions")


@pytest.mark.parametrize("drawing", MINE, ids=lambda drawing: drawing.name)
@pytest.mark.parametrize("count", only([200, 1000, 20_000], 1000))
def test_pictures_stay_small(drawing, count):
    rows = frame(count, ais_reason="forced", ais=-90.0 + np.random.default_rng(0).normal(0, 1, count))
    rows["label"] = np.arange(count) % 10
    # Pictures take the means as they are, and intervals of many datapoints take seconds.
    few = result(frame(9, label=range(9))).summary_values.splits["test"]
    summary = replace(summarise(frame(1)), splits={"test": few, "b": few})
    whole = Result(rows, summary, RUN)
    assert drawing.applies(whole, "test")
    assert 5_000 < len(as_svg(lambda: drawing.plot(whole, split="test"), "x")) < 200_000
