"""Files and folders that are not as one would wish, read in parts: as when read at once, or refused in words."""

import pickle
import resource

import numpy as np
import pandas as pd
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.core.rows import sample_rows
from gapkit.inputs.data import Dataset, Streamed, load, load_streamed
from gapkit.inputs.data.shards import parts_of
from tests.inputs.data.lying import floats, images, pixels, reals, table, tables


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """Stream all that can be, however small."""
    monkeypatch.setattr("gapkit.inputs.data.streamed.STREAM_FROM", 0)


def test_what_cannot_be_read_in_parts_is_read_at_once_or_refused_with_what_to_do(tmp_path, monkeypatch):
    np.save(tmp_path / "f.npy", np.asfortranarray(np.zeros((50, 40))))
    monkeypatch.setattr("gapkit.inputs.data.row_groups._LARGEST_GROUP", 10_000)
    monkeypatch.setattr("gapkit.inputs.data.row_groups._GOOD_GROUP", 5000)
    table(tmp_path)
    for name, word in (("f.npy", "Fortran order"), ("x.parquet", r"row_group_size=10\)")):
        monkeypatch.setattr("gapkit.inputs.data.streamed.ROOM", 10**9)
        assert isinstance(load_streamed(tmp_path / name), Dataset)
        monkeypatch.setattr("gapkit.inputs.data.streamed.ROOM", 1000)
        with pytest.raises(InputError, match=word):
            load_streamed(tmp_path / name)
        assert isinstance(load_streamed(tmp_path / name, limit=20), Dataset)
    pd.read_parquet(tmp_path / "x.parquet").to_parquet(tmp_path / "x.parquet", row_group_size=10)
    assert isinstance(load_streamed(tmp_path / "x.parquet"), Streamed)


def same(path):
    """Both ways of reading give the same."""
    whole, parts = load(path), load_streamed(path)
    assert isinstance(parts, Streamed)
    assert parts.scaling == whole.scaling
    assert torch.equal(parts.x[:], whole.x)
    return parts


@pytest.mark.parametrize("columns", [[f"p{i}" for i in range(64)], [f"gene {i}" for i in range(63)]])
@pytest.mark.parametrize("kind", ["float32", "uint8", "int64"])
@pytest.mark.parametrize("top", [90, 255])
def test_whether_a_table_holds_pixels_is_decided_on_all_of_it(columns, kind, top, tmp_path):
    x = np.random.default_rng(0).integers(0, 80, (5000, len(columns)))
    assert 600 not in sample_rows(5000)
    x[600, 3] = top
    pd.DataFrame(x.astype(kind), columns=columns).to_parquet(tmp_path / "x.parquet", row_group_size=500)
    parts = same(tmp_path / "x.parquet")
    assert (parts.scaling == "pixels divided by 255") == (top == 255 and kind != "float32" and len(columns) == 64)


def test_a_table_that_does_not_tell_its_largest_value(tmp_path):
    x = np.random.default_rng(0).integers(0, 80, (5000, 64))
    x[600, 3] = 255
    frame = pd.DataFrame(x, columns=[f"p{i}" for i in range(64)])
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=500, write_statistics=False)
    parts = load_streamed(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="the value 255 among datapoints"):
        parts.x[590:610]
    follow_the_remedy(tmp_path / "x.parquet")


def test_eight_bits_of_which_the_sample_shows_zeros_and_ones_alone(tmp_path):
    x = np.zeros((5000, 4), np.uint8)
    x[600] = 7
    np.save(tmp_path / "x.npy", x)
    for scale in (None, "unit"):
        with pytest.raises(InputError, match="the value 7 among datapoints"):
            load_streamed(tmp_path / "x.npy", scale=scale).x[590:610]
    follow_the_remedy(tmp_path / "x.npy")


def follow_the_remedy(path):
    """What the message says to do leads to the values as they are stored, also where they are said to be counts."""
    whole = load(path, scale="none").x
    assert torch.equal(load_streamed(path, scale="none").x[:], whole)
    assert torch.equal(load_streamed(path, counts=True).x[:], whole)


@pytest.mark.parametrize("index", [None, "id", "words"])
def test_a_saved_index_is_no_data(index, tmp_path):
    frame = pd.DataFrame(pixels(300).reshape(300, 64), columns=[f"p{i}" for i in range(64)]).assign(label=1)
    frame = frame.sample(frac=1.0, random_state=0)
    if index == "words":
        frame.index = [f"row {i}" for i in range(300)]
    frame.rename_axis(None if index is None else "id").to_parquet(tmp_path / "x.parquet", row_group_size=50)
    assert same(tmp_path / "x.parquet").x.shape == (300, 64)


