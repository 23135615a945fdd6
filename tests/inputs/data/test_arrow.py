"""Data sets that Hugging Face's own library saved, read without it; in memory, and by their names."""

import json
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from gapkit.core.errors import InputError
from gapkit.inputs.data import load
from gapkit.inputs.data.given import unpacked

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import datasets as hf

pytestmark = pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
X = np.random.default_rng(0).random((12, 4, 5)).astype(np.float32)
Y = np.arange(12) % 3


@pytest.fixture(autouse=True)
def _quiet():
    hf.disable_progress_bars()


def saved(folder, columns, features=None, shards=2):
    features = None if features is None else hf.Features(features)
    hf.Dataset.from_dict(columns, features=features).save_to_disk(folder, num_shards=shards)
    return folder


def test_arrays_and_the_names_of_their_classes(tmp_path):
    features = {"x": hf.Array2D((4, 5), "float32"), "label": hf.ClassLabel(names=["cat", "dog", "emu"])}
    saved(tmp_path / "d", {"x": list(X), "label": Y.tolist()}, features)
    found = load(tmp_path / "d")
    torch.testing.assert_close(found.x, torch.from_numpy(X))
    assert found.classes == ("cat", "dog", "emu")
    assert found.label_values.tolist() == [["cat", "dog", "emu"][y] for y in Y]
    assert found.notes == ("data from the column x", "labels from the column label")
    assert load(tmp_path / "d", limit=7).x.shape == (7, 4, 5)


@pytest.mark.slow
def test_without_the_library(tmp_path):
    from tests.processes import python

    saved(tmp_path / "d", {"x": X.tolist(), "y": Y.tolist()})
    code = (
        "import sys\nsys.modules['datasets'] = None\nfrom gapkit.inputs.data import load\n"
        "print(tuple(load(sys.argv[1]).x.shape))"
    )
    done = python(code, tmp_path / "d")
    assert done.stdout.strip() == "(12, 4, 5)", done.stderr
    assert "datasets" in sys.modules


