"""The report of a comparison: every number is in its JSON, every foreign string is text, odd comparisons are said."""

import json
import re
from functools import cache

import numpy as np
import pytest

from gapkit.comparison import compare
from gapkit.core.files import write_json
from gapkit.report import build_comparison, render, render_pdf
from gapkit.report.blocks import FactSheet, Interval, PlusMinus, Table
from tests.comparison.checkpoints import ODD, checkpoints, odd
from tests.report.pages import Page, strings
from tests.report.shown import of_html, of_pdf
from tests.results.by_hand import join, make, nothing, three, uneven

RUN = {
    "data": {"source": "digits", "binarize": "none", "splits": {"test": {"datapoints": 3, "sha256": "a" * 64}}},
    "settings": {"seed": 3, "elbo": {"num_samples": 128}, "target_se": 0.125},
    "seconds": {"total": 12.345},
}
DECIMAL = re.compile(r"(?<![\w.])-?\d+\.\d+(?![\w.]*\w)")
OWN = {"1.96"}  # of the software's own sentences


def two(**changes):
    return compare({"a": uneven(run=RUN), "b": uneven(seed=1, run={**RUN, **changes})})


def everything():
    """Two splits, three runs, a family more, datapoints that are not finite: whatever writes numbers."""
    c = join(three(), nothing(), three(split="train"), run={**RUN, "settings": {**RUN["settings"], "seed": 4}})
    table = c.datapoints.assign(index=[0, 1, 2, 3, 4, 0, 1, 2])
    parts = {
        "a": join(*(make([-95.2, -92, -99, -90, -91], [-90] * 5, [-89] * 5, split=name) for name in ("test", "train"))),
        "b": join(*(make([-94.1, -92, -97, -90, -93], [-90] * 5, [-88] * 5, split=name) for name in ("test", "train"))),
        "c": type(c)(table, c.summary_values, c.run),
    }
    return compare(parts)


CASES = {
    "two runs": two,
    "series": lambda: compare(checkpoints(1, 2, 4, 8)),
    "many runs": lambda: compare(checkpoints(*range(1, 6))),
    "everything": everything,
    "one datapoint": lambda: odd("one datapoint"),
    "not finite": lambda: odd("one of them not finite"),
}


@cache
def case(name):
    return CASES[name]()


@cache
def document_of(name):
    return build_comparison(case(name) if name in CASES else odd(name))


def numbers_in(values):
    """All numbers of a JSON value, also those in its texts."""
    if isinstance(values, bool) or values is None:
        return
    if isinstance(values, int | float):
        yield float(values)
    elif isinstance(values, str):
        yield from map(float, re.findall(r"-?\d+(?:\.\d+)?", values))
    else:
        for item in values.values() if isinstance(values, dict) else values:
            yield from numbers_in(item)
        if isinstance(values, dict):
            yield from numbers_in(list(values))


def stored(comparison, folder):
    write_json(folder / "comparison.json", comparison.summary_values.to_dict())
    return set(numbers_in(json.loads((folder / "comparison.json").read_text())))


def missing(texts, numbers):
    """The decimals in texts that are no rounding of any number, whatever their sign."""
    known = np.abs(np.array(sorted(numbers)))
    found = {token for text in texts for token in DECIMAL.findall(re.sub(r"less\s+than\s+0\.001", "", text))} - OWN
    assert len(found) > 5
    return {
        token
        for token in found
        if not (np.abs(known - abs(float(token))) <= 0.5000001 * 10.0 ** -len(token.split(".")[1])).any()
    }


@pytest.mark.parametrize("name", CASES)
def test_every_number_of_a_cell_is_in_the_file(name, tmp_path):
    comparison = case(name)
    numbers = stored(comparison, tmp_path)
    cells = [
        cell
        for block in document_of(name).blocks()
        if isinstance(block, Table)
        for row in block.rows
        for cell in row.cells
    ]
    values = []
    for cell in cells:
        if isinstance(cell, Interval | PlusMinus):
            values += [cell.low, cell.high] if isinstance(cell, Interval) else [cell.value, cell.error]
        elif not isinstance(cell, str):
            values.append(cell)
    values = [float(value) for value in values if value is not None]
    assert len(values) > 20
    assert set(values) <= numbers


@pytest.mark.parametrize("name", CASES)
def test_every_number_of_a_sentence_a_caption_or_a_fact_is_in_the_file(name, tmp_path):
    comparison = case(name)
    document = document_of(name)
    texts = [text for field, text in strings(document) if field != "svg"]
    definitions = {text for field, text in strings(document.section("definitions"))}
    assert missing([text for text in texts if text not in definitions], stored(comparison, tmp_path)) == set()


@pytest.mark.parametrize("text_of", [of_html, of_pdf])
@pytest.mark.parametrize("name", ["two runs", "series", "everything"])
def test_every_number_of_a_page_is_in_the_file(name, text_of, tmp_path):
    comparison = case(name)
    text = re.sub(r"1\.44\s+bits", "", text_of(document_of(name)))
    assert missing([text], stored(comparison, tmp_path)) == set()


