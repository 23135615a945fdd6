"""The report of scores: every number is in its files, odd sets and hostile names come out as text, in both formats."""

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from gapkit.ood import Scored, describe, scores, separate
from gapkit.report import render, score_wording
from gapkit.report.blocks import Interval, PlusMinus, Table
from gapkit.report.score import build_score, write_score
from gapkit.results import Result
from gapkit.results.status import STATUSES
from tests.fast import only
from tests.ood.samples import sample
from tests.report.pages import Page
from tests.report.shown import NUMBER, constants, leaves, of_html, of_pdf
from tests.results.by_hand import make, nothing, three

# Numbers of the software: the level of intervals and of what is found, chance, and the rows on screen and on paper.
OWN = {"95%", "5%", "90%", "0", "0.5", "1", "200", "20"}
OWN_WORDS = sorted(
    {*constants([vars(score_wording)[name] for name in score_wording.__all__]), *constants(STATUSES)}, key=len
)
BAD = '<script>alert("x")</script> $x^2$ #panic() \U0001f600'


def full(other="letters"):
    """Two sets with all scores, statuses to mind, a missing and an infinite value, and provenance."""
    reference = scores(sample(3.0, count=31), name="mnist", complexity=np.linspace(500, 600, 31))
    odd = sample(8.0, elbo=-85.0, seed=1, count=27, status=["ok"] * 25 + ["fit_budget", "nonfinite"])
    frame = odd.datapoints.copy()
    frame.loc[26, ["elbo", "amortization_gap", "total_gap"]] = [-np.inf, np.inf, np.inf]
    frame.loc[25, ["amortization_gap"]] = np.nan
    table = scores(Result(frame, odd.summary_values, {}), name=other, complexity=np.linspace(480, 590, 27))
    found = separate(reference, table)
    run = {"checkpoint": {"name": "model.pt", "sha256": "ab" * 32}, "settings": {"effort": "quick"}, "warnings": []}
    return Scored(found.datapoints, replace(found.summary_values, notes=()), run)


ODD = {
    "full": full,
    "one set": lambda: describe(sample(3.0), "letters"),
    "one datapoint": lambda: describe(make([-95.5], [-90.25], [-89.125]), "letters"),
    "one datapoint each": lambda: separate(make([-95.5], [-90.25], [-89.125]), make([-99.0], [-90.0], [-89.0])),
    "equal sets": lambda: separate(sample(3.0), sample(3.0)),
    "equal values": lambda: separate(*(make([-90.0] * 4, [-90.0] * 4, [-90.0] * 4) for _ in range(2))),
    "nothing finite": lambda: separate(nothing(), nothing()),
    "nothing finite, one set": lambda: describe(nothing()),
    "one set not finite": lambda: separate(sample(3.0), nothing()),
    "infinite": lambda: separate(sample(3.0), make([-np.inf] * 3, [-90.0] * 3, [-89.0] * 3)),
    "all flagged": lambda: separate(three(status="fit_budget"), three(status="odd_word")),
    "separate": lambda: separate(sample(3.0), sample(900.0, elbo=-9000.0, seed=1)),
    "many": lambda: separate(sample(3.0, count=230), sample(4.0, seed=1, count=230)),
}
FEW = ("full", "one datapoint", "one set not finite", "infinite")


@cache
def built(name):
    """The scores of that name and their document, drawn once."""
    found = ODD[name]()
    return found, build_score(found)


class Known:
    """Numbers, to be asked for as they are written."""

    def __init__(self, values):
        self.values, self.written = [abs(value) for value in values if np.isfinite(value)], {}

    def __contains__(self, number):
        digits = number.lstrip("+-").rstrip("%")
        decimals, scale = len(digits.partition(".")[2]), 100 if number.endswith("%") else 1
        if (decimals, scale) not in self.written:
            self.written[decimals, scale] = {f"{scale * value:.{decimals}f}" for value in self.values}
        return digits in self.written[decimals, scale]


def numbers_of(text):
    text = re.split(r"\bDefinitions\s+nat\b", text)[0]
    for sentence in reversed(OWN_WORDS):
        if NUMBER.search(sentence):
            # A caption is filled in at {}; PDF pages break lines anywhere.
            for part in sentence.split("{}"):
                if part:
                    pattern = r"\s*".join(map(re.escape, re.sub(r"\s", "", part)))
                    text = re.sub(pattern, " ", text)
    return [number for number in (found.rstrip(",") for found in NUMBER.findall(text)) if number not in OWN]


@pytest.mark.parametrize("text_of", [of_html, of_pdf], ids=["html", "pdf"])
@pytest.mark.parametrize("name", only(ODD, *FEW))
def test_every_number_is_in_the_files(name, text_of, tmp_path):
    found, document = built(name)
    found.save(tmp_path / "scores")
    values = [*leaves(json.loads((tmp_path / "scores" / "score.json").read_text()))]
    table = pd.read_parquet(tmp_path / "scores" / "scores.parquet")
    values += [*table.select_dtypes("number").to_numpy(float).flat, len(table)]
    numbers = numbers_of(text_of(document))
    assert len(numbers) >= (5 if "finite" in name else 15)
    known = Known(values)
    assert [number for number in numbers if number not in known] == []


