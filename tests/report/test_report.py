"""The report, tested by its structure: every number is the summary's, every foreign string is escaped."""

import re
import time
from dataclasses import FrozenInstanceError, fields, is_dataclass
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import torch

from gapkit.engine import analyze
from gapkit.ladder import STANDARD, in_order, quantity
from gapkit.local import FAMILIES
from gapkit.models.reference import build as build_model
from gapkit.report import build, render, write_report
from gapkit.report.blocks import Interval, PlusMinus, Range
from gapkit.report.formats import as_text, nats, percent
from gapkit.results import Result
from gapkit.results.status import STATUSES
from gapkit.results.step_gains import summarise_curve
from gapkit.results.summary import summarise
from tests.results.test_step_gains import table as curve_table

QUANTITIES = (*STANDARD.names, *STANDARD.contrasts(), "mode_gap", "optimality_gap", "iwae", "pooled", "ais")
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Collects elements, ids and the cells of each table; refuses tags that do not close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.tables, self.headings = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag in ("h1", "h2", "h3"):
            self.headings.append([tag, ""])

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings[-1][1] += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def make(elbo, elbo_star, log_px, status="ok", split="test", run=None):
    """A result by hand: three rungs per datapoint, the rest follows."""
    elbo, elbo_star, log_px = (np.asarray(values, float) for values in (elbo, elbo_star, log_px))
    frame = pd.DataFrame({"elbo": elbo, "elbo_star": elbo_star, "log_px": log_px})
    frame = frame.assign(elbo_star_full_rank=elbo_star + 0.1, iwae=elbo + 0.5, pooled=log_px, ais=np.nan)
    frame = frame.assign(total_gap=log_px - elbo, amortization_gap=elbo_star - elbo)
    frame = frame.assign(amortization_minus_approximation=2 * elbo_star - elbo - log_px)
    frame = frame.assign(approximation_gap=log_px - elbo_star)
    frame = frame.assign(mode_gap=0.0, optimality_gap=0.001)
    frame = frame.assign(**{f"{name}_se": 0.05 for name in (*QUANTITIES, "elbo_star_full_rank")})
    frame = frame.assign(index=range(len(elbo)), split=split, status=status, log_px_source="mixture", start=0)
    return Result(frame, summarise(frame), run or {})


def join(*results, run=None):
    table = pd.concat([result.datapoints for result in results], ignore_index=True)
    return Result(table, summarise(table), run or {})


def three(**changes):
    return make([-95.0, -92.0, -99.0], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0], **changes)


def twelve(**changes):
    """Enough for intervals: the three, four times over, with ever larger gaps."""
    apart = np.repeat(np.arange(4.0), 3)
    elbo, star, log_px = np.tile([[-95.0, -92.0, -99.0], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0]], 4)
    return make(elbo - apart, star - 0.5 * apart, log_px, **changes)


@cache
def many(count=10_000):
    """As many datapoints as a whole test set: skewed gaps, several statuses, some without finite numbers."""
    rng = np.random.default_rng(0)
    log_px = rng.normal(-90, 15, count)
    elbo_star = log_px - rng.lognormal(0.3, 0.6, count)
    elbo = elbo_star - rng.lognormal(0.5, 0.9, count)
    status = np.array(["ok", "fit_budget", "evidence_weak,fit_budget", "negative_gap"])
    status = rng.choice(status, count, p=[0.9, 0.05, 0.03, 0.02])
    elbo[::1000], status[::1000] = np.nan, "nonfinite"
    return make(elbo, elbo_star, log_px, status)


def with_labels(result, labels):
    """The result with a label for each datapoint."""
    table = result.to_frame()
    table.insert(0, "label", labels)
    return Result(table, summarise(table), result.run)


def nothing():
    return make([np.nan] * 2, [np.nan] * 2, [np.nan] * 2, status="nonfinite")


