"""The section on local steps at test time."""

from dataclasses import replace

import numpy as np
import pytest

from gapkit.report import build, render
from gapkit.report.formats import nats, percent
from gapkit.results import Result
from gapkit.results.records import Skipped
from tests.report.pages import Page
from tests.results.by_hand import three, with_extras
from tests.results.local_steps import curve_of
from tests.results.local_steps import table as curve_table


def test_the_section_on_local_steps():
    result = with_extras()
    text = render(build(result))
    page = Page(text)
    assert "Local steps at test time" in [heading for tag, heading in page.headings if tag == "h2"]
    places = [text.index(mark) for mark in ('id="gap-scatter-1"', 'id="local-steps-1"', '<section id="worst"')]
    assert places == sorted(places)
    assert "Numbers are shares of the amortization gap that are closed" in text
    rows = next(table for table in page.tables if table[0][0] == "Steps")[1:]
    curve = result.summary_values.semi_amortized.curve
    for row, point in zip(rows, curve, strict=True):
        gain, share = point.gain, point.share
        assert row == [
            str(point.steps),
            nats(point.elbo.mean),
            nats(gain.mean),
            " to ".join(nats(end) for end in gain.ci95),
            nats(point.left.mean),
            percent(share.mean),
            " to ".join(percent(end) for end in share.ci95),
        ]
    assert rows[2][5] == "93%"
    (figure,) = (picture for picture in page.all("svg") if "local steps" in picture["aria-label"])
    assert "from L[q] -90.00 after none to -85.35 after 5, against L[q*] -85.00" in figure["aria-label"]
    assert len(page.all("caption")) == len(page.all("table"))


def test_without_a_gap_the_section_has_no_shares():
    table = curve_table({0: 0.0, 1: 0.5}, np.tile([0.1, -0.1, 0.0], 4))
    document = build(with_extras(**vars(curve_of(table))))
    assert [row.cells[5] for row in document.table("local-steps-table").rows] == [None, None]
    assert "There is no clear amortization gap for local steps" in render(document)


def test_a_curve_without_finite_numbers():
    document = build(with_extras(**vars(curve_of(curve_table({0: 0.0, 1: 0.5}, np.full(3, np.nan))))))
    assert document.table("local-steps-table").caption.startswith("Means over 0 datapoints")
    assert "no finite numbers" in render(document)


@pytest.mark.parametrize("curve", [None, Skipped("the encoder's family is 'flow'")])
def test_without_a_curve_there_is_no_section(curve):
    result = three()
    summary = replace(result.summary_values, semi_amortized=curve)
    text = render(build(Result(result.datapoints, summary, {})))
    assert "Local steps at test time" not in text
    assert ("There is no curve of local steps" in text) == bool(curve)