def test_a_wrong_number_would_be_noticed():
    found, document = built("full")
    known = Known(leaves(found.summary_values.to_dict()))
    assert f"{found.summary_values.separation.scores['regret'].auc:.3f}" in known
    worse = replace(document, verdict=(f"{document.verdict[0]} And 7.12345 nats.",))
    assert "7.12345" in numbers_of(of_html(worse))
    assert "7.12345" not in known


def test_every_cell_is_the_number_of_its_row_and_column():
    found, document = built("full")
    values = found.summary_values
    for row in document.table("scores").rows:
        _, auc, interval, lead, lead_interval = row.cells
        own = values.separation.scores[row.name]
        assert (auc, [interval.low, interval.high]) == (own.auc, [*own.ci95])
        if row.name == values.separation.best:
            assert (lead, lead_interval) == (None, Interval(None, None))
        else:
            difference = values.separation.differences[row.name]
            assert (lead, [lead_interval.low, lead_interval.high]) == (difference.difference, [*difference.ci95])
    for row in document.table("alarms").rows:
        own = values.separation.scores[row.name]
        assert row.cells[1:3] == (own.threshold95, own.fpr95)
        assert [row.cells[3].low, row.cells[3].high] == [*own.fpr95_ci95]
        assert row.cells[4:] == (own.reference, own.other)
    for row in document.table("spread-table").rows:
        for place, role in enumerate(("reference", "other")):
            own = values.sets[role].scores[row.name]
            assert row.cells[1 + 2 * place] == own.median
            assert row.cells[2 + 2 * place] == Interval(own.q05, own.q95)


def test_the_most_unusual_datapoints_come_first():
    found, document = built("full")
    table, shown = found.table, document.table("unusual-table")
    assert [row.cells[2].value for row in shown.rows[:3]] == [np.inf, *table["regret"].nlargest(3).tolist()[1:]]
    assert shown.rows[-1].cells[2].value is None
    for row in shown.rows:
        index, data, regret, *others, _ = row.cells
        (own,) = table[(table["index"].astype(str) == index) & (table["data"] == data)].to_dict("records")
        assert regret == PlusMinus(None if np.isnan(own["regret"]) else own["regret"], own["regret_se"])
        assert others == [own[column.key] for column in shown.columns[3:-1]]
    assert len(built("many")[1].table("unusual-table").rows) == 200


def test_statuses_are_explained_and_counted():
    document = built("full")[1]
    rows = {row.name: row.cells for row in document.table("statuses").rows}
    assert {name: cells[1:3] for name, cells in rows.items()} == {"fit_budget": (0, 1), "nonfinite": (0, 1)}
    assert rows["fit_budget"][3:] == STATUSES["fit_budget"]
    assert not any(isinstance(b, Table) and b.name == "statuses" for b in built("equal sets")[1].blocks())


@pytest.mark.parametrize("name", only(ODD, *FEW))
def test_odd_scores_give_a_well_formed_page(name):
    document = built(name)[1]
    html = render(document)
    page = Page(html)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("nats" in picture["aria-label"] for picture in page.all("svg"))
    assert html.index(document.verdict[0].replace("'", "&#39;")) < html.index("<h2>")


def test_the_order_of_the_page():
    titles = [section.title for section in built("full")[1].sections]
    assert titles == [
        "How well each score tells the two sets apart",
        "How the scores are spread",
        "The most unusual datapoints",
        "Definitions",
        "Settings and provenance",
    ]
    assert built("full")[1].title == "Out-of-distribution scores of model.pt"
    assert built("one set")[1].sections[0].title == "How the scores are spread"


def test_the_figures_are_those_of_the_scores():
    found, document = built("full")
    roc, histograms = document.figures()
    areas = found.summary_values.separation.scores
    assert f"likelihood regret {areas['regret'].auc:.2f}" in roc.alt
    assert "Histograms of 5 scores" in histograms.alt


def test_foreign_strings_come_out_as_text():
    document = build_score(full(other=BAD))
    html = render(document)
    assert html.count("<script") == 1
    assert BAD not in html
    assert "alert(&#34;x&#34;)" in html
    squeezed = re.sub(r"\s", "", of_pdf(document))
    assert re.sub(r"\s", "", '<script>alert("x")</script> $x^2$ #panic()') in squeezed


def test_definitions_are_those_that_the_page_needs():
    def terms(name):
        (block,) = built(name)[1].section("definitions").blocks
        return {term.term for term in block.terms}

    assert {"AUC", "Input complexity", "Likelihood regret"} <= terms("full")
    assert not {"AUC", "Input complexity", "Found as well"} & terms("one set")


def test_files_are_the_same_again(tmp_path):
    found = built("full")[0]
    found.save(tmp_path / "scores")
    for name in "ab":
        (tmp_path / name).mkdir()
        write_score(found if name == "a" else Scored.load(tmp_path / "scores"), tmp_path / name)
    for name in ("score.html", "score.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
