"""The worst datapoints, the classes and the statuses of a report."""

import numpy as np
import pandas as pd
import pytest

from gapkit.report import build, render
from gapkit.report.blocks import Interval, PlusMinus, Range
from gapkit.report.formats import as_text
from gapkit.results.status import STATUSES
from tests.report.pages import Page, odd
from tests.results.by_hand import ODD, join, make, three, with_labels


@pytest.mark.usefixtures("no_pictures")
def test_worst_datapoints_are_the_largest_total_gaps_first():
    count = 230
    gaps = np.random.default_rng(0).permutation(count).astype(float)
    result = make(-100 - gaps, [-95.0] * count, [-94.0] * count)
    worst = build(result).table("worst-table").rows
    assert [row.cells[7] for row in worst] == [PlusMinus(gap, 0.05) for gap in sorted(gaps + 6, reverse=True)[:200]]
    assert all(row.cells[7].value == gaps[int(row.cells[0])] + 6 for row in worst)


@pytest.mark.usefixtures("no_pictures")
def test_an_infinite_gap_is_the_worst_and_a_missing_one_the_last():
    result = make([-95.0, np.nan, -np.inf], [-90.0] * 3, [-89.0] * 3, status=["ok", "nonfinite", "nonfinite"])
    assert [row.cells[0] for row in build(result).table("worst-table").rows] == ["2", "0", "1"]
    assert "inf ± 0.050" in render(build(result))


@pytest.mark.usefixtures("no_pictures")
def test_the_worst_datapoints_have_their_labels():
    def column(labels):
        worst = build(with_labels(three(), labels)).table("worst-table")
        place = [column.key for column in worst.columns].index("label")
        assert [column.label for column in worst.columns][:3] == ["Index", "Split", "Label"]
        shown = [as_text(row.cells[place], worst.columns[place].kind) for row in worst.rows]
        return dict(zip((int(row.cells[0]) for row in worst.rows), shown, strict=True))

    assert column([7, 10, 7]) == {0: "7", 1: "10", 2: "7"}
    assert column(["<b>", None, ""]) == {0: "<b>", 1: "–", 2: ""}
    assert column(pd.array([7, None, 8], dtype="Int64")) == {0: "7", 1: "–", 2: "8"}
    assert column([0.1234567, np.nan, -2.0]) == {0: "0.123457", 1: "–", 2: "-2"}
    assert "Label" not in [column.label for column in build(three()).table("worst-table").columns]


@pytest.mark.parametrize("name", ["labels", "some labels missing"])
def test_gaps_by_class_are_the_summarys(name):
    result = ODD[name]()
    for number, (split, part) in enumerate(result.summary_values.splits.items(), 1):
        table = odd(name).table(f"classes-{number}")
        assert f"split {split}" in table.caption
        assert table.footnote.endswith("too few for an interval.")
        for row, found in zip(table.rows, part.classes, strict=True):
            label, used, *cells = row.cells
            assert label == str(found.label)
            finite = found.quantities["total_gap"].count
            assert used == (str(finite) if finite == found.datapoints else f"{finite} of {found.datapoints}")
            for place, gap in enumerate(("total_gap", "amortization_gap", "approximation_gap")):
                values = found.quantities[gap]
                ends = Range(*values.range) if finite else Interval(None, None)
                assert cells[2 * place : 2 * place + 2] == [values.mean, ends]
    rows = odd("some labels missing").table("classes-1").rows
    assert [row.cells[:2] for row in rows] == [("a", "1"), ("b", "1"), ("c", "0 of 2")]


def test_classes_have_a_picture():
    def pictures(name):
        return {figure.name: figure.alt for figure in odd(name).figures() if "classes" in figure.name}

    assert list(pictures("labels")) == ["gap-classes-1", "gap-classes-2"]
    assert "largest first: 7: 7.50 ± 1.50; 0: 1.50" in pictures("labels")["gap-classes-1"]
    assert list(pictures("labels of one split")) == ["gap-classes-1"]
    for name in ("labels that make no classes", "three"):
        assert pictures(name) == {}
    assert len(pictures("more classes than colours")) == 1
    assert len(odd("more classes than colours").table("classes-1").rows) == 12
    with pytest.raises(KeyError):
        odd("labels that make no classes").table("classes-1")


def test_gaps_by_class_are_a_picture_and_among_all_numbers():
    text = render(odd("labels"))
    marks = ('id="gap-scatter-1"', 'id="gap-classes-1"', 'id="worst"', 'id="gaps-1"', 'id="classes-1"')
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "Gaps by class" in [heading for tag, heading in Page(text).headings if tag == "h3"]


@pytest.mark.usefixtures("no_pictures")
def test_statuses_are_explained_and_counted():
    result = join(three(status=["ok", "fit_budget,evidence_weak", "ok"]), make([-95.0], [-90.0], [-89.0], "odd_word"))
    statuses = {row.name: row.cells[1:] for row in build(result).table("statuses").rows}
    assert {word: cells[0] for word, cells in statuses.items()} == {
        "ok": 2,
        "fit_budget": 1,
        "evidence_weak": 1,
        "odd_word": 1,
    }
    assert statuses["fit_budget"][1:] == STATUSES["fit_budget"]
    assert "does not know" in statuses["odd_word"][1]