@pytest.fixture(scope="module")
def real():
    torch.manual_seed(0)
    model = build_model("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    x = (torch.rand(6, 6, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    return analyze(model, x, effort="quick")


ODD = {
    "three": three,
    "one datapoint": lambda: make([-95.0], [-90.0], [-89.0]),
    "nothing finite": nothing,
    "some not finite": lambda: join(three(), nothing()),
    "second split not finite": lambda: join(three(), make([np.nan], [np.nan], [np.nan], split="train")),
    "first split not finite": lambda: join(nothing(), three(split="train")),
    "two splits": lambda: join(three(), three(split="train")),
    "equal values": lambda: make([-90.0] * 3, [-90.0] * 3, [-90.0] * 3),
    "all flagged": lambda: three(status="evidence_weak,fit_budget"),
    "further encoder and local steps": lambda: with_extras(),
    "labels": lambda: with_labels(join(three(), three(split="train")), [7, 0, 7, 0, 7, 0]),
    "some labels missing": lambda: with_labels(join(three(), nothing()), ["b", None, "a", "c", "c"]),
    "labels of one split": lambda: with_labels(
        join(three(), three(split="train")), pd.array([1, 2, 1, None, None, None], dtype="Int64")
    ),
    "labels that make no classes": lambda: with_labels(three(), [0.5, np.nan, -12.25]),
    "more classes than colours": lambda: with_labels(join(*[three()] * 4), range(12)),
    "infinite": lambda: make([-np.inf, -95.0], [-90.0] * 2, [-89.0] * 2, status=["nonfinite", "ok"]),
}


@cache
def odd(name):
    return build(ODD[name]())


@pytest.mark.parametrize("name", ODD)
def test_odd_results_give_a_well_formed_page_of_its_own(name):
    text = render(odd(name))
    page = Page(text)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:url\(#|href="#)([^)"]+)', text)
    assert set(used) <= set(ids)
    assert len(page.all("script")) == 1
    assert not page.all("link")


@pytest.mark.parametrize("name", ["one datapoint", "nothing finite", "first split not finite", "infinite"])
def test_odd_results_give_the_same_page_from_their_files(name, tmp_path):
    result = ODD[name]()
    result.save(tmp_path / "run")
    assert render(build(Result.load(tmp_path / "run"))) == render(odd(name))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one datapoint", "one datapoint cannot say what holds for others."),
        ("nothing finite", "no datapoint gave finite numbers"),
        ("some not finite", "2 of 5 datapoints have no finite log p(x) and are left out of every mean."),
        ("second split not finite", "Ladder of bounds: no finite values."),
        ("infinite", "1 of 2 datapoints has no finite L[q] and is left out of every mean."),
        (
            "all flagged",
            "for 3 datapoints neither route to log p(x) can be trusted and for 3 datapoints the fit of q* ",
        ),
        ("two splits", "The encoder&#39;s generalisation gap (test minus train)"),
        ("further encoder and local steps", "The encoder refit gains 2.07 ± 0.47 nats of the amortization gap"),
        ("further encoder and local steps", "local steps from the encoder&#39;s q close 90%"),
    ],
)
def test_odd_results_are_called_by_name(name, words):
    assert words in render(odd(name))


@pytest.mark.parametrize(
    "make_result",
    [three, twelve, lambda: join(three(), nothing()), lambda: join(twelve(), nothing())],
    ids=["few", "finite", "few and some not finite", "some not finite"],
)
def test_every_number_of_the_gap_table_is_the_summarys(make_result):
    result = make_result()
    assert_table_is_summary(result)


def test_the_report_of_a_real_analysis(real):
    assert_table_is_summary(real)
    page = Page(render(build(real)))
    worst = page.tables[1][1:]
    assert len(worst) == 6
    table = real.to_frame().sort_values("total_gap", ascending=False)
    for row, (_, datapoint) in zip(worst, table.iterrows(), strict=True):
        names = ("elbo", "elbo_star", "log_px", "amortization_gap", "approximation_gap")
        total = f"{nats(datapoint['total_gap'])} ± {nats(datapoint['total_gap_se'])}"
        expected = [str(datapoint["index"]), "test", *(nats(datapoint[name]) for name in names), total]
        assert row[:-1] == expected


