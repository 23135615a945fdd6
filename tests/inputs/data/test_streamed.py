"""Data that are read in parts are those that are read at once: value by value, label by label, wherever they lie."""

import pickle

import numpy as np
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.core.rows import Rows, sample_rows
from gapkit.inputs.data import Dataset, Streamed, load, load_streamed
from gapkit.sources import DataSource
from tests.inputs.data.lying import arrays, floats, images, images_below, npy, reals, table, tables


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Stream all that can be, however small."""
    monkeypatch.setattr("gapkit.inputs.data.streamed.STREAM_FROM", 0)


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


def test_channels_behind_are_moved_and_said_in_parts_too(tmp_path):
    values = np.random.default_rng(0).random((3000, 4, 5, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", values)
    whole, parts = load(tmp_path / "x.npy"), load_streamed(tmp_path / "x.npy")
    assert parts.x.shape == whole.x.shape == (3000, 3, 4, 5)
    assert torch.equal(parts.x[:], whole.x)
    moved = "channels are moved from the last axis to the first"
    assert moved in whole.notes
    assert moved in parts.notes
    odd = next(row for row in range(3000) if row not in sample_rows(3000))
    values[odd] = -1.0  # beyond the sample: some images would have their channels behind, and some not
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(InputError, match="the value -1 among datapoints"):
        load_streamed(tmp_path / "x.npy").x[:]
