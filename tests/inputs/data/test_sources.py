"""Every source of data, made on the spot, ends in the same form."""

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from gapkit.core.errors import InputError
from gapkit.inputs.data import load
from gapkit.inputs.data.conditions import condition_of
from gapkit.inputs.data.dataset import Raw, finish


@pytest.fixture
def uniform():
    return np.random.default_rng(0).random((6, 4)).astype(np.float32)


def test_digits_keep_their_order_and_split():
    from sklearn.datasets import load_digits

    train, test = load("digits", split="train"), load("digits")
    assert train.x.shape == (1500, 1, 8, 8)
    assert test.x.shape == (297, 1, 8, 8)
    both = torch.cat([train.x, test.x]).squeeze(1).numpy()
    np.testing.assert_array_equal(both, (load_digits().images / 16).astype(np.float32))
    assert (train.split, test.split, train.name) == ("train", "test", "digits")
    assert train.sha256 != test.sha256


def test_npz_by_split_single_array_and_key(tmp_path, uniform):
    path = tmp_path / "a.npz"
    np.savez(path, x_train=uniform, x_test=uniform[:2] / 2, y_train=np.arange(6), y_test=np.arange(2), z=uniform + 1)
    train, test = load(path, split="train"), load(path)
    np.testing.assert_array_equal(train.x.numpy(), uniform)
    np.testing.assert_array_equal(test.x.numpy(), uniform[:2] / 2)
    assert train.labels.tolist() == list(range(6))
    assert test.labels.tolist() == [0, 1]
    keyed = load(path, key="z")
    np.testing.assert_array_equal(keyed.x.numpy(), uniform + 1)
    assert (keyed.labels, keyed.split) == (None, "all")
    by_key = load(path, key="x_train")
    assert (by_key.split, len(by_key.labels)) == ("train", 6)
    np.savez(tmp_path / "b.npz", values=uniform, y=np.array(list("abcabc")))
    single = load(tmp_path / "b.npz")
    assert single.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert single.classes == ("a", "b", "c")
    assert single.split == "all"


def test_numbers_whose_classes_have_names(tmp_path, uniform):
    names, y = ["cat", "dog", "car"], np.array([2, 0, 1, 2, -1, 0])
    np.savez(tmp_path / "a.npz", x=uniform, y=y, class_names=names)
    torch.save({"x": torch.from_numpy(uniform), "y": torch.from_numpy(y), "class_names": names}, tmp_path / "a.pt")
    for path in (tmp_path / "a.npz", tmp_path / "a.pt"):
        data = load(path)
        assert data.labels.tolist() == y.tolist()  # the numbers that a conditional model was trained with
        assert data.label_values.tolist() == ["car", "cat", "dog", "car", None, "cat"]
        assert condition_of("labels", load(path, limit=3), str(path), 3, "test").tolist() == [2, 0, 1]
    many = [f"name {number}" for number in range(300)]
    np.savez(tmp_path / "b.npz", x=uniform, y=y + 200, class_names=many)
    assert load(tmp_path / "b.npz", limit=2).label_values.tolist() == ["name 202", "name 200"]
    for wrong in (names[:2], ["a", "a", "b"], [1, 2, 3], "cat"):
        np.savez(tmp_path / "c.npz", x=uniform, y=y, class_names=wrong)
        with pytest.raises(InputError, match="name"):
            load(tmp_path / "c.npz")