def assert_table_is_summary(result):
    quantities = result.summary_values["quantities"]
    rows = [row for row in Page(render(build(result))).tables[0][1:] if len(row) > 1]
    own = f"elbo_star_{result.summary_values.get('families', {}).get('split')}"
    names = in_order(name for name in quantities if name != own)
    assert set(QUANTITIES) <= set(names)
    assert [row[0] for row in rows] == [quantity(name).label for name in names]
    for (label, *cells), name in zip(rows, names, strict=True):
        values = quantities[name]
        expected = [nats(values[key]) for key in ("mean", "se_monte_carlo", "se_datapoints")]
        ends, mark = (values["ci95"], "") if values["ci95"] else (values["range"], " (range)")
        expected.append(" to ".join(nats(end) for end in ends) + mark if ends else "–")
        assert cells[:4] == expected, label
        assert cells[4].split(" of ")[0] == str(values["count"])


def test_every_quantity_of_a_summary_has_words():
    quantities = three().summary_values["quantities"]
    assert set(QUANTITIES) <= set(quantities)
    assert all(quantity(name).meaning for name in quantities)
    assert all(quantity(f"{kind}_{name}").meaning for name in FAMILIES for kind in ("elbo_star", "approximation_gap"))


def test_the_page_begins_with_the_verdict_and_follows_the_reading_order():
    result = three()
    text = render(build(result))
    assert text.lstrip().startswith("<!DOCTYPE html>")
    page = Page(text)
    assert [heading for tag, heading in page.headings if tag == "h2"] == [
        "The ladder of bounds and the two gaps",
        "The worst datapoints",
        "Definitions",
        "Provenance",
    ]
    marks = ('class="verdict"', 'id="ladder-1"', 'id="gaps-1"', 'id="gap-scatter-1"')
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    for sentence in result.verdict():
        assert sentence.replace("'", "&#39;") in text


def test_tables_have_captions_and_pictures_have_descriptions():
    document = build(join(three(), three(split="train")))
    page = Page(render(document))
    assert len(page.all("caption")) == len(page.all("table")) == 5
    pictures = page.all("svg")
    assert len(pictures) == len(document.figures()) >= 4
    assert all(picture["role"] == "img" and "nats" in picture["aria-label"] for picture in pictures)


def test_a_second_split_has_its_table_and_the_generalisation_gap():
    result = join(three(), make([-61.0, -62.0], [-60.0, -60.5], [-59.0, -59.0], split="train"))
    document = build(result)
    values = result.summary_values["splits"]["train"]["quantities"]
    means = {row.name: row.cells[1] for row in document.table("gaps-2").rows}
    assert means == {name: values[name]["mean"] for name in means}
    (difference,) = document.table("generalisation").rows
    assert difference.cells[1] == result.summary_values["generalisation"]["test minus train"]["mean"]
    assert "Further splits" in [heading for _, heading in Page(render(document)).headings]


def test_foreign_strings_are_escaped():
    bad = '<script>alert("x")</script>'
    run = {
        "checkpoint": {"name": bad, "sha256": "ab" * 32},
        "data": {"source": bad, "splits": {bad: {"datapoints": 3}}},
        "warnings": [bad],
        "settings": {bad: bad},
        bad: bad,
    }
    text = render(build(with_labels(three(run=run, split=bad, status=bad), [bad, f"{bad} -->", bad])))
    assert text.count("<script") == 1
    assert "alert(&#34;x&#34;)" in text
    assert bad not in text
    assert text.count("alert(&#34;x&#34;)&lt;/script&gt; --&gt;") >= 3  # class, label and description of the picture
    assert len(Page(text).all("script")) == 1


