"""Every number that a report shows of a result is in its files, at the precision shown; in both formats."""

import json
import re
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from gapkit.core import phrases
from gapkit.report import build, captions, wording
from gapkit.report.blocks import FactSheet, Interval, PlusMinus, Range, Table
from gapkit.report.formats import as_text
from gapkit.results import Result
from gapkit.results.records import Summary
from gapkit.results.status import STATUSES
from gapkit.results.summary import summarise
from tests.fast import only
from tests.report.shown import NUMBER, constants, leaves, of_html, of_pdf
from tests.results.by_hand import join, make, nothing, three, uneven, with_extras, with_labels
from tests.results.edited import with_parts
from tests.results.latents import with_active
from tests.results.verdict import builder as verdicts

pytestmark = pytest.mark.usefixtures("no_pictures")
# Numbers of the software itself: the level of all intervals, the share of a gap that counts as closed, the zero of
# "the interval contains 0", and how many rows of the worst datapoints a screen and a page show.
OWN = {"95%", "90%", "0"}
# Of the rules that a verdict states: a gap nobody acts on, and what is shown as nothing.
BOUNDS = {"0.05", "0.001", "0.02"}
FIGURE = re.compile(r"\bFigure \d+\b")
ROWS = re.compile(r"The 200 largest|The first 20 of \d+ rows")


FORMATS = pytest.mark.parametrize("text_of", [of_html, of_pdf], ids=["html", "pdf"])


SENTENCES = [vars(words)[name] for words in (wording, captions, phrases) for name in words.__all__]
OWN_WORDS = sorted({*constants(SENTENCES), *constants(STATUSES)}, key=len)


def shown_numbers(text):
    """The numbers of everything before the definitions, without the software's own sentences."""
    text = re.split(r"\bDefinitions\s+nat\b", text)[0]
    text = FIGURE.sub(" ", ROWS.sub(" ", text))
    for sentence in reversed(OWN_WORDS):
        if NUMBER.search(sentence):
            text = re.sub(r"\s*".join(map(re.escape, re.sub(r"\s", "", sentence))), " ", text)
    return [number for number in NUMBER.findall(text) if number not in OWN]


class Files:
    """The numbers of a run's files, to be asked for as they are written."""

    def __init__(self, result, folder):
        result.save(folder)
        saved = Result.load(folder)
        table = saved.datapoints.select_dtypes("number")
        self.values = [*leaves(json.loads((folder / "summary.json").read_text("utf-8"))), *table.to_numpy(float).flat]
        self.values.append(float(len(table)))
        self.values += leaves(asdict(saved.decision()))
        quantities, first = saved.summary_values.quantities, saved.summary_values.first
        if first.data and quantities["log_px"].mean:  # the gap in proportion: to -log p(x), in bits
            gap, log_px = quantities["total_gap"].mean, quantities["log_px"].mean
            bits = 1.0 / first.data.dimensions / np.log(2.0)
            self.values += [gap / -log_px, gap * bits, -log_px * bits, -log_px / 1000]
        levels = [part.quantities["log_px"] for part in saved.summary_values.splits.values()]
        if len(levels) > 1 and None not in (levels[0].mean, levels[1].mean):  # splits are held against each other
            self.values += [levels[0].mean - levels[1].mean]
        self.written = {}

    def hold(self, number):
        number = number.lstrip("+-")  # in words, "below" may stand for a minus
        digits = number.rstrip("%").replace(",", "")
        decimals = len(digits.partition(".")[2])
        if digits in BOUNDS:
            return True
        key = (decimals, number.endswith("%"))
        if key not in self.written:
            scale = 100 if key[1] else 1
            self.written[key] = {f"{abs(scale * value):.{decimals}f}" for value in self.values if np.isfinite(value)}
        return digits in self.written[key]


