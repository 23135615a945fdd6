"""Comparisons: paired differences against sums by hand, directions by intervals, and refusals of unlike data."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gapkit
from gapkit.comparison import Comparison, compare
from gapkit.ladder import STANDARD
from gapkit.results import Result
from gapkit.results.summary import summarise
from gapkit.results.verdict import plus_minus
from tests.comparison.runs import changed, pair_of, spread
from tests.results.by_hand import join, make, nothing, three, twelve, with_labels


def test_differences_are_those_of_the_tables():
    a, b = spread(seed=1), spread(seed=2, encoder=-0.5, model=1.0)
    comparison = compare({"a": a, "b": b})
    one, two = a.to_frame(), b.to_frame()
    for name in STANDARD.names:
        values = pair_of(comparison).quantities[name]
        expected = (two[name] - one[name]).to_numpy()
        assert values.mean == pytest.approx(expected.mean())
        assert values.se_datapoints == pytest.approx(expected.std(ddof=1) / np.sqrt(60))
        noise = np.sqrt(np.sum(one[f"{name}_se"] ** 2 + two[f"{name}_se"] ** 2)) / 60
        assert values.se_monte_carlo == pytest.approx(noise + values.shortfall)
        assert values.wins + values.losses + values.ties == values.count == 60
    row = comparison.datapoints.iloc[7]
    assert row["elbo"] == two["elbo"][7] - one["elbo"][7]
    assert (row["split"], row["run"], row["index"]) == ("test", "b", 7)


def test_pairing_sees_what_two_separate_means_do_not():
    """Levels spread by 15 nats over datapoints; a change of 0.5 in every one of them is plain to see."""
    comparison = compare({"a": spread(seed=1), "b": spread(seed=2, model=0.5)})
    levels = comparison.summary_values.splits["test"].levels
    difference = pair_of(comparison).quantities["log_px"]
    assert levels["a"]["log_px"].se_datapoints > 1
    assert difference.se_datapoints < 1e-6
    assert difference.direction == "higher"


def test_the_parts_of_a_change_of_the_elbo_add_up():
    quantities = pair_of(
        compare({"a": spread(seed=1), "b": spread(seed=2, encoder=-0.4, family=0.2, model=1.0)})
    ).quantities
    parts = ("log_px", 1), ("amortization_gap", -1), ("approximation_gap", -1)
    assert sum(sign * quantities[name].mean for name, sign in parts) == pytest.approx(quantities["elbo"].mean)


def test_sentences_say_whose_gap_changed_by_how_much():
    comparison = compare({"a": spread(seed=1), "b": spread(seed=2, encoder=-0.4, model=1.0)})
    quantities = pair_of(comparison).quantities
    encoder, family = quantities["amortization_gap"], quantities["approximation_gap"]
    second, first, *_ = comparison.sentences()  # log p(x) changed more than the gaps
    assert encoder.mean == pytest.approx(-0.4, abs=4 * encoder.se_datapoints)
    assert first.replace("−", "-").startswith(
        f"b against a: the amortization gap (the encoder's part) is {-encoder.mean:.3f} ± "
        f"{encoder.se_datapoints:.3f} nats smaller; not enough evidence of a difference in the approximation gap "
        f"(the family's part) ({family.mean:.3f} ± {family.se_datapoints:.3f} nats, 95% interval "
        f"{family.ci95[0]:.3f} to {family.ci95[1]:.3f}); the total gap is "
    )
    assert "log p(x) is 1.000 (± less than 0.001) nats higher" in second
    assert (
        f"(log p(x) contributes +1.00, the encoder {-encoder.mean:+.2f}, the family {-family.mean:+.2f})"
        in second.replace("−", "-")
    )


@pytest.mark.parametrize(("model", "leads"), [(0.1, "the amortization gap"), (25.0, "log p(x) is 25.0")])
def test_what_changed_most_comes_first(model, leads):
    said = compare({"a": spread(seed=1), "b": spread(seed=2, encoder=-0.4, model=model)}).sentences()
    assert said[0].startswith(f"b against a: {leads}")


def test_the_other_way_round_every_sign_turns():
    a, b = spread(seed=1), spread(seed=2, encoder=-0.4, model=1.0)
    ahead, back = pair_of(compare({"a": a, "b": b})), pair_of(compare({"b": b, "a": a}), "a")
    turned = {"higher": "lower", "lower": "higher", "unclear": "unclear", "none": "none"}
    for name in STANDARD.names:
        one, two = ahead.quantities[name], back.quantities[name]
        assert one.mean == pytest.approx(-two.mean)
        assert one.direction == turned[two.direction]
        assert (one.wins, one.clear_wins) == (two.losses, two.clear_losses)


def test_wins_are_higher_bounds_and_smaller_gaps():
    a = make([-95.0, -95.0, -95.0, -95.0], [-90.0] * 4, [-89.0] * 4)
    b = make([-94.0, -94.95, -95.0, -97.0], [-90.0] * 4, [-89.0] * 4)
    quantities = pair_of(compare({"a": a, "b": b})).quantities
    for name in ("elbo", "amortization_gap", "total_gap"):
        counts = [getattr(quantities[name], key) for key in ("wins", "losses", "ties", "clear_wins", "clear_losses")]
        assert counts == [2, 1, 1, 1, 1], name
    assert quantities["log_px"].ties == 4


def test_equal_runs_have_no_difference():
    comparison = compare({"a": three(), "b": three()})
    assert all(values.direction == "none" for values in pair_of(comparison).quantities.values())
    assert comparison.sentences() == ["b against a: no difference; all numbers of the 3 datapoints are equal."]


def test_a_difference_that_unfinished_fits_could_make_is_not_claimed():
    """Every L[q*] is 0.3 higher, exactly; but the fits of one run are only within 0.5 of the optimum."""
    a = spread(seed=1)
    table = a.to_frame()
    b = changed(
        a,
        elbo_star=table["elbo_star"] + 0.3,
        amortization_gap=table["amortization_gap"] + 0.3,
        approximation_gap=table["approximation_gap"] - 0.3,
    )
    assert pair_of(compare({"a": a, "b": b})).quantities["elbo_star"].direction == "higher"
    comparison = compare({"a": a, "b": changed(b, optimality_gap=0.5)})
    quantities = pair_of(comparison).quantities
    assert {quantities[name].direction for name in ("elbo_star", "amortization_gap", "approximation_gap")} == {
        "unclear"
    }
    assert quantities["elbo"].direction == "none"
    assert "which may come from the fits, that reach the best q* only within 0.5" in comparison.sentences()[0]


def test_a_smaller_gap_of_a_worse_model_is_not_praised():
    said = compare({"a": spread(seed=1), "b": spread(seed=2, encoder=-0.4, model=-1.0)}).sentences()
    assert any(sentence.startswith("A smaller gap is not a better model") for sentence in said)


def test_datapoints_are_joined_by_split_and_index():
    a, b = spread(count=20, seed=1), spread(count=20, seed=2, encoder=1.0)
    shuffled = b.to_frame().iloc[3:].sample(frac=1, random_state=0)
    comparison = compare({"a": a, "b": Result(shuffled, summarise(shuffled), {})})
    pair = pair_of(comparison)
    assert (pair.common, pair.only_in_reference, pair.only_in_run) == (17, 3, 0)
    expected = b.to_frame()["elbo"][3:] - a.to_frame()["elbo"][3:]
    assert pair.quantities["elbo"].mean == pytest.approx(expected.mean())
    assert comparison.datapoints["index"].tolist() == list(range(3, 20))


def test_the_datapoints_that_changed_most_come_first():
    a, b = spread(seed=1), spread(seed=2)
    b = changed(b, total_gap=b.to_frame()["total_gap"] + np.where(np.arange(60) == 41, -9.0, 0.0))
    rows = compare({"a": a, "b": b}).summary_values.splits["test"].changed
    assert rows[0]["index"] == 41
    sizes = [abs(row["total_gap"]) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert all(row["total_gap"] == row["total_gap_run"] - row["total_gap_reference"] for row in rows)


def test_levels_are_over_what_all_runs_share():
    short = three().to_frame().head(2)
    comparison = compare({"a": three(), "b": Result(short, summarise(short), {})})
    part = comparison.summary_values.splits["test"]
    assert (part.datapoints, part.used) == (2, 2)
    assert part.levels["a"]["elbo"].mean == pytest.approx(-93.5)


def test_what_is_not_finite_is_left_out_and_counted():
    a = make([-95.0, -92.0, -99.0], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0])
    b = make([-94.0, -np.inf, np.nan], [-90.0, -91.0, -93.0], [-89.0, -90.5, -90.0], status="nonfinite")
    comparison = compare({"a": a, "b": b})
    pair = pair_of(comparison)
    assert (pair.common, pair.used, pair.left_out) == (3, 1, 2)
    said = comparison.sentences()
    assert "One common datapoint cannot say what holds for others." in said
    assert said[-1].endswith("left out: 2 of 3 for b.")


def test_nothing_finite():
    comparison = compare({"a": nothing(), "b": nothing(), "c": make([-1.0] * 2, [-0.5] * 2, [-0.2] * 2)})
    assert "b against a: no datapoint has finite numbers in both runs." in comparison.sentences()
    part = comparison.summary_values.splits["test"]
    assert part.not_finite == ("a", "b")
    assert set(part.levels) == {"c"}
    assert part.changed == ()
    assert comparison.summary["mean"].isna().all()


def test_one_datapoint_has_no_interval():
    comparison = compare({"a": make([-95.0], [-90.0], [-89.0]), "b": make([-94.0], [-90.0], [-89.0])})
    values = pair_of(comparison).quantities["elbo"]
    assert (values.ci95, values.range, values.direction) == (None, (1.0, 1.0), "unknown")
    assert "One common datapoint" in comparison.sentences()[-1]


def test_nothing_is_claimed_of_few_datapoints():
    """Ten times the error away from 0 on nine datapoints: an interval would be clear, and is not there."""
    a, b = spread(count=9, seed=1), spread(count=9, seed=2, encoder=-0.5)
    values = pair_of(compare({"a": a, "b": b})).quantities["amortization_gap"]
    assert abs(values.mean) > 10 * values.se_datapoints
    assert values.direction == "unknown"
    ends = " to ".join(f"{end:.2f}" for end in values.range)
    said = compare({"a": a, "b": b}).sentences()[0]
    assert f"the amortization gap (the encoder's part) differs by {plus_minus(values)} nats (range {ends};" in said
    assert not any(word in said for word in ("smaller", "larger", "higher", "lower"))


def test_several_splits():
    a = join(twelve(), three(split="train"), three(split="odd"))
    b = join(three(split="train"), changed(twelve(), amortization_gap=twelve().to_frame()["amortization_gap"] - 1))
    comparison = compare({"a": a, "b": b})
    assert list(comparison.summary_values.splits) == ["test", "train"]
    assert "no difference" in comparison.sentences("train")[0]
    assert "the amortization gap (the encoder's part) is 1.00" in comparison.sentences()[0]
    assert any("the split odd of a" in note for note in comparison.summary_values.notes)
    assert set(comparison.to_frame()["split"]) == {"test", "train"}


def without_labels(summary):
    def bare(part):
        return replace(part, changed=tuple({k: v for k, v in row.items() if k != "label"} for row in part.changed))

    return replace(summary, splits={split: bare(part) for split, part in summary.splits.items()})


def test_labels_of_one_run_or_of_both_change_no_number():
    one, two = spread(seed=0), spread(seed=0, encoder=-1.0)
    plain = compare({"a": one, "b": two})
    for labels in ([0, 1] * 30, ["x", "y"] * 30):
        for first, second in ((with_labels(one, labels), two), (with_labels(one, labels), with_labels(two, labels))):
            found = compare({"a": first, "b": second})
            assert without_labels(found.summary_values) == plain.summary_values
            assert all(row["label"] == labels[row["index"]] for row in found.summary_values.splits["test"].changed)
            pd.testing.assert_frame_equal(found.datapoints, plain.datapoints, check_exact=True)


def test_a_family_that_both_fitted_is_compared_too():
    quantities = pair_of(compare({"a": spread(seed=1), "b": spread(seed=2)})).quantities
    assert "elbo_star_full_rank" in quantities
    own = {"families": {"split": "full_rank"}}
    both = {name: replace(spread(seed=2), run=own) for name in "ab"}
    assert "elbo_star_full_rank" not in pair_of(compare(both)).quantities  # it is L[q*] itself


def test_the_summary_has_a_row_for_everything():
    runs = {name: spread(seed=seed) for seed, name in enumerate("abc")}
    comparison = compare(runs)
    summary = comparison.summary
    assert summary.index.names == ["split", "run", "quantity"]
    assert len(summary) == 2 * (len(STANDARD.names) + 1)
    values = pair_of(comparison, "c").quantities["elbo"]
    row = summary.loc[("test", "c", "elbo")]
    assert row[["ci95_low", "ci95_high"]].tolist() == [*values.ci95]
    assert row[["mean", "count", "direction", "wins"]].tolist() == [
        *(getattr(values, key) for key in ("mean", "count", "direction", "wins"))
    ]
    assert f"{values.mean:.3f} ± {values.se_datapoints:.3f}" in repr(summary)
    assert "minus a" in repr(summary)
    assert "ties" in repr(summary)
    assert type(summary.loc["test"]) is pd.DataFrame
    assert repr(comparison) == "<gapkit.Comparison of b, c with a: test>"
    card = comparison._repr_html_()
    assert "against" in card
    assert "±" in card


def test_the_table_is_that_of_the_datapoints():
    comparison = compare({"a": spread(seed=1), "b": spread(seed=2)})
    table, frame = comparison.table, comparison.to_frame()
    pd.testing.assert_frame_equal(pd.DataFrame(table), comparison.datapoints, check_exact=True)
    pd.testing.assert_frame_equal(frame, comparison.datapoints, check_exact=True)
    assert "±" in repr(table)
    table["elbo"] = frame["elbo"] = 0.0
    assert (comparison.datapoints["elbo"] != 0).all()


def test_it_is_public():
    assert gapkit.compare is compare
    assert gapkit.Comparison is Comparison
