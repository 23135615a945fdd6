"""The verdict on ladders of other lengths: the largest gap is advised on, by what it is ahead of the next one."""

import pytest

from gapkit.ladder import STANDARD, Ladder
from gapkit.results.summary import summarise
from tests.four_rungs import FOUR, four_rungs_table
from tests.results.verdict.stored import decide, verdict


def with_gaps(ladder=FOUR, count=60, **means):
    """A summary whose gaps have these means; rungs, total and contrasts follow."""
    table = four_rungs_table(count, ladder=ladder)
    for gap in ladder.gaps:
        upper, lower = ladder.ends(gap)
        table[gap.name] *= means[gap.name] / table[gap.name].mean()
        table[lower.name] = table[upper.name] - table[gap.name]
    table[ladder.total.name] = table[ladder.top.name] - table[ladder.bottom.name]
    for name, (lower, upper) in ladder.contrasts().items():
        table[name] = table[lower.name] - table[upper.name]
    return summarise(table, ladder=ladder).to_dict()


@pytest.mark.parametrize(
    ("largest", "action", "words"),
    [
        ("approximation_gap", "family", "Fix the posterior family"),
        ("set_gap", "other", "Close the set gap first (the set's part)"),
        ("amortization_gap", "encoder", "Fix the encoder"),
    ],
)
def test_the_largest_of_three_gaps_is_advised_on(largest, action, words):
    means = {gap.name: 1.0 for gap in FOUR.gaps} | {largest: 4.0}
    summary = with_gaps(**means)
    decision = decide(summary)
    assert (decision.action, decision.gap, decision.confidence) == (action, largest, "95%")
    assert 2.0 < decision.low < 3.0 < decision.high < 4.0
    sentences = " ".join(verdict(summary))
    assert words in sentences
    assert "part of the gap is the largest one" in sentences or "the set encoder's part of the gap" in sentences
    for gap in FOUR.gaps:
        assert f"{gap.whose} ({gap.label})" in sentences


def test_a_gap_is_the_largest_only_where_it_is_ahead_of_every_other():
    """The second by its mean is clearly smaller; the third is so noisy that it may be larger."""
    summary = with_gaps(approximation_gap=0.6, set_gap=0.55, amortization_gap=1.0)
    quantities = summary["quantities"]
    quantities["amortization_minus_approximation"] |= {"mean": 0.4, "ci95": [0.39, 0.41]}
    quantities["amortization_minus_set"] |= {"mean": 0.45, "ci95": [-0.37, 1.27]}
    decision = decide(summary)
    assert (decision.action, decision.why) == ("unknown", "equal")
    quantities["amortization_minus_set"] |= {"ci95": [0.2, 0.7]}
    decision = decide(summary)
    assert (decision.action, decision.second) == ("encoder", "set_gap")
    assert decision.low < 0.2


def test_two_that_are_alike_and_largest_give_no_advice():
    summary = with_gaps(approximation_gap=3.0, set_gap=0.5, amortization_gap=3.0)
    decision = decide(summary)
    assert (decision.action, decision.why) == ("unknown", "equal")
    assert "none is clearly the largest part" in verdict(summary)[0]


def test_without_the_difference_of_the_two_largest_there_is_no_advice():
    summary = with_gaps(approximation_gap=1.0, set_gap=2.0, amortization_gap=5.0)
    del summary["quantities"]["amortization_minus_set"]
    assert decide(summary).missing[0].about == "difference"


def test_a_ladder_of_two_rungs_has_one_gap_to_advise_on():
    two = Ladder((STANDARD.top, STANDARD.bottom), (STANDARD.gaps[1],))
    summary = with_gaps(two, amortization_gap=3.0)
    decision = decide(summary)
    assert (decision.action, decision.confidence) == ("encoder", "95%")
    assert "amortization gap" in " ".join(verdict(summary))