def test_nothing_is_fetched_from_elsewhere():
    text = render(build(three()))
    addresses = set(re.findall(r'(?:https?:)?//[^\s"<>]+', text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in text
    assert "url(http" not in text


def test_worst_datapoints_are_the_largest_total_gaps_first():
    count = 230
    gaps = np.random.default_rng(0).permutation(count).astype(float)
    result = make(-100 - gaps, [-95.0] * count, [-94.0] * count)
    worst = build(result).table("worst-table").rows
    assert [row.cells[7] for row in worst] == [PlusMinus(gap, 0.05) for gap in sorted(gaps + 6, reverse=True)[:200]]
    assert all(row.cells[7].value == gaps[int(row.cells[0])] + 6 for row in worst)


def test_an_infinite_gap_is_the_worst_and_a_missing_one_the_last():
    result = make([-95.0, np.nan, -np.inf], [-90.0] * 3, [-89.0] * 3, status=["ok", "nonfinite", "nonfinite"])
    assert [row.cells[0] for row in build(result).table("worst-table").rows] == ["2", "0", "1"]
    assert "inf ± 0.050" in render(build(result))


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
    for number, (split, part) in enumerate(result.summary_values["splits"].items(), 1):
        table = odd(name).table(f"classes-{number}")
        assert f"split {split}" in table.caption
        assert table.footnote.endswith("too few for an interval.")
        for row, found in zip(table.rows, part["classes"], strict=True):
            label, used, *cells = row.cells
            assert label == str(found["label"])
            finite = found["quantities"]["total_gap"]["count"]
            assert used == (str(finite) if finite == found["datapoints"] else f"{finite} of {found['datapoints']}")
            for place, gap in enumerate(("total_gap", "amortization_gap", "approximation_gap")):
                values = found["quantities"][gap]
                ends = Range(*values["range"]) if finite else Interval(None, None)
                assert cells[2 * place : 2 * place + 2] == [values["mean"], ends]
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


def test_gaps_by_class_follow_the_gaps():
    text = render(odd("labels"))
    marks = ('id="gaps-1"', 'id="gap-scatter-1"', 'id="classes-1"', 'id="gap-classes-1"', 'id="worst"')
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert "Gaps by class" in [heading for tag, heading in Page(text).headings if tag == "h3"]


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


def test_provenance_tells_settings_versions_checkpoint_and_seconds(real):
    run = {**real.run, "checkpoint": {"name": "model.pt", "sha256": "12" * 32}, "warnings": ["mind this"]}
    document = build(Result(real.datapoints, real.summary_values, run))
    *warned, sheet = document.section("provenance").blocks
    groups = {group.title: {fact.name: fact.value for fact in group.facts} for group in sheet.groups}
    assert document.title == "Inference gaps of model.pt"
    assert groups["Checkpoint"] == {"Name": "model.pt", "Sha256": "12" * 32}
    assert groups["Settings"]["Seed"] == "0"
    assert groups["Settings"]["Elbo: num samples"] == "128"
    assert groups["Versions"]["Torch"] == torch.__version__
    assert "Total" in groups["Seconds"]
    assert warned[1].sentences == ("mind this",)


def test_the_document_is_frozen_and_has_no_markup(real):
    document = build(real)
    with pytest.raises(FrozenInstanceError):
        document.title = "other"
    for name, text in strings(document):
        assert name == "svg" or not re.search(r"</|&\w+;|<\w+>", text)


def strings(value, name=""):
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, tuple):
        for item in value:
            yield from strings(item, name)
    elif is_dataclass(value):
        for field in fields(value):
            yield from strings(getattr(value, field.name), field.name)


def test_the_same_result_gives_the_same_bytes(real, tmp_path):
    first = write_report(real, tmp_path / "one.html").read_bytes()
    real.save(tmp_path / "run")
    again = write_report(Result.load(tmp_path / "run"), str(tmp_path / "two.html")).read_bytes()
    assert again.count(b"<svg") >= 2
    assert again == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "run", "two.html"]


@pytest.mark.parametrize("count", [1000, 1001, 20_000])
def test_pictures_stay_small(count):
    rng = np.random.default_rng(0)
    result = make(-100 - rng.exponential(5, count), -95 - rng.random(count), [-94.0] * count)
    assert all(len(figure.svg) < 200_000 for figure in build(result).figures())


def test_a_split_whose_name_the_font_cannot_write():
    assert "テスト" in render(build(three(split="テスト")))


