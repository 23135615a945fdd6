"""The report, tested by its structure: every number is the summary's, every foreign string is escaped."""

import re
import time
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch

from gapkit.engine import analyze
from gapkit.ladder import in_order, quantity
from gapkit.local import FAMILIES
from gapkit.models.reference import build as build_model
from gapkit.report import build, render, write_report
from gapkit.report.formats import nats
from gapkit.results import Result
from tests.fast import only
from tests.report.pages import Page, large, odd, strings
from tests.report.shown import of_html
from tests.results.by_hand import FEW, ODD, QUANTITIES, join, make, nothing, three, twelve, with_extras, with_labels


@pytest.fixture(scope="module")
def real():
    torch.manual_seed(0)
    model = build_model("mlp_vae", x_shape=(6,), latent=2, hidden=(8,))
    x = (torch.rand(6, 6, generator=torch.Generator().manual_seed(1)) < 0.5).float()
    return analyze(model, x, effort="quick")


@pytest.mark.parametrize("name", only(ODD, *FEW, "two splits", "further encoder and local steps"))
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


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    "make_result",
    [three, twelve, lambda: join(three(), nothing()), lambda: join(twelve(), nothing())],
    ids=["few", "finite", "few and some not finite", "some not finite"],
)
def test_every_number_of_the_gap_table_is_the_summarys(make_result):
    result = make_result()
    assert_table_is_summary(result)


@pytest.mark.usefixtures("no_pictures")
def test_the_report_of_a_real_analysis(real):
    assert_table_is_summary(real)
    page = Page(render(build(real)))
    worst = page.table("worst-table")[1:]
    assert len(worst) == 6
    table = real.to_frame().sort_values("total_gap", ascending=False)
    for row, (_, datapoint) in zip(worst, table.iterrows(), strict=True):
        names = ("elbo", "elbo_star", "log_px", "amortization_gap", "approximation_gap")
        total = f"{nats(datapoint['total_gap'])} ± {nats(datapoint['total_gap_se'])}"
        expected = [str(datapoint["index"]), "test", *(nats(datapoint[name]) for name in names), total]
        assert row[:-1] == expected


def assert_table_is_summary(result):
    quantities = result.summary_values.quantities
    rows = [row for row in Page(render(build(result))).table("gaps-1")[1:] if len(row) > 1]
    families = result.summary_values.families
    own = f"elbo_star_{families.split}" if families else None
    names = in_order(name for name in quantities if name != own)
    assert set(QUANTITIES) <= set(names)
    assert [row[0] for row in rows] == [quantity(name).label for name in names]
    for (label, *cells), name in zip(rows, names, strict=True):
        values = quantities[name]
        expected = [nats(number) for number in (values.mean, values.se_monte_carlo, values.se_datapoints)]
        ends, mark = (values.ci95, "") if values.ci95 else (values.range, " (range)")
        expected.append(" to ".join(nats(end) for end in ends) + mark if ends else "–")
        assert cells[:4] == expected, label
        assert cells[4].split(" of ")[0] == str(values.count)


def test_every_quantity_of_a_summary_has_words():
    quantities = three().summary_values.quantities
    assert set(QUANTITIES) <= set(quantities)
    assert all(quantity(name).meaning for name in quantities)
    assert all(quantity(f"{kind}_{name}").meaning for name in FAMILIES for kind in ("elbo_star", "approximation_gap"))


def test_the_page_begins_with_the_verdict_and_follows_the_reading_order():
    result = three()
    text = render(build(result))
    assert text.lstrip().startswith("<!DOCTYPE html>")
    page = Page(text)
    assert [heading for tag, heading in page.headings if tag == "h2"] == [
        "Health",
        "Where the gap is",
        "The worst datapoints",
        "All bounds and gaps",
        "Definitions",
        "Settings and provenance",
    ]
    marks = ('class="verdict"', 'class="cards"', 'id="ladder-1"', 'id="gap-scatter-1"', 'id="gaps-1"')
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    words = " ".join(of_html(build(result)).split())
    for sentence in result.verdict():
        assert sentence.replace("`", "") in words


def test_tables_have_captions_and_pictures_have_descriptions():
    document = odd("two splits")
    page = Page(render(document))
    assert len(page.all("caption")) == len(page.all("table")) == 4
    pictures = page.all("svg")
    assert len(pictures) == len(document.figures()) >= 4
    assert all(picture["role"] == "img" and "nats" in picture["aria-label"] for picture in pictures)


@pytest.mark.usefixtures("no_pictures")
def test_a_second_split_has_its_table_and_the_generalisation_gap():
    result = join(three(), make([-61.0, -62.0], [-60.0, -60.5], [-59.0, -59.0], split="train"))
    document = build(result)
    values = result.summary_values.splits["train"].quantities
    means = {row.name: row.cells[1] for row in document.table("gaps-2").rows}
    assert means == {name: values[name].mean for name in means}
    (difference,) = document.table("generalisation").rows
    assert difference.cells[1] == result.summary_values.generalisation["test minus train"].mean
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
    text = render(odd("three"))
    addresses = set(re.findall(r'(?:https?:)?//[^\s"<>]+', text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in text
    assert "url(http" not in text


@pytest.mark.usefixtures("no_pictures")
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


@pytest.mark.usefixtures("no_pictures")
def test_the_document_is_frozen_and_has_no_markup(real):
    document = build(real)
    with pytest.raises(FrozenInstanceError):
        document.title = "other"
    for name, text in strings(document):
        assert name == "svg" or not re.search(r"</|&\w+;|<\w+>", text)


@pytest.mark.slow
def test_the_same_result_gives_the_same_bytes(real, tmp_path):
    first = write_report(real, tmp_path / "one.html").read_bytes()
    real.save(tmp_path / "run")
    again = write_report(Result.load(tmp_path / "run"), str(tmp_path / "two.html")).read_bytes()
    assert again.count(b"<svg") >= 2
    assert again == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "run", "two.html"]


@pytest.mark.parametrize("count", only([1000, 1001, 20_000], 1000))
def test_pictures_stay_small(count):
    rng = np.random.default_rng(0)
    result = make(-100 - rng.exponential(5, count), -95 - rng.random(count), [-94.0] * count)
    assert all(len(figure.svg) < 200_000 for figure in build(result).figures())


def test_a_split_whose_name_the_font_cannot_write():
    assert "テスト" in render(build(three(split="テスト")))


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


def test_ten_thousand_datapoints_are_light_and_soon_written():
    document, building = large()
    start = time.process_time()
    size = len(render(document).encode())
    seconds = building + time.process_time() - start
    print(f"\n{size / 1e6:.2f} MB of HTML in {seconds:.1f} s")
    assert size <= 3_000_000