def rich():
    """Two splits, labels, a further encoder, local steps, some datapoints not finite, statuses to mind."""
    extras = with_extras()
    first = join(uneven(status=["ok", "fit_budget", "evidence_weak"] * 4), nothing())
    table = join(first, uneven(7, 1, split="train")).to_frame()
    table["index"] = range(len(table))
    table["label"] = pd.array([(17, 23, None)[place % 3] for place in range(len(table))], dtype="Int64")
    gain = table["amortization_gap"] * 0.37
    table = table.assign(elbo_refit=table["elbo"] + gain, gain_refit=gain, left_refit=table["amortization_gap"] - gain)
    table = table.assign(**{f"{name}_refit_se": 0.0213 for name in ("elbo", "gain", "left")})
    summary = summarise(table, semi_amortized=extras.summary_values.semi_amortized)
    return Result(table, with_parts(summary, latents=with_active([1.0, 0.001, 0.3], 100)), {})


def one_class_stands_out():
    larger = make(np.full(10, -131.2177) + np.arange(10) * 0.4123, np.full(10, -111.1357), np.full(10, -109.0193))
    table = join(uneven(60), larger).to_frame().assign(index=range(70))
    return with_labels(Result(table, {}, {}), [*["dog", "cat", "bird"] * 20, *["<i>fish</i>"] * 10])


def targets():
    return with_labels(uneven(), np.random.default_rng(5).normal(0, 3, 12))


def carried(**gaps):
    """A run whose numbers carry an advice, with all that a summary of an analysis holds."""
    frame = verdicts.table(37, **gaps)
    return Result(frame, Summary.of(verdicts.finished(frame)), {})


RESULTS = {
    "rich": rich,
    "encoder at fault": carried,
    "family at fault": lambda: carried(encoder=0.7123, family=3.1234),
    "nothing at fault": lambda: carried(encoder=0.00812, family=0.00323),
    "model at fault": lambda: carried(log_px=-612.345),
    "one class stands out": one_class_stands_out,
    "targets": targets,
    "plain": uneven,
    "one datapoint": lambda: uneven(1),
    "nothing finite": nothing,
    "more than a page": lambda: uneven(230),
}


FAST = ("rich", "encoder at fault", "one class stands out", "one datapoint", "nothing finite")


@cache
def case(name):
    """A result and its report."""
    result = RESULTS[name]()
    return result, build(result)


@FORMATS
@pytest.mark.parametrize("name", only(RESULTS, *FAST))
def test_every_number_is_in_the_files(name, text_of, tmp_path):
    result, document = case(name)
    files = Files(result, tmp_path / "run")
    numbers = shown_numbers(text_of(document))
    assert len(numbers) >= 30 or name in ("nothing finite",)
    assert [number for number in numbers if not files.hold(number)] == []


@FORMATS
def test_a_wrong_number_is_noticed(text_of, tmp_path):
    result, document = case("plain")
    files = Files(result, tmp_path / "run")
    value = document.table("gaps-1").rows[0].cells[1]
    changed = with_cell(document, "gaps-1", 0, 1, value + 0.001)
    wrong = [number for number in shown_numbers(text_of(changed)) if not files.hold(number)]
    assert wrong == [f"{value + 0.001:.3f}"]
    first = replace(document.lead, sentences=(f"{document.lead.sentences[0]} And 7.123 nats.",))
    worse = replace(document, lead=first)
    assert [number for number in shown_numbers(text_of(worse)) if not files.hold(number)] == ["7.123"]


def with_cell(document, name, row, place, cell):
    def changed(block):
        if not (isinstance(block, Table) and block.name == name):
            return block
        cells = list(block.rows[row].cells)
        cells[place] = cell
        rows = list(block.rows)
        rows[row] = replace(rows[row], cells=tuple(cells))
        return replace(block, rows=tuple(rows))

    sections = (replace(part, blocks=tuple(map(changed, part.blocks))) for part in document.sections)
    return replace(document, sections=tuple(sections))