def test_a_number_from_elsewhere_is_found(tmp_path):
    comparison = case("two runs")
    numbers = stored(comparison, tmp_path)
    other = build_comparison(compare({"a": uneven(), "b": uneven(seed=2)}))
    assert len(missing([text for field, text in strings(other) if field != "svg"], numbers)) > 10
    assert missing(["0.5 0.25 1.125 2.125 3.875 7.123 nats", *document_of("two runs").verdict], numbers) >= {"7.123"}


def test_the_page_begins_with_the_sentences():
    comparison, document = case("two runs"), document_of("two runs")
    assert document.title == "Inference gaps of b against a"
    assert list(document.verdict) == comparison.sentences()
    text = render(document)
    marks = ('class="verdict"', 'id="ladders-1"', 'id="differences-gaps-1"', 'id="differences-1-1"', 'id="changed-1"')
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


def test_the_table_of_differences_is_that_of_the_comparison():
    comparison, document = case("two runs"), document_of("two runs")
    rows = {row.name: row.cells for row in document.table("differences-1-1").rows}
    frame = comparison.summary.loc["test", "b"]
    assert set(rows) == set(frame.index)
    words = {"higher": ("higher", "larger"), "lower": ("lower", "smaller"), "unclear": ("not enough",) * 2}
    for name, cells in rows.items():
        row = frame.loc[name]
        assert cells[1:4] == (row["mean"], row["se_monte_carlo"], row["se_datapoints"])
        assert cells[4] == Interval(row["ci95_low"], row["ci95_high"])
        assert cells[5] == ("equal" if row["direction"] == "none" else words[row["direction"]]["gap" in name])
    wins = {row.name: row.cells for row in document.table("wins-1-1").rows}
    for name, cells in wins.items():
        keys = ("wins", "losses", "ties", "clear_wins", "clear_losses")
        assert cells[1:] == tuple(frame.loc[name, key] for key in keys)


def test_many_runs_share_one_table():
    comparison, document = case("many runs"), document_of("many runs")
    rows = document.table("differences-1").rows
    assert len(rows) == len(comparison.summary) == 4 * 7
    assert document.table("differences-1").interactive
    assert document.title == "Inference gaps over training, epoch 1 to 5"


def test_a_series_begins_with_its_pictures():
    document = document_of("series")
    names = [figure.name for figure in document.figures()]
    assert names[:2] == ["series-gaps-1", "series-bounds-1"]
    assert "epoch 4: Total gap" in document.figures()[0].alt
    assert not [figure for figure in document_of("two runs").figures() if "series" in figure.name]


def test_every_split_has_its_part():
    document = document_of("everything")
    titles = [section.title for section in document.sections]
    assert "Split train" in titles
    assert {"ladders-2", "differences-gaps-2"} <= {figure.name for figure in document.figures()}
    assert document.table("changed-2").rows


def test_failed_checkpoints_are_told():
    document = build_comparison(two(), {"c": "asked: x\nfound: y\nto do: z"})
    assert document.verdict[-1] == "c could not be analysed and is missing."
    assert "found: y" in document.section("failed").blocks[0].sentences[0]


def test_the_second_runs_provenance_is_what_differs():
    comparison = two(settings={**RUN["settings"], "target_se": 0.25})
    blocks = build_comparison(comparison).section("provenance").blocks
    first, second = (block for block in blocks if isinstance(block, FactSheet))
    said = {group.title: {fact.name: fact.value for fact in group.facts} for group in second.groups}
    assert said == {"Settings": {"Target se": "0.25"}}
    assert {group.title for group in first.groups} == {"Data", "Settings", "Seconds"}


@pytest.mark.parametrize("name", [*ODD, *CASES])
def test_odd_comparisons_give_well_formed_pages(name):
    text = render(document_of(name))
    page = Page(text)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text)) <= set(ids)
    assert text.count("<script") == 1
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("nats" in picture["aria-label"] for picture in page.all("svg"))


@pytest.mark.parametrize("name", ["odd names", "large", "one of them not finite"])
def test_odd_comparisons_give_a_pdf(name):
    assert render_pdf(document_of(name)).startswith(b"%PDF")


def test_foreign_strings_are_text():
    bad = '<script>alert("x")</script> #sys *a* $x$ 🎲'
    run = {**RUN, "checkpoint": {"name": bad}, bad: bad, "warnings": [bad]}
    comparison = compare({bad: three(run=run, split=bad), "b": three(run=RUN, split=bad)})
    document = build_comparison(comparison, {bad: bad})
    text = render(document)
    assert bad not in text
    assert text.count("<script") == 1
    words = re.sub(r"\s+", "", of_pdf(document))
    assert words.count("#sys*a*$x$") > 5


def test_nothing_finite_is_said():
    document = build_comparison(compare({"a": nothing(), "b": nothing()}))
    assert document.verdict == ("b against a: no datapoint has finite numbers in both runs.", *document.verdict[1:])
    assert "No datapoint is finite in a and b." in [
        sentence for block in document.blocks() for field, sentence in strings(block)
    ]
    assert all("No finite values in common" in figure.alt for figure in document.figures())


def test_the_same_comparison_gives_the_same_page():
    assert render(build_comparison(two())) == render(document_of("two runs"))
