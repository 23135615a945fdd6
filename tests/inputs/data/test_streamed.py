"""Data that are read in parts are those that are read at once: value by value, label by label, wherever they lie."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from gapkit.core.errors import InputError
from gapkit.core.rows import Rows, sample_rows
from gapkit.inputs.data import Dataset, Streamed, load, load_streamed
from gapkit.sources import DataSource


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Stream all that can be, however small."""
    monkeypatch.setattr("gapkit.inputs.data.streamed.STREAM_FROM", 0)


def pixels(count=300, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8), dtype=np.uint8)


def npy(folder):
    np.save(folder / "x.npy", pixels())
    return folder / "x.npy"


def floats(folder):
    np.save(folder / "x.npy", np.random.default_rng(1).normal(size=(300, 5)))
    return folder / "x.npy"


def table(folder, rows=300, name="x.parquet"):
    frame = pd.DataFrame(pixels(rows).reshape(rows, 64), columns=[f"p{i}" for i in range(64)])
    frame["label"] = np.resize(["cat", "dog", "eel"], rows)
    frame.to_parquet(folder / name, row_group_size=70)
    return folder / name


def reals(folder):
    frame = pd.DataFrame(np.random.default_rng(2).normal(size=(300, 3)), columns=list("abc"))
    frame.to_parquet(folder / "x.parquet", row_group_size=50)
    return folder / "x.parquet"


def images(folder, count=40):
    folder.mkdir(exist_ok=True)
    for at, image in enumerate(pixels(count)):
        Image.fromarray(image).save(folder / f"{at:03}.png")
    return folder


def images_below(folder):
    for name in ("b", "a"):
        images(folder / name, 20)
    return folder


def arrays(folder):
    for at in range(3):
        np.save(folder / f"part-{at}.npy", pixels(100 + at, at))
    return folder


def tables(folder):
    for at in range(3):
        table(folder, 100 + at, f"part-{at}.parquet")
    return folder


SOURCES = [npy, floats, table, reals, images, images_below, arrays, tables]


@pytest.mark.parametrize("limit", [None, 33])
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_the_values_are_the_same(source, limit, tmp_path):
    path = source(tmp_path)
    whole, parts = load(path, limit=limit), load_streamed(path, limit=limit)
    assert isinstance(whole, Dataset)
    assert isinstance(parts, Streamed)
    assert len(parts) == len(whole)
    assert parts.x.shape == whole.x.shape
    assert parts.scaling == whole.scaling
    assert torch.equal(parts.x[:], whole.x)
    assert torch.equal(torch.cat(list(parts.x.split(7))), whole.x)
    rows = [len(whole) - 1, 0, 5, 5, 31]
    assert torch.equal(parts.x[rows], whole.x[rows])
    again = pickle.loads(pickle.dumps(parts.x))
    assert torch.equal(again[4:9], whole.x[4:9])
    if whole.labels is None:
        assert parts.labels is None
    else:
        assert parts.classes == whole.classes
        assert parts.label_values.tolist() == whole.label_values.tolist()


@pytest.mark.parametrize("how", ["threshold", "sample"])
def test_binary_draws_are_the_same(how, tmp_path):
    source = DataSource(source=npy(tmp_path), binarize=how, seed=3)
    whole, parts = source.read(whole=True), source.read()
    assert isinstance(parts.x["test"], Rows)
    assert torch.equal(parts.x["test"][:], whole.x["test"])
    assert torch.equal(parts.x["test"][[7, 2]], whole.x["test"][[7, 2]])
    assert torch.equal(parts.original_x["test"][:], whole.original_x["test"])


def test_small_data_are_read_at_once(tmp_path, monkeypatch):
    path = npy(tmp_path)
    monkeypatch.setattr("gapkit.inputs.data.streamed.STREAM_FROM", 300 * 64 * 4)
    assert isinstance(load_streamed(path), Dataset)
    assert isinstance(load_streamed("digits", limit=3), Dataset)


def test_the_sample_reaches_the_ends_and_the_checksum_sees_it(tmp_path):
    rows = sample_rows(5000)
    assert (rows[0], rows[-1], len(rows)) == (0, 4999, 1024)
    x = np.zeros((5000, 3))
    sums = set()
    for change in (None, 0, 4999):
        if change is not None:
            x[change] = 1.0
        np.save(tmp_path / "x.npy", x)
        sums.add(load_streamed(tmp_path / "x.npy").sha256)
    np.save(tmp_path / "x.npy", np.concatenate([x, x[:1]]))
    sums.add(load_streamed(tmp_path / "x.npy").sha256)
    assert len(sums) == 4


@pytest.mark.parametrize(
    ("x", "scale", "word"),
    [
        (np.full((5000, 4), np.nan), None, "NaN or infinity in datapoint 600"),
        (np.full((5000, 4), 7, np.uint8), None, "the value 7 among datapoints"),
        (np.full((5000, 4), -1.0), "unit", "the value -1 among datapoints"),
    ],
)
def test_what_the_sample_did_not_show_is_refused_when_it_is_read(x, scale, word, tmp_path):
    hidden = np.zeros_like(x)
    assert 600 not in sample_rows(5000)
    hidden[600] = x[600]
    np.save(tmp_path / "x.npy", hidden)
    data = load_streamed(tmp_path / "x.npy", scale=scale)
    assert len(data.x[:600]) == 600
    with pytest.raises(InputError, match=word):
        data.x[550:650]


def test_what_cannot_be_read_in_parts_is_refused_with_what_to_do(tmp_path, monkeypatch):
    np.save(tmp_path / "f.npy", np.asfortranarray(np.zeros((50, 40))))
    with pytest.raises(InputError, match="Fortran order"):
        load_streamed(tmp_path / "f.npy")
    monkeypatch.setattr("gapkit.inputs.data.streams._LARGEST_GROUP", 10_000)
    monkeypatch.setattr("gapkit.inputs.data.streams._GOOD_GROUP", 5000)
    table(tmp_path)
    with pytest.raises(InputError, match=r"row_group_size=10\)"):
        load_streamed(tmp_path / "x.parquet")
    pd.read_parquet(tmp_path / "x.parquet").to_parquet(tmp_path / "x.parquet", row_group_size=10)
    assert len(load_streamed(tmp_path / "x.parquet")) == 300


def test_parts_must_fit_together(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 3)))
    np.save(tmp_path / "b.npy", np.zeros((4, 2)))
    with pytest.raises(InputError, match=r"\(3,\) in a.npy and of \(2,\) in b.npy"):
        load_streamed(tmp_path)
    with pytest.raises(InputError, match="bring all parts to one shape"):
        load(tmp_path)
    reals(tmp_path)
    with pytest.raises(InputError, match="keep one kind"):
        load(tmp_path)
    (tmp_path / "b.npy").unlink()
    (tmp_path / "x.parquet").unlink()
    assert load(tmp_path).x.shape == (4, 3)


def test_a_hole_in_a_file_is_not_taken_for_data(tmp_path):
    header = tmp_path / "x.npy"
    np.lib.format.open_memmap(header, "w+", np.float32, (10**9, 4))  # 16 GB of nothing, that take no room on the disk
    with pytest.raises(InputError, match="memory"):
        load_streamed(header)