def test_images(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)
    images = [Image.fromarray(each) for each in pixels]
    saved(tmp_path / "d", {"img": images, "label": [0, 1] * 3}, {"img": hf.Image(), "label": hf.Value("int64")})
    found = load(tmp_path / "d")
    torch.testing.assert_close(found.x, torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    assert found.scaling == "pixels divided by 255"
    assert found.labels.tolist() == [0, 1] * 3


def test_numbers_in_columns_of_their_own(tmp_path):
    saved(tmp_path / "d", {"a": [1.0, 2.0], "b": [3.0, 4.0], "label": ["u", "v"]})
    found = load(tmp_path / "d")
    assert found.x.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert found.classes == ("u", "v")


def test_splits_and_columns_that_are_named(tmp_path):
    parts = {
        "train": hf.Dataset.from_dict({"a": X[:8].tolist(), "b": X[:8, 0].tolist()}),
        "test": hf.Dataset.from_dict({"a": X[8:].tolist(), "b": X[8:, 0].tolist()}),
    }
    hf.DatasetDict(parts).save_to_disk(tmp_path / "d")
    assert load(tmp_path / "d", key="a").x.shape == (4, 4, 5)
    found = load(tmp_path / "d", split="train", key="b")
    assert (found.x.shape, found.split) == ((8, 5), "train")
    with pytest.raises(InputError, match="--data-key"):
        load(tmp_path / "d", key="c")
    with pytest.raises(InputError, match="--label-column"):
        load(tmp_path / "d", key="a", label_column="c")
    hf.DatasetDict({"validation": parts["test"]}).save_to_disk(tmp_path / "e")
    with pytest.raises(InputError, match="the splits validation"):
        load(tmp_path / "e", key="a")


def test_eight_bits_with_channels_behind_are_recognised_and_said(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)
    saved(tmp_path / "d", {"x": list(pixels)}, {"x": hf.Array3D((5, 4, 3), "uint8")})
    found = load(tmp_path / "d")
    assert found.x.shape == (6, 3, 5, 4)
    assert "channels are moved from the last axis to the first" in found.notes
    assert found.scaling == "pixels divided by 255"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x": [[1.0, None], [2.0, 3.0]]}, "missing values in the column x, the first in row 0"),
        ({"x": [[1.0], None]}, "missing, the first in row 1"),
        ({"x": [[1.0], [2.0, 3.0]]}, "rows of 2 lengths"),
        ({"x": [["a"], ["b"]]}, "no numbers"),
        ({"a": [1.0, None], "b": [1.0, 2.0]}, r"the first at index \(1, 0\)"),
        ({"a": [[1.0]], "b": [[2.0]]}, "columns that are not numbers"),
        ({"x": []}, "at least one"),
    ],
)
def test_what_cannot_be_analysed_is_refused_with_its_place(tmp_path, columns, words):
    saved(tmp_path / "d", columns, shards=1)
    with pytest.raises(InputError, match=words):
        load(tmp_path / "d")


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "state.json").write_text("[]"),
        lambda folder: (folder / "state.json").write_text("{}"),
        lambda folder: (folder / "state.json").write_text('{"_data_files": [{"filename": "../secret.arrow"}]}'),
        lambda folder: (folder / "state.json").write_text('{"_data_files": [{"filename": "/etc/passwd"}]}'),
        lambda folder: (folder / "state.json").write_text('{"_data_files": {"filename": 3}}'),
        lambda folder: (folder / "state.json").write_text("[" * 100_000),
        lambda folder: (folder / "dataset_info.json").write_text("[1]"),
        lambda folder: next(folder.glob("*.arrow")).write_bytes(b""),
        lambda folder: next(folder.glob("*.arrow")).write_bytes(b"\xff" * 500),
        lambda folder: next(folder.glob("*.arrow")).unlink(),
    ],
)
def test_folders_that_somebody_changed(tmp_path, change):
    saved(tmp_path / "d", {"x": X.tolist()}, shards=1)
    saved(tmp_path / "other", {"x": X.tolist()}, shards=1)
    next((tmp_path / "other").glob("*.arrow")).rename(tmp_path / "secret.arrow")
    change(tmp_path / "d")
    with pytest.raises(InputError, match=r"json|damaged"):
        load(tmp_path / "d")


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bits(tmp_path, seed):
    saved(tmp_path / "d", {"x": X.tolist(), "label": [f"c{y}" for y in Y]}, shards=1)
    (path,) = (tmp_path / "d").glob("*.arrow")
    content, rng = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for place in rng.integers(0, len(content) if seed % 2 else 1200, 6):
        content[place] ^= 1 << int(rng.integers(0, 8))
    path.write_bytes(content)
    try:
        found = load(tmp_path / "d")
    except InputError as error:
        told = str(error)
    else:
        told = f"to do: {found}"
    assert "to do:" in told


def test_any_features(tmp_path):
    saved(tmp_path / "d", {"x": X.tolist(), "label": Y.tolist()}, shards=1)
    info = json.loads((tmp_path / "d" / "dataset_info.json").read_text())
    for feature in (None, 3, [], {"_type": "Image"}, {"_type": "ClassLabel", "names": [1]}, {"_type": "x" * 10_000}):
        info["features"] = {"x": {"_type": "List"}, "label": feature}
        (tmp_path / "d" / "dataset_info.json").write_text(json.dumps(info))
        assert load(tmp_path / "d").x.shape == (12, 4, 5)


def test_in_memory_and_batches_by_name():
    data = hf.Dataset.from_dict({"image": X.tolist(), "label": Y.tolist()}).with_format("torch")
    x, labels = unpacked(data, None)
    torch.testing.assert_close(x, torch.from_numpy(X))
    assert labels.tolist() == Y.tolist()
    plain = [{"pixel_values": torch.from_numpy(each), "labels": int(y)} for each, y in zip(X, Y, strict=True)]

    class Named(torch.utils.data.Dataset):
        def __len__(self):
            return len(plain)

        def __getitem__(self, index):
            return plain[index]

    x, labels = unpacked(DataLoader(Named(), batch_size=5), None)
    torch.testing.assert_close(x, torch.from_numpy(X))
    assert labels.tolist() == Y.tolist()
    plain[:] = [{"a": torch.ones(2), "b": torch.ones(2)}]
    with pytest.raises(InputError, match="the parts a, b"):
        unpacked(Named(), None)