@pytest.mark.parametrize("name", only(RESULTS, *FAST, "targets"))
def test_every_cell_is_the_number_of_its_row_and_column(name):
    result, document = case(name)
    summary = result.summary_values
    checked = 0
    for number, split in enumerate(summary.splits, 1):
        for row in document.table(f"gaps-{number}").rows:
            values = vars(summary.splits[split].quantities[row.name])
            checked += assert_row(document.table(f"gaps-{number}"), row, values)
        classes = {str(part.label): part for part in summary.splits[split].classes}
        if classes:
            shown = document.table(f"classes-{number}")
            assert [row.name for row in shown.rows] == list(classes)
            for row in shown.rows:
                gaps = classes[row.name].quantities
                values = {name: gap.mean for name, gap in gaps.items()}
                ends = {f"{name}_ci95": gap.ci95 for name, gap in gaps.items()}
                ranges = {f"{name}_range": gap.range for name, gap in gaps.items()}
                checked += assert_row(shown, row, values | ends | ranges)
    table = result.datapoints
    rows = {f"{row['split']} {row['index']}": row for row in table.to_dict("records")}
    worst = document.table("worst-table")
    for row in worst.rows:
        checked += assert_row(worst, row, rows[row.name])
    words = table["status"].str.split(",")
    flagged = bool((table["status"] != "ok").any())
    assert flagged == any(isinstance(block, Table) and block.name == "statuses" for block in document.blocks())
    statuses = document.table("statuses") if flagged else None
    for row in statuses.rows if statuses else ():
        for column, cell in zip(statuses.columns, row.cells, strict=True):
            if column.kind == "count":
                own = words[table["split"] == column.key.removeprefix("count ")]
                assert cell == sum(row.name in listed for listed in own)
                checked += 1
    assert checked > 8


def test_the_class_that_stands_out_is_in_the_verdict_of_its_case():
    assert any(
        sentence.startswith('Class "<i>fish</i>" stands out') for sentence in case("one class stands out")[1].verdict
    )


def assert_row(table, row, values):
    """All cells whose column names a number of the row's."""
    checked = 0
    for column, cell in zip(table.columns, row.cells, strict=True):
        if isinstance(cell, PlusMinus):
            assert_same(cell.value, values[column.key])
            assert_same(cell.error, values[f"{column.key}_se"])
        elif isinstance(cell, Interval):
            few = isinstance(cell, Range)
            assert not few or values[column.key] is None
            low, high = values[column.key.replace("ci95", "range") if few else column.key] or (None, None)
            assert_same(cell.low, low)
            assert_same(cell.high, high)
        elif not isinstance(cell, str):
            assert_same(cell, values[column.key])
        else:
            continue
        checked += 1
    return checked


def assert_same(shown, stored):
    missing = stored is None or np.isnan(stored)
    assert (shown is None or np.isnan(shown)) if missing else shown == stored


@pytest.mark.parametrize("name", only(RESULTS, *FAST))
def test_both_formats_show_the_same_numbers(name):
    _, document = case(name)
    on_paper = set(shown_numbers(of_pdf(document)))
    on_screen = set(shown_numbers(of_html(document)))
    beyond = set()
    for block in document.blocks():
        if isinstance(block, Table) and block.on_paper is not None:
            cells = [
                as_text(cell, column.kind)
                for row in block.rows[block.on_paper :]
                for cell, column in zip(row.cells, block.columns, strict=True)
            ]
            beyond |= set(NUMBER.findall(" ".join(cells)))
    assert on_paper <= on_screen
    assert on_screen - on_paper <= beyond


@FORMATS
def test_provenance_is_the_run(text_of):
    run = {
        "checkpoint": {"name": "model.pt", "sha256": "0123456789abcdef" * 4},
        "seed": 7,
        "settings": {"elbo": {"num_samples": 4096}, "rate": 0.00123, "flag": True, "nothing": None},
        "seconds": {"total": 123.456},
        "warnings": ["mind the 17 datapoints"],
    }
    document = build(three(run=run))
    sheet = next(block for block in document.section("provenance").blocks if isinstance(block, FactSheet))
    facts = {fact.name: fact.value for group in sheet.groups for fact in group.facts}
    assert facts == {
        "Seed": "7",
        "Name": "model.pt",
        "Sha256": "0123456789abcdef" * 4,
        "Elbo: num samples": "4096",
        "Rate": "0.00123",
        "Flag": "yes",
        "Nothing": "not set",
        "Total": "123.46",
    }
    text = re.sub(r"\s", "", text_of(document))
    for name, value in facts.items():
        assert re.sub(r"\s", "", name + value) in text
    assert "mindthe17datapoints" in text
