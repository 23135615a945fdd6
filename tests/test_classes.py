"""Gaps by class: their summary, and the sentence on the class that stands out."""

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gapkit.ladder import STANDARD
from gapkit.results import Result
from gapkit.results.summary import summarise, summarise_values
from gapkit.results.verdict import plus_minus, verdict
from tests.results.by_hand import join, make, many, nothing, three
from tests.results.edited import with_mean, with_parts
from tests.results.labelled import classes_of, labelled


@pytest.mark.parametrize("names", [[3, 1, 2], ["dog", "<b>", ""]], ids=["integers", "words"])
def test_every_class_has_its_own_gaps_the_largest_first(names):
    result = labelled(np.repeat(names, [5, 12, 30]), larger=names[2], by=2.0)
    frame, found = result.to_frame(), classes_of(result)
    assert [part.label for part in found] == frame.groupby("label")["total_gap"].mean().sort_values().index[
        ::-1
    ].tolist()
    for part in found:
        rows = frame[frame["label"] == part.label]
        assert part.datapoints == len(rows)
        assert list(part.quantities) == [gap.name for gap in STANDARD.told]
        for name, values in part.quantities.items():
            own = summarise_values(rows[name].to_numpy(), rows[f"{name}_se"].to_numpy())
            for key in ("mean", "se_datapoints", "ci95", "count", "left_out"):
                assert getattr(values, key) == getattr(own, key)
    total = sum(part.datapoints * part.quantities["total_gap"].mean for part in found)
    assert total / len(frame) == pytest.approx(result.summary_values.quantities["total_gap"].mean)


def test_what_the_fits_left_enters_the_errors_of_a_class_as_of_the_whole():
    result = labelled(["a"] * 20 + ["b"] * 20)
    whole = result.summary_values.quantities["amortization_gap"].se_monte_carlo
    plain = 0.05 / np.sqrt(40)
    for part in classes_of(result):
        assert part.quantities["amortization_gap"].se_monte_carlo > 0.05 / np.sqrt(20)
    assert whole > plain


@pytest.mark.parametrize(
    "labels",
    [[0.5, 1.5] * 20, [7] * 40, list(range(51)), [None] * 40, pd.array([1, None] * 20, dtype="Int64")],
    ids=["targets", "one class", "51 classes", "none", "one class and none"],
)
def test_labels_that_make_no_classes(labels):
    frame = labelled([0] * len(labels)).to_frame().assign(label=labels)
    assert "classes" not in summarise(frame).to_dict()["splits"]["test"]


@pytest.mark.parametrize("count", [2, 50])
def test_two_to_fifty_classes(count):
    assert len(classes_of(labelled(np.arange(100) % count))) == count


def test_datapoints_without_a_label_are_in_no_class():
    frame = labelled([0] * 6).to_frame().assign(label=pd.array([1, 1, None, 2, 2, 2], dtype="Int64"))
    found = summarise(frame).splits["test"].classes
    assert sorted((part.label, part.datapoints) for part in found) == [(1, 2), (2, 3)]
    assert {type(part.label) for part in found} == {int}


def test_a_class_without_finite_numbers_is_the_last():
    frame = join(three(), nothing()).to_frame().assign(label=["b", "b", "c", "a", "a"])
    summary = summarise(frame)
    found = summary.splits["test"].classes
    assert [part.label for part in found] == ["c", "b", "a"]
    assert found[2].quantities["total_gap"].mean is None
    assert found[2].datapoints == 2
    json.dumps(summary.to_dict())
    verdict(summary)


def test_classes_belong_to_their_split():
    frame = join(three(), three(split="train")).to_frame().assign(label=[0, 0, 1, 2, 3, 3])
    parts = summarise(frame).splits
    assert sorted(part.label for part in parts["test"].classes) == [0, 1]
    assert sorted(part.label for part in parts["train"].classes) == [2, 3]


def test_classes_cost_as_much_as_three_quantities_however_many_they_are(monkeypatch):
    """What a summary waits for grows with the datapoints that go through it."""
    sizes = []

    def counted(values, *others):
        sizes.append(len(values))
        return summarise_values(values, *others)

    frame = many(2000).to_frame()
    monkeypatch.setattr("gapkit.results.summary.summarise_values", counted)
    summarise(frame)
    without, sizes = sum(sizes), []
    for count in (2, 50):
        sizes = []
        start = time.process_time()
        summarise(frame.assign(label=np.arange(len(frame)) % count))
        print(f"\n{count} classes of {len(frame)} datapoints: {time.process_time() - start:.2f} s")
        assert sum(sizes) - without == 3 * len(frame)


def standing_out(result):
    return [sentence for sentence in result.verdict() if "stands out" in sentence]


def test_a_class_that_stands_out_is_named_with_the_rule():
    result = labelled(np.arange(200) % 10, larger=8, by=5.0)
    (sentence,) = standing_out(result)
    top = classes_of(result)[0]
    total = result.summary_values.quantities["total_gap"]
    assert top.label == 8
    assert sentence == (
        f"Class 8 stands out: its mean total gap is {plus_minus(top.quantities['total_gap'])} nats against "
        f"{plus_minus(total)} over all datapoints, and its 95% interval, made wider because every class was looked at, "
        "lies wholly above theirs."
    )
    words = labelled(np.where(np.arange(200) % 10 == 8, 'ankle "boot"', "other"), larger='ankle "boot"', by=5.0)
    assert standing_out(words)[0].startswith('Class "ankle "boot"" stands out')


def test_a_single_datapoint_does_not_hide_the_class_that_stands_out():
    result = labelled([*np.arange(200) % 10, 11], larger=8, by=5.0)
    frame = result.to_frame()
    frame.loc[200, "total_gap"] = 900.0
    summary = summarise(frame)
    assert summary.splits["test"].classes[0].label == 11
    summary = with_mean(summary, "total_gap", **vars(result.summary_values.quantities["total_gap"]))
    assert any(sentence.startswith("Class 8 stands out") for sentence in verdict(summary))


def test_gaps_too_small_to_act_on_have_no_class_that_stands_out():
    labels = np.arange(40) % 2
    star = np.full(40, -90.0)
    frame = make(star - 0.001 - 0.03 * labels, star, star).to_frame().assign(label=labels)
    frame["total_gap"] += np.linspace(0, 1e-4, 40)
    assert standing_out(Result(frame, summarise(frame), {})) == []


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 10])
def test_equal_classes_rarely_stand_out(classes):
    """At most one in twenty tables of equal classes may have a class named; of 200 tables, with room for chance."""
    named = sum(bool(standing_out(labelled(np.arange(150) % classes, seed))) for seed in range(200))
    print(f"\n{named} of 200 tables of {classes} equal classes")
    assert named <= 0.05 * 200 + 3 * np.sqrt(0.05 * 0.95 * 200)


def test_looking_at_many_classes_widens_the_interval():
    """An excess that would do for one class of two is not enough for one of forty, with as many datapoints."""
    few = labelled(np.repeat(np.arange(2), 20)).to_frame()
    summary = summarise(few)
    first, *others = summary.splits["test"].classes
    gap = first.quantities["total_gap"]
    excess = replace(gap, mean=summary.quantities["total_gap"].ci95[1] + 2.6 * gap.se_datapoints)
    first = replace(first, quantities={**first.quantities, "total_gap": excess})
    two = with_parts(summary, classes=(first, *others))
    assert any("stands out" in sentence for sentence in verdict(two))
    many = with_parts(summary, classes=(first, *others, *others * 38))
    assert not any("stands out" in sentence for sentence in verdict(many))
