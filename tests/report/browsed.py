"""Documents to open in a browser (every kind of cell, long words, many datapoints), and what is read of the page."""

import os
import re
import shutil
from dataclasses import replace
from functools import cache

import pytest

from gapkit.report import build, render
from gapkit.report.blocks import Column, Interval, PlusMinus, Row, Table
from gapkit.report.document import Document, Section
from tests.results.by_hand import join, make, many, three, with_extras, with_labels

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = os.environ.get("GAPKIT_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
NO_BROWSER = f"NOT TESTED in a browser: none of {', '.join(BROWSERS)} on PATH; install one or set GAPKIT_CHROMIUM"
needs_browser = pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)

KINDS = Document(
    "All kinds of columns",
    (),
    (
        Section(
            "kinds",
            "All kinds",
            (
                Table(
                    "all-kinds",
                    "Every kind of column",
                    (
                        Column("name", "Name", "text"),
                        Column("nats", "Nats"),
                        Column("count", "Count", "count"),
                        Column("percent", "Percent", "percent"),
                        Column("interval", "Interval"),
                        Column("plus", "Plus"),
                    ),
                    (
                        Row("a", ("run 10", 9.5, 100, 0.5, Interval(2.0, 3.0), PlusMinus(-1.0, 0.1))),
                        Row("b", ("run 9", None, 20, None, Interval(None, None), PlusMinus(None, None))),
                        Row("c", ("Run 2", -10.25, 3, -0.1, Interval(-30.0, 40.0), PlusMinus(100.0, 9.0))),
                        Row("d", ("alpha", float("inf"), None, 1.2, Interval(10.0, 11.0), PlusMinus(20.0, 0.1))),
                        Row("e", ("beta", float("nan"), 1, 0.09, Interval(-4.0, 0.0), PlusMinus(3.0, 0.1))),
                    ),
                    interactive=True,
                ),
            ),
        ),
    ),
)


def long_names():
    """The table of all kinds, whose rows are called by long names."""
    (section,) = KINDS.sections
    (table,) = section.blocks
    rows = tuple(replace(row, cells=(LONG, *row.cells[1:])) for row in table.rows)
    return replace(KINDS, sections=(replace(section, blocks=(replace(table, rows=rows),)),))


@cache
def document_of(name):
    return long_names() if name == "long names" else build(DOCUMENTS[name]())


@cache
def page_of(name):
    return render(document_of(name))


LONG = "a_name_without_any_space_" * 6
LONG_RUN = {"checkpoint": {"name": LONG, "sha256": "ab" * 32}, "settings": {LONG: LONG}, "warnings": [LONG]}
DOCUMENTS = {
    "three": three,
    "many": lambda: many(400),
    "rich": with_extras,
    "labelled": lambda: with_labels(many(400), [f"class {place % 4}" for place in range(400)]),
    "long": lambda: with_labels(
        join(with_extras(), three(split=LONG), make([-95], [-90], [-89], status=LONG), run=LONG_RUN),
        [f"{LONG}{number}" for number in range(16)],
    ),
}


def names(page, table="#all-kinds"):
    return page.eval_on_selector_all(f"{table} tbody tr:not([hidden])", "rows => rows.map(row => row.dataset.row)")


def click(page, label, table="#all-kinds"):
    page.click(f"{table} thead button:text-is('{label}')")


def background(page):
    return page.evaluate("() => getComputedStyle(document.body).backgroundColor")


def picture_colours(page):
    return set(
        page.eval_on_selector_all("figure:not(.photographic) svg *", "all => all.map(e => getComputedStyle(e).fill)")
    )


def luminance(colour):
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