def test_npy_pt_csv_and_parquet_agree(tmp_path, uniform):
    np.save(tmp_path / "a.npy", uniform)
    torch.save(torch.from_numpy(uniform), tmp_path / "a.pt")
    torch.save({"x": torch.from_numpy(uniform).double(), "y": torch.arange(6)}, tmp_path / "b.pt")
    frame = pandas.DataFrame(uniform, columns=list("abcd"))
    frame["label"] = list("uvuvuv")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.astype(dict.fromkeys("abcd", float)).to_csv(tmp_path / "a.csv", index=False)
    sets = [load(tmp_path / name) for name in ("a.npy", "a.pt", "b.pt", "a.parquet", "a.csv")]
    assert len({data.sha256 for data in sets}) == 1
    assert {data.x.dtype for data in sets} == {torch.float32}
    assert [None if d.labels is None else d.labels.tolist() for d in sets[2:]] == [
        list(range(6)),
        [0, 1] * 3,
        [0, 1] * 3,
    ]


def test_a_csv_saved_with_numbered_columns_is_read(tmp_path, uniform):
    pandas.DataFrame(uniform).to_csv(tmp_path / "a.csv", index=False)
    assert load(tmp_path / "a.csv").x.shape == (6, 4)


LABELS = {
    "integers": (np.array([7, 0, 7]), None, [7, 0, 7]),
    "bool": (np.array([True, False, True]), None, [1, 0, 1]),
    "one column": (np.array([[7], [0], [7]]), None, [7, 0, 7]),
    "targets": (np.array([0.5, 1.0, 2.0]), None, [0.5, 1.0, 2.0]),
    "words": (np.array(["dog", "cat", "dog"]), ("cat", "dog"), ["dog", "cat", "dog"]),
    "digits as words": (np.array(["10", "9", "10"]), ("10", "9"), ["10", "9", "10"]),
    "a column of words": (np.array([["dog"], ["cat"], ["dog"]]), ("cat", "dog"), ["dog", "cat", "dog"]),
    "a word missing": (np.array(["dog", None, "dog"], object), ("dog",), ["dog", None, "dog"]),
    "words and numbers": (np.array(["dog", 3, float("nan")], object), ("3", "dog"), ["dog", "3", None]),
    "numbers as objects": (np.array([7, 0, 7], object), None, [7, 0, 7]),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_keep_their_words(name):
    labels, classes, values = LABELS[name]
    data = finish(Raw(np.ones((3, 2)), labels), name)
    assert data.classes == classes
    assert data.label_values.tolist() == values
    assert len(data.labels) == 3


def test_a_number_missing_among_labels_is_nan():
    data = finish(Raw(np.ones((3, 2)), np.array([7, None, 0], object)), "objects")
    assert data.classes is None
    np.testing.assert_array_equal(data.label_values, [7, np.nan, 0])


def test_words_do_not_depend_on_the_limit():
    labels = np.array(["dog", "cat", "ant"])
    data = finish(Raw(np.ones((3, 2)), labels), "words", limit=1)
    assert data.label_values.tolist() == ["dog"]
    assert data.labels.tolist() == [2]


def test_without_labels_and_with_several_for_each_datapoint_there_are_no_label_values():
    assert finish(Raw(np.ones((3, 2))), "none").label_values is None
    assert finish(Raw(np.ones((3, 2)), np.eye(3)), "one-hot").label_values is None


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_words_of_a_table_where_some_are_missing(tmp_path, suffix):
    frame = pandas.DataFrame({"a": [0.1, 0.2, 0.3], "label": ["<b>x</b>", None, "\U0001f600"]})
    path = tmp_path / f"a.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    assert load(path).label_values.tolist() == ["<b>x</b>", None, "\U0001f600"]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("RGBA", 3)])
def test_image_folder(tmp_path, mode, channels):
    for name, level in (("b.png", 255), ("a.png", 0)):
        Image.new("L", (5, 4), level).convert(mode).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    data = load(str(tmp_path))
    assert data.x.shape == (2, channels, 4, 5)
    assert data.x.flatten(1).unique(dim=1).tolist() == [[0.0], [1.0]]
    assert load(str(tmp_path), limit=1).x.max() == 0


def test_image_folder_with_splits(tmp_path):
    for split, level in (("train", 51), ("test", 102)):
        (tmp_path / split).mkdir()
        Image.new("L", (2, 2), level).save(tmp_path / split / "a.jpg", quality=100)
    assert load(tmp_path).x.mean().item() == pytest.approx(0.4, abs=0.01)
    assert load(tmp_path, split="train").x.mean().item() == pytest.approx(0.2, abs=0.01)


def test_functions_in_files_and_modules(tmp_path, monkeypatch):
    source = "import numpy as np\ndef make(split):\n    n = {'train': 5, 'test': 3}[split]\n"
    (tmp_path / "my_data_source.py").write_text(source + "    return np.ones((n, 2)), np.arange(n)\n")
    from_file = load(f"{tmp_path}/my_data_source.py:make", split="train")
    assert from_file.x.shape == (5, 2)
    assert from_file.labels.tolist() == [0, 1, 2, 3, 4]
    monkeypatch.chdir(tmp_path)
    assert load("my_data_source:make").x.shape == (3, 2)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 4, 5), (2, 1, 4, 5)),
        ((2, 4, 5, 3), (2, 3, 4, 5)),
        ((2, 4, 5, 1), (2, 1, 4, 5)),
        ((2, 3, 4, 5), (2, 3, 4, 5)),
        ((2, 20), (2, 20)),
    ],
)
def test_uint8_becomes_images_in_the_unit_interval(tmp_path, shape, expected):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "a.npy", array)
    x = load(tmp_path / "a.npy").x
    assert x.shape == expected
    if len(shape) == 4 and shape[-1] == 3:
        array = array.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(x.numpy(), array.reshape(expected) / 255, rtol=1e-6)


