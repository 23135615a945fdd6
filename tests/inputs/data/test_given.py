"""Datasets and DataLoaders: taken whole and in order, or refused in words."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, SubsetRandomSampler, TensorDataset

from gapkit import analyze
from gapkit.core.errors import InputError
from gapkit.inputs.data import load, unpacked
from gapkit.models.reference import build

X, Y = torch.arange(12.0).reshape(6, 2), torch.tensor([0, 1, 2, 0, 1, 2])


class Pairs(Dataset):
    def __init__(self, make):
        self.make = make

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return self.make(index)


class Endless(Dataset):
    def __getitem__(self, index):
        return X[0]


class Stream(IterableDataset):
    def __iter__(self):
        return iter(X)


@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=4),
        DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True, drop_last=True),
        Pairs(lambda i: (X[i], int(Y[i]))),
        Pairs(lambda i: (X[i].numpy(), Y[i])),
        Pairs(lambda i: [X[i], np.int64(Y[i])]),
    ],
)
def test_data_and_labels_in_the_order_of_the_dataset(data):
    x, labels = unpacked(data, None)
    torch.testing.assert_close(x, X)
    assert labels.tolist() == Y.tolist()
    assert unpacked(data, [7] * 6)[1] == [7] * 6


def named(make, names):
    data = Pairs(make)
    data.classes = names
    return data


def test_labels_are_words_where_the_dataset_names_its_classes():
    def make(i):
        return X[i], int(Y[i])

    whole = named(make, ["cat", "dog", "car"])
    assert unpacked(whole, None)[1].tolist() == ["cat", "dog", "car"] * 2
    assert unpacked(DataLoader(Subset(whole, [5, 0]), batch_size=2), None)[1].tolist() == ["car", "cat"]
    splits = unpacked({"train": whole, "test": Subset(whole, [1])}, None)[1]
    assert splits["test"].tolist() == ["dog"]
    for names in (["cat", "dog"], ["a", "a", "b"], [1, 2, 3], "abc", 3, []):  # none for each: the numbers stay
        assert unpacked(named(make, names), None)[1].tolist() == Y.tolist()


@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(X),
        TensorDataset(X, X),
        Pairs(lambda i: X[i]),
        Pairs(lambda i: (X[i], X[i])),
        Pairs(lambda i: (X[i], 0.5)),
    ],
)
def test_data_without_labels(data):
    x, labels = unpacked(data, None)
    torch.testing.assert_close(x, X)
    assert labels is None


def test_parts_and_own_datasets():
    x, labels = unpacked(Subset(TensorDataset(X, Y), [1, 3]), None)
    assert x.tolist() == X[[1, 3]].tolist()
    assert labels.tolist() == [1, 0]
    digits = load("digits", limit=3)
    assert unpacked(digits, None)[1].tolist() == digits.labels.tolist()


def test_several_splits():
    x, labels = unpacked({"test": TensorDataset(X, Y), "train": X}, None)
    assert labels["train"] is None
    assert labels["test"].tolist() == Y.tolist()
    assert x["train"] is X
    assert unpacked({"test": X}, None)[1] is None


@pytest.mark.parametrize("x", [X, X.numpy(), [[1.0]], "digits", None])
def test_all_else_is_left_as_it_is(x):
    assert unpacked(x, None)[0] is x


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Endless(), "without length"),
        (Stream(), "without length"),
        (DataLoader(Stream()), "streams"),
        (DataLoader(TensorDataset(X), sampler=SubsetRandomSampler([0, 1])), "a sampler of its own"),
        (Pairs(lambda i: {"a": X[i], "b": X[i]}), "the parts a, b"),
        (Pairs(lambda i: "word"), "of type str"),
        (Pairs(lambda i: torch.zeros(i + 1)), r"datapoint 0 has shape \(1,\) and 1 \(2,\)"),
        (Pairs(lambda i: torch.zeros(1).expand(2**29)), "more than fit"),
        (Subset(TensorDataset(X), []), "without datapoints"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_words(data, words):
    with pytest.raises(InputError, match=words) as caught:
        unpacked(data, None)
    assert "--data" not in str(caught.value)


def test_a_function_may_return_one(tmp_path):
    (tmp_path / "source.py").write_text(
        "import torch\nfrom torch.utils.data import TensorDataset\n"
        "def make(split): return TensorDataset(torch.full((3, 2), float(split == 'train')), torch.tensor([2, 0, 1]))\n"
    )
    data = load(f"{tmp_path}/source.py:make", split="train")
    assert (data.split, data.labels.tolist(), data.x.min().item()) == ("train", [2, 0, 1], 1.0)


def test_analyze_takes_a_loader():
    model = build("mlp_vae", x_shape=(2,), latent=1, hidden=(4,))
    data = TensorDataset((X > 5).float(), Y)
    by_loader = analyze(model, DataLoader(data, batch_size=2, shuffle=True), effort="quick").to_frame()
    by_tensor = analyze(model, (X > 5).float(), effort="quick", labels=Y).to_frame()
    assert by_loader["label"].tolist() == Y.tolist()
    assert by_loader["elbo"].tolist() == by_tensor["elbo"].tolist()
