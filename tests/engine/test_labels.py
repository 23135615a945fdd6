"""Class labels of the analysed data: a column of the table that touches no other number."""

import numpy as np
import pandas as pd
import pytest
import torch

import gapkit
from gapkit.core.errors import InputError
from gapkit.engine.labels import check_labels, label_column
from gapkit.models.reference import build
from gapkit.results import Result
from tests.engine.cheap import short
from tests.engine.executors import Ordered
from tests.results.edited import with_parts

SPEC = short(details=2)
COUNT = 21
CLASSES = np.arange(COUNT) % 3


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(12,), latent=3, hidden=(16,))
    x = torch.bernoulli(torch.full((COUNT, 12), 0.5), generator=torch.Generator().manual_seed(0))
    return model, x


@pytest.fixture(scope="module")
def plain(small):
    model, x = small
    return gapkit.analyze(model, x, SPEC)


@pytest.mark.parametrize(
    "labels", [CLASSES, torch.from_numpy(CLASSES), {"test": CLASSES}], ids=["array", "tensor", "map"]
)
def test_labels_stand_after_the_index_and_change_nothing_else(small, plain, labels):
    model, x = small
    result = gapkit.analyze(model, x, SPEC, labels=labels)
    frame = result.to_frame()
    assert frame.columns[:3].tolist() == ["split", "index", "label"]
    assert frame.pop("label").tolist() == CLASSES.tolist()
    assert "label" not in plain.to_frame()
    pd.testing.assert_frame_equal(frame, plain.to_frame(), check_exact=True)
    classes = result.summary_values.splits["test"].classes
    assert {part.label for part in classes} == {0, 1, 2}
    assert with_parts(result.summary_values, classes=()) == plain.summary_values


def test_labels_stay_with_their_datapoints_in_any_order_and_part(small):
    model, x = small
    labels = np.arange(COUNT) * 10
    for order in (lambda units: tuple(reversed(units)), lambda units: (units[2],)):
        frame = gapkit.analyze(model, x, SPEC, labels=labels, executor=Ordered(order)).to_frame()
        assert frame["label"].tolist() == (frame["index"] * 10).tolist()


def test_splits_have_labels_of_their_own_or_none(small, tmp_path):
    model, x = small
    data = {"test": x[:9], "train": x[9:], "more": x[:3]}
    result = gapkit.analyze(model, data, SPEC, labels={"train": CLASSES[9:], "test": CLASSES[:9]})
    labels = result.to_frame().label
    assert labels.dtype == "Int64"
    assert labels[:COUNT].tolist() == CLASSES.tolist()
    assert labels[COUNT:].isna().all()
    assert [bool(part.classes) for part in result.summary_values.splits.values()] == [True, True, False]
    result.save(tmp_path / "run")
    pd.testing.assert_frame_equal(Result.load(tmp_path / "run").to_frame(), result.to_frame(), check_exact=True)


SIZES = {"test": 3}
KINDS = {
    "integers": (np.array([7, 0, 7], np.uint8), "int64", [7, 0, 7]),
    "whole floats": (torch.tensor([7.0, 0.0, 7.0]), "int64", [7, 0, 7]),
    "half precision": (torch.tensor([7.0, 0.0, 7.0], dtype=torch.bfloat16), "int64", [7, 0, 7]),
    "bool": (torch.tensor([True, False, True]), "int64", [1, 0, 1]),
    "a number missing": (np.array([7.0, np.nan, 0.0]), "Int64", [7, None, 0]),
    "targets": (np.array([0.5, 1.0, 2.0]), "float64", [0.5, 1.0, 2.0]),
    "targets, one missing": (np.array([0.5, np.nan, 2.0]), "float64", [0.5, None, 2.0]),
    "infinite": (np.array([np.inf, 1.0, 2.0]), "float64", [np.inf, 1.0, 2.0]),
    "words": (np.array(["b", "a", ""]), "str", ["b", "a", ""]),
    "dates": (np.array(["2020-01-02", "NaT", "2020-01-02"], "M8[D]"), "str", ["2020-01-02", None, "2020-01-02"]),
    "bytes among others": (np.array([b"b", "a", b"\xff"], object), "str", ["b", "a", "\ufffd"]),
    "truth and numbers": (np.array([True, 7, False], object), "int64", [1, 7, 0]),
    "bytes": (np.array([b"b", b"a", b"b"]), "str", ["b", "a", "b"]),
    "a word missing": (np.array(["nan", None, "<b>"], object), "str", ["nan", None, "<b>"]),
    "words and numbers": (np.array(["b", 1, True], object), "str", ["b", "1", "True"]),
    "too large": (np.array([2**64 - 1, 1, 2], np.uint64), "str", [str(2**64 - 1), "1", "2"]),
    "a series": (pd.Series(["b", "a", "b"], index=[3, 4, 5]), "str", ["b", "a", "b"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_labels(name):
    labels, kind, expected = KINDS[name]
    table = pd.DataFrame({"split": "test", "index": range(3)})
    column = label_column(check_labels(labels, SIZES), table)
    assert column.dtype == pd.Series(["a"]).astype(kind).dtype if kind == "str" else column.dtype == kind
    assert [None if pd.isna(value) else value for value in column] == expected


def test_splits_share_one_type():
    found = check_labels({"b": np.array([1, 2]), "a": np.array([0.5])}, {"a": 1, "b": 2})
    assert list(found) == ["a", "b"]
    assert [part.dtype for part in found.values()] == [float, float]
    assert found["b"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("labels", [None, {}, {"test": None}, np.full(3, np.nan)], ids=["none", "empty", "map", "nan"])
def test_no_labels_make_no_column(labels):
    assert check_labels(labels, SIZES) == {}


@pytest.mark.parametrize(
    ("labels", "sizes", "words"),
    [
        (np.zeros(4), SIZES, "labels of shape (4,) for 3 datapoints of test"),
        (np.zeros(2), SIZES, "labels of shape (2,) for 3 datapoints of test"),
        (torch.zeros(3, 1), SIZES, "labels of shape (3, 1) for 3 datapoints of test"),
        (np.float64(1.0), SIZES, "labels of shape () for 3 datapoints of test"),
        (
            {"test": np.zeros(3), "trian": np.zeros(3)},
            {"test": 3, "train": 3},
            "labels of trian, and data of test, train",
        ),
        (
            {"test": np.zeros(3), "train": np.zeros(4)},
            {"test": 3, "train": 3},
            "labels of shape (4,) for 3 datapoints of train",
        ),
        (np.zeros(3), {"test": 3, "train": 3}, "one array for the splits test, train"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, sizes, words):
    with pytest.raises(InputError) as refused:
        check_labels(labels, sizes)
    assert refused.value.found == words
    assert refused.value.asked
    assert refused.value.do


def test_labels_are_refused_before_any_work(small):
    model, x = small
    stages = []
    with pytest.raises(InputError, match="labels of shape"):
        gapkit.analyze(model, x, SPEC, labels=CLASSES[:4], progress=stages.append)
    assert stages == []