def test_binary_uint8_and_counts_are_not_scaled(tmp_path):
    np.save(tmp_path / "binary.npy", np.eye(3, dtype=np.uint8))
    np.save(tmp_path / "counts.npy", np.array([[0, 7], [300, 2]], dtype=np.uint16))
    np.save(tmp_path / "bool.npy", np.eye(2, dtype=bool))
    assert load(tmp_path / "binary.npy").x.max() == 1
    assert load(tmp_path / "counts.npy").x.tolist() == [[0, 7], [300, 2]]
    assert load(tmp_path / "bool.npy").x.tolist() == [[1, 0], [0, 1]]


def test_scaling_does_not_depend_on_the_limit(tmp_path):
    array = np.ones((3, 4), dtype=np.uint8)
    array[2] = 255
    np.save(tmp_path / "a.npy", array)
    np.testing.assert_array_equal(load(tmp_path / "a.npy", limit=2).x, load(tmp_path / "a.npy").x[:2])


def test_limit_and_provenance(tmp_path, uniform):
    np.save(tmp_path / "a.npy", uniform)
    np.save(tmp_path / "b.npy", uniform[:4])
    assert load(tmp_path / "a.npy", limit=4).sha256 == load(tmp_path / "b.npy").sha256
    assert len(load(tmp_path / "a.npy", limit=400)) == 6


@pytest.mark.parametrize(
    ("name", "width", "train"), [("mnist", 784, 60_000), ("fashion_mnist", 784, 60_000), ("cifar10", 3072, 50_000)]
)
def test_openml_sets_keep_their_order(monkeypatch, name, width, train):
    from types import SimpleNamespace

    column = np.zeros((train + 3, width), dtype=np.uint8)
    column[train:] = [[0], [128], [255]]
    bunch = SimpleNamespace(data=column, target=np.array(["7"] * (train + 3)))
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda *args, **kwargs: bunch)
    data = load(name)
    assert data.x.shape[0] == 3
    assert data.x[0].numel() == width
    np.testing.assert_allclose(data.x.flatten(1)[:, 0], [0, 128 / 255, 1])
    assert data.labels.tolist() == [7, 7, 7]
    word = {"mnist": 7, "fashion_mnist": "sneaker", "cifar10": "horse"}[name]
    assert data.label_values.tolist() == [word] * 3
