"""The first screen: what to do, the numbers that decide, the picture, the health; and what is folded below it."""

from dataclasses import replace

import pytest

from gapkit.report import build, render
from gapkit.report.blocks import PlusMinus
from gapkit.report.html import headed, marked_up
from gapkit.results import Result
from gapkit.results.records import Summary
from tests.report.pages import Page
from tests.report.shown import of_html, of_pdf
from tests.results.verdict import builder, faults

pytestmark = pytest.mark.usefixtures("no_pictures")


def of(*changes, **gaps):
    frame = builder.table(40, **gaps)
    summary = builder.finished(frame)
    for change in changes:
        change(summary)
    return Result(frame, Summary.of(summary), {})


def test_the_cards_are_the_gaps_of_the_summary():
    result = of()
    cards = {card.label: card for card in build(result).lead.cards}
    assert list(cards) == ["The encoder loses", "The family loses", "How sure"]
    for label, name in (("The encoder loses", "amortization_gap"), ("The family loses", "approximation_gap")):
        values = result.summary_values.quantities[name]
        assert cards[label].value == PlusMinus(values.mean, values.error)
    assert cards["How sure"].value.endswith(" nats")
    assert cards["How sure"].note.endswith(", 95% confidence")


def test_without_an_advice_the_card_says_what_is_missing():
    card = build(of(faults.not_converged)).lead.cards[-1]
    assert card.value == "not yet"
    assert "converged" in card.note


@pytest.mark.parametrize("text_of", [of_html, of_pdf], ids=["html", "pdf"])
def test_the_first_screen_is_in_both_formats(text_of):
    document = build(of(faults.not_converged))
    text = " ".join(text_of(document).split())
    for words in ("How sure", "not yet", "In doubt: 100 of 100 fits of q* did not converge", "10 of 10 latents in use"):
        assert words in text, words


def test_checks_are_shut_where_they_passed_and_open_where_not():
    well, ill = build(of()).section("trust"), build(of(faults.not_converged)).section("trust")
    assert (well.title, well.folded) == ("Fits and log p(x): all checks passed", True)
    assert (ill.title, ill.folded) == ("Fits and log p(x): fits of q* in doubt", False)


def test_what_is_folded_can_be_opened_and_is_in_the_contents():
    document = build(of())
    page = Page(render(document))
    links = [attrs["href"] for attrs in page.all("a")]
    assert [f"#{section.name}" for section in document.sections] == links[: len(document.sections)]
    folds = [attrs for attrs in page.all("details") if attrs.get("class") == "fold"]
    assert len(folds) == sum(section.folded for section in document.sections) >= 4


def test_figures_are_numbered_in_reading_order_and_named_by_what_they_show():
    document = build(of())
    titles = [figure.title for figure in document.figures()]
    assert all(titles)
    assert titles[0].startswith("4.0")  # nats between log p(x) and L[q]
    text = " ".join(of_html(document).split())
    places = [text.index(f"Figure {number} {title}") for number, title in enumerate(titles, 1)]
    assert places == sorted(places)


def test_what_to_type_is_set_as_code_and_nothing_else_is_markup():
    assert marked_up("use `gapkit refit` <b>") == "use <code>gapkit refit</code> &lt;b&gt;"
    assert marked_up("a stray ` mark") == "a stray ` mark"
    assert headed("Fix the encoder: with a perfect one") == ("Fix the encoder:", " with a perfect one")
    assert headed("No colon at all") == ("", "No colon at all")


def test_a_document_without_a_first_screen_begins_with_its_verdict():
    document = build(of())
    text = render(replace(document, lead=None))
    assert all(sentence.split("`")[0].replace("'", "&#39;") in text for sentence in document.verdict)
