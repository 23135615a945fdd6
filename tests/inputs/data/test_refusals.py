"""What cannot be analysed is refused, with the reason and the way out."""

import pickle
import urllib.error

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from gapkit.core.errors import InputError
from gapkit.inputs.data import load


def refusal(source, **options):
    with pytest.raises(InputError) as caught:
        load(source, **options)
    assert caught.value.do
    return str(caught.value)


def test_unknown_names_suggest_known_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "did you mean mnist" in refusal("minst")
    assert "did you mean fashion_mnist" in refusal("Fashion-MNIST")
    assert "cifar10, digits" in refusal("qqqq")


def test_missing_and_unknown_files(tmp_path):
    np.save(tmp_path / "data.npy", np.ones((2, 2)))
    assert "did you mean data.npy?" in refusal(tmp_path / "dta.npy")
    assert "no such file" in refusal("nowhere/x.npz")
    (tmp_path / "a.docx").write_text("x")
    assert "a file of kind .docx" in refusal(tmp_path / "a.docx")


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".pt", ".csv", ".parquet"])
@pytest.mark.parametrize("content", [b"", b"not such a file at all", b"PK\x03\x04broken", b"\x80\x04broken"])
def test_empty_and_corrupt_files(tmp_path, suffix, content):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    assert str(path) in refusal(path)


def test_truncated_files(tmp_path):
    x = np.random.default_rng(0).random((50, 4))
    np.savez(tmp_path / "a.npz", x=x)
    np.save(tmp_path / "a.npy", x)
    pandas.DataFrame(x, columns=list("abcd")).to_parquet(tmp_path / "a.parquet")
    torch.save(torch.from_numpy(x), tmp_path / "a.pt")
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-100])
        assert "truncated or damaged" in refusal(path), path.name


class Canary:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_pickles_are_never_executed(tmp_path):
    canary = tmp_path / "canary"
    objects = np.empty(1, dtype=object)
    objects[0] = Canary(canary)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Canary(canary)))
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Canary(canary)))
    torch.save({"x": torch.ones(2, 2), "y": Canary(canary)}, tmp_path / "c.pt")
    for name in ("a.npy", "a.npz", "b.npy"):
        assert "object array" in refusal(tmp_path / name)
    assert "plain pickle" in refusal(tmp_path / "b.pt")
    text = refusal(tmp_path / "c.pt")
    assert "save plain tensors" in text
    assert "--trust-pickle" not in text
    assert not canary.exists()


def test_values(tmp_path):
    def saved(array):
        np.save(tmp_path / "a.npy", array)
        return tmp_path / "a.npy"

    bad = np.ones((3, 2))
    bad[1, 0], bad[2, 1] = np.nan, np.inf
    assert "2 of 6 values NaN or infinite in float32, the first at index (1, 0)" in refusal(saved(bad))
    assert "1 of 4" in refusal(saved(np.array([[1.0, 1e300], [0, 0]])))
    assert "shape (0, 2)" in refusal(saved(np.ones((0, 2))))
    assert "not (N, ...)" in refusal(saved(np.ones(3)))
    assert "dtype <U1" in refusal(saved(np.array([["a"]])))
    assert "complex128" in refusal(saved(np.ones((2, 2), dtype=complex)))


def test_options(tmp_path):
    assert "use train or test" in refusal("digits", split="valid")
    assert "limit below 1" in refusal("digits", limit=0)
    assert "without named arrays" in refusal("digits", key="x")
    np.savez(tmp_path / "a.npz", x_train=np.ones((2, 2)), names=np.ones((2, 2)))
    assert "the arrays x_train, names" in refusal(tmp_path / "a.npz")
    assert "name one of them with --data-key" in refusal(tmp_path / "a.npz", key="q")
    np.savez(tmp_path / "b.npz", x_train=np.ones((2, 2)))
    np.save(tmp_path / "d.npy", np.ones((2, 2)))
    assert "rename it to .npy" in refusal((tmp_path / "d.npy").rename(tmp_path / "d.npz"))
    assert "split test" in refusal(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", x=np.ones((2, 2)), y=np.ones(3))
    assert "2 datapoints and labels of shape (3,)" in refusal(tmp_path / "c.npz")


def test_tables(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,x\n2,y\n")
    assert "columns that are not numbers: b" in refusal(path)
    path.write_text("0.5,0.25\n1,2\n")
    assert "column names belong" in refusal(path)
    path.write_text(",a\n0,1\n")
    assert "saved row index" in refusal(path)
    path.write_text("a,b\n1,\n2,3\n")
    assert "1 of 4 values NaN" in refusal(path)


def test_image_folders(tmp_path):
    assert "no png or jpg files, only nothing" in refusal(tmp_path)
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    Image.new("L", (5, 4)).save(tmp_path / "b.png")
    assert "a.png is 4 x 4 grey, b.png is 5 x 4 grey" in refusal(tmp_path)
    Image.new("RGB", (4, 4)).save(tmp_path / "b.png")
    assert "b.png is 4 x 4 colour" in refusal(tmp_path)
    (tmp_path / "b.png").write_bytes(b"nonsense")
    assert "b.png cannot be read" in refusal(tmp_path)


def test_functions(tmp_path):
    path = tmp_path / "source.py"
    source = "def words(split): return 'abc'\ndef fails(split): return 1 / 0\ndef bare(): return 1\n"
    path.write_text(source + "def wants(split, size): return 1\ndef other(part): return 1\n")
    assert "it returned str" in refusal(f"{path}:words")
    assert "ZeroDivisionError" in refusal(f"{path}:fails")
    assert "line 2" in refusal(f"{path}:fails")
    assert "it returned int" in refusal(f"{path}:bare")
    for name, signature in (("wants", "wants(split, size)"), ("other", "other(part)")):
        text = refusal(f"{path}:{name}")
        assert f"signature is {signature}" in text
        assert "def function(split)" in text
        assert "--model-arg" not in text
    assert "did you mean words?" in refusal(f"{path}:word")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
@pytest.mark.parametrize("error", [urllib.error.URLError("no route"), TimeoutError("slow"), ValueError("no set")])
def test_network_failure_points_to_a_file(monkeypatch, name, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fail)
    assert "--data file.npz" in refusal(name)