def test_no_more_than_two_row_groups_are_held_of_all_parts(tmp_path):
    reader = parts_of(tables(tmp_path), "folder", "test", "read").without("label").reader
    for at in range(0, len(reader), 20):
        reader.read(range(at, min(at + 20, len(reader))))
    held = {id(part._recent): part._recent for part in reader._parts}
    assert len(held) == 1
    assert len(next(iter(held.values()))._groups) == 2


def test_many_files_are_not_all_open_at_once(tmp_path):
    for at in range(120):
        np.save(tmp_path / f"{at:03}.npy", np.full((3, 2), float(at)))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, before[1]))
    try:
        assert same(tmp_path).x.shape == (360, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_file_that_changes_is_noticed(tmp_path):
    for path in (floats(tmp_path), reals(tmp_path)):
        parts = load_streamed(path)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(InputError, match="has changed since the run began"):
            parts.x[:5]
        path.unlink()
        with pytest.raises(InputError, match="has changed since the run began"):
            pickle.loads(pickle.dumps(parts.x))[:5]


def test_places_are_those_of_a_tensor(tmp_path):
    for path in (floats(tmp_path), reals(tmp_path)):
        parts, whole = load_streamed(path).x, load(path).x
        mask = torch.zeros(300, dtype=torch.bool)
        mask[250:253] = True
        for rows in (
            mask,
            mask.numpy(),
            [-1],
            [],
            slice(0, 0),
            slice(None, None, 50),
            np.int64(3),
            torch.tensor(3),
            -2,
        ):
            assert torch.equal(parts[rows], whole[rows]), rows
        for rows in ([300], 300, [-301], mask[:10]):
            with pytest.raises(IndexError):
                parts[rows]


def test_folders_that_hold_other_things_too(tmp_path):
    images(tmp_path / "data" / "train", 5)
    for read in (load, load_streamed):
        with pytest.raises(InputError, match="no png or jpg files, only train"):
            read(tmp_path / "data")
        assert len(read(tmp_path / "data", split="train")) == 5
        with pytest.raises(InputError, match="a source without columns"):
            read(tmp_path / "data" / "train", label_column="y")
    images(tmp_path / "classes" / "0", 3)
    images(tmp_path / "classes" / ".hidden", 3)
    images(tmp_path / "classes" / "empty", 0)
    assert len(same(tmp_path / "classes")) == 3
    floats(tmp_path)
    (tmp_path / "._x.npy").write_bytes(b"of another system")
    assert len(same(tmp_path)) == 300


@pytest.mark.parametrize("number", [1, 2])
def test_a_file_of_a_single_number_is_refused_in_words(number, tmp_path):
    for at in range(number):
        np.save(tmp_path / f"{at}.npy", np.float64(3))
    for read in (load, load_streamed):
        with pytest.raises(InputError, match=r"an array of shape \(\)"):
            read(tmp_path)
        with pytest.raises(InputError, match=r"an array of shape \(\)"):
            read(tmp_path / "0.npy")


@pytest.mark.parametrize("header", ["{'descr': '<f8', 'fortran_order': False, 'shape': (", "'''"])
def test_a_torn_header_is_a_damaged_file(header, tmp_path):
    text = header.encode().ljust(118, b" ") + b"\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(800))
    for read in (load, load_streamed):
        with pytest.raises(InputError, match="damaged"):
            read(tmp_path / "x.npy")


def test_a_table_with_odd_columns(tmp_path):
    frame = pd.DataFrame(pixels(300).reshape(300, 64), columns=[f"p{i}" for i in range(64)]).astype("Int64")
    frame.loc[7, "p3"] = pd.NA
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=50)
    with pytest.raises(InputError, match="NaN"):
        load(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="NaN"):
        load_streamed(tmp_path / "x.parquet").x[:10]
    frame.fillna(0).assign(label=[[1, 2]] * 300).to_parquet(tmp_path / "x.parquet", row_group_size=50)
    for read in (load, load_streamed):
        with pytest.raises(InputError, match="labels"):
            read(tmp_path / "x.parquet")


def test_parts_must_fit_together(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 3)))
    np.save(tmp_path / "b.npy", np.zeros((4, 2)))
    with pytest.raises(InputError, match=r"\(3,\) in a.npy and of \(2,\) in b.npy"):
        load_streamed(tmp_path)
    with pytest.raises(InputError, match="bring all parts to one shape"):
        load(tmp_path)
    np.save(tmp_path / "b.npy", np.zeros((4, 3), np.float32))
    for read in (load, load_streamed):
        with pytest.raises(InputError, match="parts of the types float32 and float64"):
            read(tmp_path)
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
