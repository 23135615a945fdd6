"""Which runs can be compared: of the same data, with the same settings."""

from dataclasses import replace

import pytest

from gapkit.comparison import compare
from gapkit.core.errors import InputError
from tests.comparison.runs import changed
from tests.results.by_hand import three

DATA = {
    "source": "digits",
    "binarize": "threshold",
    "key": None,
    "limit": None,
    "splits": {"test": {"datapoints": 3, "sha256": "a" * 64}},
}


def without(result, column):
    return replace(result, datapoints=result.to_frame().drop(columns=column))


def with_data(**changes):
    return three(run={"data": {**DATA, **changes}, "settings": {"seed": changes.pop("seed", 0)}})


def test_the_same_data_under_another_name_are_the_same():
    assert compare({"a": with_data(), "b": with_data(source="digits.npz")}).summary_values.notes


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({}, {"splits": {"test": {"datapoints": 3, "sha256": "b" * 64}}}, "sha256 aaaaaaaa"),
        ({}, {"binarize": "none"}, "binarised by threshold in a, by none in b"),
        ({"binarize": "sample"}, {"binarize": "sample", "seed": 1}, "drawn with seed 0 in a, with seed 1 in b"),
        ({"splits": {}}, {"splits": {}, "source": "mnist"}, "test of digits in a, of mnist in b"),
        (
            {},
            {"source": "mnist", "splits": {"test": {"datapoints": 9, "sha256": "b" * 64}}},
            "of mnist",
        ),
    ],
)
def test_different_data_are_refused(one, other, words):
    with pytest.raises(InputError, match="different data") as refused:
        compare({"a": with_data(**one), "b": with_data(**other)})
    assert words in str(refused.value)


def test_a_shorter_part_of_the_same_source_is_taken_and_told():
    short = {"test": {"datapoints": 2, "sha256": "b" * 64}}
    notes = compare({"a": with_data(), "b": with_data(splits=short, limit=2)}).summary_values.notes
    assert any("taken to begin alike" in note and "they hold 2 and 3 datapoints" in note for note in notes)


def test_runs_that_do_not_know_their_data_are_compared_with_a_word_on_it():
    notes = compare({"a": three(), "b": three(), "c": three()}).summary_values.notes
    assert notes == ("Nothing says whether a, b and c saw the same data; datapoints are joined by split and index.",)


def test_other_settings_and_families_are_told():
    a = {"settings": {"seed": 0, "elbo": {"num_samples": 128}}, "families": {"split": "mean_field"}}
    b = {"settings": {"seed": 1, "elbo": {"num_samples": 1000}}, "families": {"split": "flow"}}
    notes = " ".join(compare({"a": three(run=a), "b": three(run=b)}).summary_values.notes)
    assert "seed (1 and 0)" in notes
    assert "elbo: num samples (1000 and 128)" in notes
    assert "b splits the gap in the family flow, a in mean field" in notes
    assert "share seed" not in notes
    notes = " ".join(compare({"a": three(run=a), "b": three(run=a)}).summary_values.notes)
    assert "a and b share seed and settings" in notes
    assert "differ" not in notes.replace("differences", "")


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (lambda: {"a": three()}, "two or more"),
        (dict, "two or more"),
        (lambda: {"a": three(), "b": three(split="train")}, "a has test; b has train"),
        (lambda: {"a": three(), "b": changed(three(), index=[7, 8, 9])}, "in common"),
        (lambda: {"a": three(), "b": changed(three(), index=["0", "1", "2"])}, "in common"),
        (lambda: {"a": three(), "b": three(), "c": changed(three(), index=[7, 8, 9])}, "compare c with a"),
        (lambda: {"a": three(), "b": changed(three(), index=[1, 1, 2])}, "more than once"),
        (lambda: {"a": three(), "b": without(three(), "elbo_se")}, "without elbo_se"),
    ],
)
def test_what_cannot_be_compared_is_refused(runs, words):
    with pytest.raises(InputError, match=words):
        compare(runs())
