"""The card of a notebook: its pictures are as long as its numbers say, and it takes the colours of the page."""

import os
import re
import shutil
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from gapkit.ladder import STANDARD
from gapkit.results import Result
from gapkit.results.records import CertificateSummary, SandwichMean
from gapkit.results.summary import summarise
from tests.report.pages import Page
from tests.results.by_hand import ODD, join, make, three, twelve
from tests.results.edited import with_mean

RUNGS = [rung.name for rung in STANDARD.rungs]
GAPS = {gap.name: tuple(rung.name for rung in STANDARD.ends(gap)) for gap in STANDARD.all_gaps}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = os.environ.get("GAPKIT_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


def pictures(card):
    """Label of each row: the dot, or the bar and its whisker, as numbers."""
    found = {}
    for label, svg in re.findall(r"<b>([^<]*)</b>.*?(<svg.*?</svg>)", card):
        numbers = {}
        for tag in ("circle", "rect"):
            for attributes in re.findall(rf"<{tag} (.*?)/>", svg):
                numbers |= {k: float(v) for k, v in re.findall(r'(\w+)="([-\d.]+)"', attributes)}
        whisker = re.search(r'class="whisker" d="M([-\d.]+) [\d.]+H([-\d.]+)', svg)
        if whisker:
            numbers["whisker"] = [float(end) for end in whisker.groups()]
        numbers["guides"] = re.findall(r'class="guide" d="M([-\d.]+) ([\d.]+)V([\d.]+)"', svg)
        found[label] = numbers
    return found


@pytest.mark.parametrize("name", ODD)
def test_odd_results_give_one_well_formed_element(name):
    result = ODD[name]()
    card = result._repr_html_()
    page = Page(card)
    assert page.elements[0] == ("div", {"class": "gapkit-card"})
    assert card.endswith("</div>")
    assert not page.all("script")
    assert result.verdict()[0].split("'")[0] in card
    finite = result.summary_values.quantities["total_gap"].mean is not None
    assert ("not finite" in card.partition("<table")[2].partition("</table>")[0]) == (not finite)


def test_every_number_of_the_table_is_that_of_the_summary():
    result = twelve()
    quantities = result.summary_values.quantities
    (table,) = Page(result._repr_html_()).tables
    rows = {row[0]: row[1:3] for row in table[1:]}
    labels = {
        "log p(x) the model's log-likelihood": "log_px",
        "L[q*], full rank best q of another family": "elbo_star_full_rank",
        "approximation gap the family's part": "approximation_gap",
        "L[q*] best q of the family": "elbo_star",
        "amortization gap the encoder's part": "amortization_gap",
        "L[q] the encoder's q": "elbo",
        "total gap the sum of the two": "total_gap",
    }
    assert list(rows) == list(labels)
    for label, name in labels.items():
        values = quantities[name]
        low, high = values.ci95
        error = values.se_datapoints if values.se_total is None else values.se_total
        assert rows[label] == [f"{values.mean:.3f} ± {error:.3f}", f"{low:.3f} to {high:.3f}"]


def test_few_datapoints_have_their_range_and_a_note():
    card = three()._repr_html_()
    (table,) = Page(card).tables
    assert {row[0]: row[2] for row in table[1:]}["total gap the sum of the two"] == "1.500 to 9.000 (range)"
    assert card.count("fewer than 10 datapoints are too few for an interval") == 1
    assert "too few" not in twelve()._repr_html_()


@pytest.mark.parametrize(
    "result",
    [
        make(-20.0 - np.arange(30) % 3, -18.0 - np.arange(30) % 2, -17.0 - 0.1 * (np.arange(30) % 5)),
        make([-17.0, -18.0, -19.0] * 4, [-18.0, -18.5, -19.5] * 4, [-20.0, -20.5, -21.5] * 4),  # both gaps below zero
        make([-1e6, -1e6 - 1, -1e6 + 1] * 4, [-1e6 + 3] * 12, [-1e6 + 4] * 12),
        make([-90.0] * 12, [-90.0] * 12, [-90.0] * 12),
        make([-95.0], [-90.0], [-89.0]),
    ],
    ids=["usual", "negative gaps", "far from zero", "no gaps", "one datapoint"],
)
def test_bars_go_from_dot_to_dot_and_all_rows_share_one_axis(result):
    drawn, quantities = pictures(result._repr_html_()), result.summary_values.quantities
    names = {"log_px": "log p(x)", "elbo_star": "L[q*]", "elbo": "L[q]"}
    x = {rung: drawn[label]["cx"] for rung, label in names.items()}
    nats = {rung: quantities[rung].mean for rung in RUNGS}
    ends = [quantities[upper].mean - end for gap, (upper, _) in GAPS.items() for end in quantities[gap].ci95 or ()]
    ends += [*nats.values(), quantities["elbo_star_full_rank"].mean]
    scale = (220 - 2 * 9) / max(max(ends) - min(ends), 0.1)
    for one, other in pairwise(RUNGS):
        assert x[one] - x[other] == pytest.approx(scale * (nats[one] - nats[other]), abs=0.11)
    side = drawn["L[q*], full rank"]["cx"]
    assert side - x["elbo_star"] == pytest.approx(
        scale * (quantities["elbo_star_full_rank"].mean - nats["elbo_star"]), abs=0.11
    )
    for gap, (upper, lower) in GAPS.items():
        bar = drawn[gap.replace("_", " ")]
        assert sorted((x[upper], x[lower])) == pytest.approx([bar["x"], bar["x"] + bar["width"]], abs=0.11)
        whisker = [x[upper] - scale * end for end in reversed(quantities[gap].ci95 or ())]
        assert bar.get("whisker", []) == pytest.approx(whisker, abs=0.11)
    everything = [number for row in drawn.values() for number in [row.get("cx", 9.0), *row.get("whisker", [])]]
    assert min(everything) > 8.8
    assert max(everything) < 211.2


def test_dotted_lines_join_each_dot_to_the_ends_of_its_bars():
    drawn = pictures(three()._repr_html_())
    place = {label: f"{row['cx']:.1f}" for label, row in drawn.items() if "cx" in row}
    assert drawn["log p(x)"]["guides"] == [(place["log p(x)"], "13.0", "26")]
    assert drawn["L[q*], full rank"]["guides"] == [(place["log p(x)"], "0", "26")]
    assert drawn["approximation gap"]["guides"] == [
        (place["log p(x)"], "0", "13.0"),
        (place["L[q*]"], "13.0", "26"),
    ]
    assert drawn["L[q*]"]["guides"] == [(place["L[q*]"], "0", "26")]
    assert drawn["amortization gap"]["guides"] == [(place["L[q*]"], "0", "13.0"), (place["L[q]"], "13.0", "26")]
    assert drawn["L[q]"]["guides"] == [(place["L[q]"], "0", "13.0")]
    assert drawn["total gap"]["guides"] == []


def test_means_over_different_datapoints_are_not_drawn():
    frame = three().datapoints.assign(elbo=[-95.0, -92.0, np.nan])
    summary = summarise(frame)
    summary = with_mean(summary, "log_px", **vars(three().summary_values.quantities["log_px"]))
    card = Result(frame, summary, {})._repr_html_()  # an older file: log p(x) of three, L[q] of two datapoints
    assert "<svg" not in card
    assert "not over the same datapoints" in card
    assert "<svg" not in ODD["nothing finite"]()._repr_html_()
    assert "not over the same datapoints" not in ODD["nothing finite"]()._repr_html_()


def test_further_splits_and_encoders_have_their_place():
    card = join(three(), three(split="train"))._repr_html_()
    assert "<details><summary>train: 3 datapoints</summary>" in card
    assert card.index("test: 3 datapoints") < card.index("train: 3 datapoints")
    frame = three().datapoints.assign(elbo_refit=[-93.0, -91.5, -97.0], gain_refit=[2.0, 0.5, 2.0], left_refit=1.0)
    frame = frame.assign(**{f"{kind}_refit_se": 0.05 for kind in ("elbo", "gain", "left")})
    drawn = pictures(Result(frame, summarise(frame), {})._repr_html_())
    assert drawn["L[q]"]["cx"] < drawn["L[q], refit"]["cx"] < drawn["L[q*]"]["cx"]


def test_names_from_elsewhere_are_text():
    name = '<script>alert("x")</script> & "q" 😀'
    card = join(three(split=name), three(split="</summary><b>"))._repr_html_()
    assert "<script" not in card
    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &quot;q&quot; 😀: 3 datapoints" in card
    assert "&lt;/summary&gt;&lt;b&gt;: 3 datapoints" in card
    frame = three().datapoints.rename(columns={"elbo_star_full_rank": "elbo_star_<i>"})
    frame = frame.rename(columns={"elbo_star_full_rank_se": "elbo_star_<i>_se"})
    card = Result(frame, summarise(frame), {})._repr_html_()
    assert "<i>" not in card
    assert "L[q*], &lt;i&gt;" in card


def test_sentences_are_those_of_the_verdict_and_of_trust():
    frame = three().datapoints
    elbo = summarise(frame).quantities["elbo"]
    certificate = CertificateSummary(elbo, elbo, SandwichMean(**vars(elbo), median=None))
    result = Result(frame, summarise(frame, certificate=certificate), {})
    text = re.sub(r"\s+", " ", result._repr_html_())
    for sentence in [*result.verdict(), *result.trust()]:
        assert sentence.replace("'", "&#x27;") in text
    assert len(result.trust()) == 1
    assert text.index("How far log p(x) can be trusted") > text.index("</table>")


def test_one_line_of_text_where_there_is_no_html():
    assert repr(three()) == (
        "<gapkit.Result test: 3 datapoints; total gap 5.50 ± 2.18 nats, amortization gap 4.00 ± 1.59 nats, "
        "approximation gap 1.50 ± 0.82 nats>"
    )
    assert "total gap not finite" in repr(ODD["nothing finite"]())


@pytest.mark.skipif(BROWSER is None, reason="no browser")
@pytest.mark.slow
def test_in_light_and_dark_themes_the_card_takes_the_page_s_colours_and_hides_nothing():
    jupyter = (  # the rules of JupyterLab that reach into a card
        ".o table{border-collapse:collapse;font-size:12px;table-layout:fixed;margin:0 auto 1em}"
        ".o td,.o th,.o tr{text-align:right;vertical-align:middle;padding:.5em;white-space:normal;max-width:none}"
        ".o tbody tr:nth-child(odd){background:rgb(127,127,127)} .o p{margin:0 0 1em}"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER)
        for color, ground in (("rgb(17, 17, 17)", "rgb(255, 255, 255)"), ("rgb(224, 224, 224)", "rgb(17, 17, 17)")):
            page = browser.new_page(viewport={"width": 900, "height": 700})
            style = f"body{{color:{color};background:{ground};font:13px sans-serif}} {jupyter}"
            page.set_content(f"<style>{style}</style><div class=o>{three()._repr_html_()}</div>")

            def styles(selector, what, page=page):
                return set(page.eval_on_selector_all(selector, f"all => all.map(e => getComputedStyle(e).{what})"))

            assert styles(".gapkit-lead, th, td", "color") == {color}
            assert styles("circle.rung", "fill") == {color}
            assert styles("circle.side, .whisker, .guide", "stroke") == {color}
            assert styles("td, th, tr", "backgroundColor") == {"rgba(0, 0, 0, 0)"}
            fills = styles("rect.approximation_gap, rect.amortization_gap", "fill")
            assert len(fills) == 2
            assert all(_contrast(fill, ground) > 3 for fill in fills)  # what WCAG 2.1 asks of graphics
            hidden = "e => e.scrollWidth > e.clientWidth"
            assert not page.eval_on_selector(".gapkit-scroll", hidden)
        browser.close()


def _contrast(one, other):
    def luminance(color):
        parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)
