"""A ladder of four rungs goes through everything that shows a result, and all of its gaps are named there."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from gapkit.cli.compare import print_comparison
from gapkit.cli.console import print_result
from gapkit.comparison import compare
from gapkit.core.errors import InputError
from gapkit.ladder import STANDARD, Gap, Ladder, Rung, quantity
from gapkit.ood import scores
from gapkit.report import build, build_comparison, render, render_pdf
from gapkit.results import Result
from gapkit.results.summary import summarise
from tests.four_rungs import FOUR, four_rungs
from tests.report.pages import Page, pages_of
from tests.results.by_hand import twelve

TWO = Ladder((STANDARD.top, STANDARD.bottom), (Gap("inference_gap", "inference gap", "encoder"),))
LABELS = [part.label for part in FOUR.steps()]


def console_text(show, *what):
    written = io.StringIO()
    show(Console(file=written, width=160), *what)
    return written.getvalue()


def test_the_summary_has_every_rung_and_gap():
    summary = four_rungs().summary
    assert {*FOUR.names, *FOUR.contrasts()} <= {*summary.index}
    parts = summary.loc[[gap.name for gap in FOUR.gaps], "mean"]
    assert parts.sum() == pytest.approx(summary.loc["total_gap", "mean"])


def test_the_card_has_a_row_and_a_picture_for_each():
    result = four_rungs(splits=("test", "train"))
    card = result._repr_html_()
    for table in Page(card).tables:
        assert [row[0].startswith(label) for row, label in zip(table[1:], [*LABELS, "total gap"], strict=True)]
        assert table[4][0] == "set gap the set's part"
        assert table[-1][0] == "total gap the sum of the three"
    assert card.count('<rect class="set_gap"') == 2
    assert ".gapkit-card svg .set_gap{fill:" in card
    assert card.count('<circle class="rung"') == 8
    assert "and for the approximation gap and the set gap what the fits" in card


def test_side_notes_stand_at_their_height_between_four_rungs():
    result = four_rungs()
    table = result.to_frame()
    for name, above in (("high", 0.4), ("low", -0.1)):
        for kind, value in (("elbo", table["elbo_set"] + above), ("gain", above), ("left", 1.0)):
            table[f"{kind}_{name}"], table[f"{kind}_{name}_se"] = value, 0.02
    card = Result(table, summarise(table, ladder=FOUR), {})._repr_html_()
    order = [row[0].rpartition(" ")[0] or row[0] for row in Page(card).tables[0][1:]]
    places = {
        name: next(i for i, row in enumerate(order) if row.startswith(name)) for name in ("L[q], high", "L[q], low")
    }
    assert places == {"L[q], high": 4, "L[q], low": 7}


def test_one_line_and_the_console_name_every_gap():
    result = four_rungs()
    assert all(gap.label in repr(result) for gap in FOUR.all_gaps)
    lines = [line.split("│")[1].strip() for line in console_text(print_result, result).splitlines() if "│" in line]
    assert lines == [
        "log p(x)",
        "L[q*]     best in the family",
        "L[q_set]  the set encoder's q",
        "L[q]      the encoder's q",
        "approximation gap (family)",
        "set gap",
        "amortization gap (encoder)",
        "total gap",
    ]


def test_the_report_has_every_rung_and_gap():
    document = build(four_rungs(splits=("test", "train"), classes=3))
    page = render(document)
    tables = Page(page).tables
    assert [card.label for card in document.lead.cards] == [
        "The encoder loses",
        "Set gap",
        "The family loses",
        "How sure",
    ]
    assert {"Set gap", "L[q_set]"} <= {row[0].splitlines()[0].strip() for row in Page(page).table("gaps-1")}
    worst = next(table for table in tables if table[0][0].strip() == "Index")
    assert [cell.strip() for cell in worst[0]][3:-1] == [
        "L[q]",
        "L[q_set]",
        "L[q*]",
        "log p(x)",
        "Amortization gap",
        "Set gap",
        "Approximation gap",
        "Total gap",
    ]
    definitions = next(section for section in document.sections if section.name == "definitions")
    meant = {term.term: term.definition for term in definitions.blocks[0].terms}
    assert {"Set gap", "L[q_set]"} <= {*meant}
    assert meant["Total gap"] == "The sum of the three gaps."
    assert "for the approximation gap and the set gap what" in meant["Error over datapoints"]


def test_the_pdf_has_the_set_gap():
    text = " ".join(pages_of(render_pdf(build(four_rungs(count=12)))))
    assert all(quantity(name, FOUR).label in " ".join(text.split()) for name in FOUR.names)


def test_two_runs_are_compared_gap_by_gap():
    comparison = compare({"a": four_rungs(seed=1), "b": four_rungs(seed=5)})
    assert Ladder.of(json.loads(json.dumps(comparison.summary_values.to_dict()))["ladder"]) == FOUR
    assert [*comparison.summary_values.splits["test"].differences["b"].quantities] == list(FOUR.names)
    assert any("the set gap (the set's part)" in sentence for sentence in comparison.sentences())
    assert "set gap" in console_text(print_comparison, comparison)
    page = render(build_comparison(comparison))
    assert page.count("Set gap") >= 3
    assert "Of the set gap" in page


def test_a_change_of_the_bound_is_made_of_three_gaps():
    one = four_rungs(count=200, seed=1)
    table = one.to_frame()
    for name, change in (("set_gap", 0.5), ("elbo_set", -0.5), ("elbo", -0.5), ("total_gap", 0.5)):
        table[name] += change
    other = Result(table, summarise(table, ladder=FOUR), {})
    said = " ".join(compare({"a": one, "b": other}).sentences()).replace("−", "-")
    assert "(log p(x) contributes +0.00, the encoder +0.00, the set gap -0.50, the family +0.00)" in said
    assert "the set gap (the set's part) is 0.500" in said


def test_runs_of_different_ladders_are_refused():
    usual = twelve()
    with pytest.raises(InputError) as refused:
        compare({"usual": usual, "sets": four_rungs(count=12)})
    assert refused.value.asked == "compare sets with usual"
    assert refused.value.found.endswith(f"in usual, {', '.join(LABELS)} in sets")
    assert refused.value.do == "compare runs whose rungs and gaps are the same"


def test_runs_whose_sentences_differ_are_compared():
    first, middle, last = FOUR.gaps
    other = Ladder(FOUR.rungs, (first, Gap(middle.name, middle.label, middle.part, meaning="In other words."), last))
    assert other != FOUR
    compare({"a": four_rungs(seed=1), "b": four_rungs(seed=2, ladder=other)})


def test_arviz_groups_have_every_rung_and_gap():
    pytest.importorskip("arviz_base")
    tree = four_rungs().to_arviz()
    assert {rung.name for rung in FOUR.rungs} <= {*tree["bounds"].data_vars}
    assert {gap.name for gap in FOUR.all_gaps} <= {*tree["gaps"].data_vars}


@pytest.mark.parametrize("ladder", [STANDARD, TWO, FOUR], ids=["three rungs", "two rungs", "four rungs"])
def test_a_run_comes_back_with_its_ladder(tmp_path, ladder):
    result = four_rungs(classes=2, ladder=ladder)
    loaded = Result.load(result.save(tmp_path / "run"))
    assert loaded.ladder == result.ladder == ladder
    assert loaded.summary_values == result.summary_values


def test_scores_are_of_the_encoders_gap():
    result = four_rungs()
    np.testing.assert_array_equal(scores(result)["regret"], result.to_frame()["amortization_gap"])
    whole = Ladder((STANDARD.top, STANDARD.bottom), (Gap("inference_gap", "inference gap", "other"),))
    with pytest.raises(InputError, match="inference gap"):
        scores(four_rungs(ladder=whole))


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        (lambda stored: stored["ladder"].pop("gaps"), "at ladder: 'gaps' is a required property"),
        (lambda stored: stored["ladder"].update(rungs=[]), "at ladder.rungs"),
        (lambda stored: stored["ladder"]["rungs"][0].update(name="a b"), "at ladder.rungs.0.name"),
        (lambda stored: stored["ladder"]["rungs"][0].update(name="log_px\n"), "at ladder: the name"),
        (lambda stored: stored["ladder"]["gaps"][0].update(part="nobody"), "at ladder.gaps.0.part"),
        (lambda stored: stored["ladder"]["total"].update(part="family"), "at ladder.total.part"),
        (lambda stored: stored["ladder"]["gaps"].pop(), "at ladder: 4 rungs and 2 gaps"),
        (lambda stored: stored["ladder"]["gaps"][0].update(name="set_gap"), "at ladder: the names"),
        (lambda stored: stored["ladder"]["rungs"][2].update(name="elsewhere"), "elsewhere"),
        (lambda stored: stored["splits"]["test"]["quantities"].pop("set_gap"), "set_gap"),
        (lambda stored: stored.update(ladder="tall"), "at ladder: 'tall' is not of type"),
    ],
)
def test_a_damaged_ladder_is_refused_in_words(tmp_path, damage, place):
    folder = four_rungs().save(tmp_path / "run")
    stored = json.loads((folder / "summary.json").read_text())
    damage(stored)
    (folder / "summary.json").write_text(json.dumps(stored))
    with pytest.raises(InputError) as refused:
        Result.load(folder)
    assert place in refused.value.found
    assert "summary.json" in refused.value.asked


def test_a_run_without_a_ladder_has_the_usual_one_and_more_words_are_no_damage(tmp_path):
    folder = twelve().save(tmp_path / "run")
    stored = json.loads((folder / "summary.json").read_text())
    stored["ladder"]["rungs"][1]["later"] = "what a newer version says"
    (folder / "summary.json").write_text(json.dumps(stored))
    assert Result.load(folder).ladder == STANDARD
    del stored["ladder"]
    (folder / "summary.json").write_text(json.dumps(stored))
    assert Result.load(folder).ladder == STANDARD


def test_names_that_are_no_columns_are_refused():
    with pytest.raises(InputError, match="letters, digits and underscores"):
        Ladder((Rung("log p", "log p(x)"), STANDARD.bottom), TWO.gaps)