def with_extras(shares=None, **changes):
    """A result with a further encoder and a curve of local steps."""
    rows = twelve().to_frame()
    level = rows["elbo"] + np.tile([2.0, 0.2, 4.0], 4)
    rows = rows.assign(elbo_refit=level, gain_refit=level - rows["elbo"], left_refit=rows["elbo_star"] - level)
    rows = rows.assign(**{f"{kind}_refit_se": 0.02 for kind in ("elbo", "gain", "left")})
    table = curve_table(shares or {0: 0.0, 1: [0.4, 0.5, 0.6] * 4, 5: 0.93}, np.tile([4.0, 5.0, 6.0], 4))
    curve = {"split": "test", "family": "mean_field", **summarise_curve(table), **changes}
    return Result(rows, {**summarise(rows), "semi_amortized": curve}, {})


def test_the_section_on_local_steps():
    result = with_extras()
    text = render(build(result))
    page = Page(text)
    assert "Local steps at test time" in [heading for tag, heading in page.headings if tag == "h2"]
    places = [text.index(mark) for mark in ('id="gap-scatter-1"', 'id="local-steps-1"', '<section id="worst"')]
    assert places == sorted(places)
    assert "Each point is the mean bound, in nats, after so many local steps" in text
    rows = next(table for table in page.tables if table[0][0] == "Steps")[1:]
    curve = result.summary_values["semi_amortized"]["curve"]
    for row, point in zip(rows, curve, strict=True):
        gain, share = point["gain"], point["share"]
        assert row == [
            str(point["steps"]),
            nats(point["elbo"]["mean"]),
            nats(gain["mean"]),
            " to ".join(nats(end) for end in gain["ci95"]),
            nats(point["left"]["mean"]),
            percent(share["mean"]),
            " to ".join(percent(end) for end in share["ci95"]),
        ]
    assert rows[2][5] == "93%"
    (figure,) = (picture for picture in page.all("svg") if "local steps" in picture["aria-label"])
    assert "from L[q] -90.00 after none to -85.35 after 5, against L[q*] -85.00" in figure["aria-label"]
    assert len(page.all("caption")) == len(page.all("table"))


def test_without_a_gap_the_section_has_no_shares():
    table = curve_table({0: 0.0, 1: 0.5}, np.tile([0.1, -0.1, 0.0], 4))
    document = build(with_extras(**summarise_curve(table)))
    assert [row.cells[5] for row in document.table("local-steps-table").rows] == [None, None]
    assert "There is no clear amortization gap for local steps" in render(document)


def test_a_curve_without_finite_numbers():
    document = build(with_extras(**summarise_curve(curve_table({0: 0.0, 1: 0.5}, np.full(3, np.nan)))))
    assert document.table("local-steps-table").caption.startswith("Means over 0 datapoints")
    assert "no finite numbers" in render(document)


@pytest.mark.parametrize("curve", [None, {"skipped": "the encoder's family is 'flow'"}])
def test_without_a_curve_there_is_no_section(curve):
    result = three()
    summary = {**result.summary_values, **({"semi_amortized": curve} if curve else {})}
    text = render(build(Result(result.datapoints, summary, {})))
    assert "Local steps at test time" not in text
    assert ("There is no curve of local steps" in text) == bool(curve)


def test_a_further_encoder_splits_the_amortization_gap_in_the_table():
    result = with_extras()
    quantities = {row.name: row for row in build(result).table("gaps-1").rows}
    names = list(quantities)
    place = names.index("amortization_gap")
    assert names[place + 1 : place + 3] == ["gain_refit", "left_refit"]
    assert names.index("elbo_refit") == names.index("elbo") - 1
    parts = quantities["gain_refit"].cells[1] + quantities["left_refit"].cells[1]
    assert parts == pytest.approx(quantities["amortization_gap"].cells[1])
    for name in ("gain_refit", "left_refit", "elbo_refit"):
        assert "refit" in quantities[name].cells[0]
        assert quantities[name].note
    assert_table_is_summary(result)


@cache
def large():
    """The document of a whole test set, and the seconds of work to build it."""
    result = many()
    start = time.process_time()
    document = build(result)
    return document, time.process_time() - start


def test_ten_thousand_datapoints_are_light_and_soon_written():
    document, building = large()
    start = time.process_time()
    size = len(render(document).encode())
    seconds = building + time.process_time() - start
    print(f"\n{size / 1e6:.2f} MB of HTML in {seconds:.1f} s")
    assert size <= 3_000_000
