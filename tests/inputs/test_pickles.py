"""NumPy scalars are read as numbers; whole models find their class in the user's file; nothing else gets in."""

import pickle
import sys

import numpy as np
import pytest
import torch

from gapkit.checkpoints import load
from gapkit.core.errors import InputError
from gapkit.inputs.numbers import NUMBERS
from gapkit.inputs.read import read
from tests.processes import python


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.25),
        np.float32(-1.5),
        np.float16(2.0),
        np.int64(7),
        np.uint8(255),
        np.bool_(True),
        np.float64("inf"),
    ],
)
def test_numpy_scalars_are_numbers(tmp_path, value, legacy):
    torch.save({"best_loss": value, "w": torch.ones(2)}, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    found = read(tmp_path / "a.pt")["best_loss"]
    assert found == value.item()
    assert type(found) is type(value.item())


def test_other_byte_order(tmp_path):
    torch.save({"x": np.array([1.5], ">f8")[0], "y": np.dtype(">f4").type(2.5)}, tmp_path / "a.pt")
    assert read(tmp_path / "a.pt") == {"x": 1.5, "y": 2.5}


@pytest.mark.parametrize(
    "value",
    [np.ones(3), np.array(["a"]), np.str_("a"), np.datetime64("2020-01-01"), np.complex128(1j), np.void(b"abc")],
    ids=["array", "texts", "text", "date", "complex", "bytes"],
)
def test_no_other_numpy_object_is_let_in(tmp_path, value):
    torch.save({"x": value}, tmp_path / "a.pt")
    with pytest.raises(InputError):
        read(tmp_path / "a.pt")


class Call:
    """Pickles as a call of what is given."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def test_the_permission_ends_with_the_reading_and_covers_no_code(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    canary = tmp_path / "canary"
    torch.save({"best_loss": np.float64(1.0), "y": Call(open, (str(canary), "w"))}, tmp_path / "a.pt")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "a.pt")
    assert "open" in str(caught.value)
    assert "numpy" not in str(caught.value)  # the scalar is not what is wrong with the file
    assert not canary.exists()
    assert set(torch.serialization.get_safe_globals()) == before


@pytest.mark.parametrize(
    "arguments",
    [("O",), ("V8",), ("f8", b"123"), ("f8", b""), ("f8", "12345678"), ("M8[s]",), ("999999999f8",)],
)
def test_the_stand_ins_know_nothing_but_numbers(arguments):
    kind, scalar = NUMBERS[0][0], NUMBERS[1][0]
    with pytest.raises(ValueError, match="NumPy scalar"):
        scalar(kind(arguments[0], False, True), *(arguments[1:] or (b"12345678",)))
    with pytest.raises(ValueError, match="no number"):
        scalar(np.dtype("f8"), b"12345678")


SCRIPT = """
import sys
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal
class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(4, 4), nn.Linear(2, 4)
    def encode(self, x):
        m, s = self.enc(x).chunk(2, -1)
        return Independent(Normal(m, s.exp()), 1)
    def decode(self, z):
        return Independent(Bernoulli(logits=self.dec(z)), 1)
    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
if __name__ == "__main__":
    torch.manual_seed(5)
    torch.save(Vae(), "whole.pt")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script_of_test.py").write_text(SCRIPT)
    yield tmp_path
    sys.modules.pop("script_of_test", None)


def saved_as_script(folder):
    assert python(SCRIPT, cwd=folder).returncode == 0
    return folder / "whole.pt"


def saved_as_module(folder):
    code = "import torch, script_of_test; torch.save(script_of_test.Vae(), 'whole.pt')"
    assert python(code, cwd=folder).returncode == 0
    return folder / "whole.pt"


@pytest.mark.parametrize("save", [saved_as_script, saved_as_module])
def test_a_whole_model_is_found_in_the_file_named_by_model(folder, save, monkeypatch):
    path = save(folder)
    monkeypatch.chdir(folder.parent)
    loaded = load(path, model=f"{folder}/script_of_test.py:Vae", trust_pickle=True)
    raw = read(path, trust_pickle=True, code=f"{folder}/script_of_test.py:Vae")
    torch.testing.assert_close(dict(loaded.model.state_dict()), dict(raw.state_dict()))
    assert raw.enc.weight.shape == (4, 4)


def test_a_whole_model_is_found_in_the_working_directory(folder):
    path = saved_as_module(folder)
    before = list(sys.path)
    assert "a pickled Vae" in load(path, trust_pickle=True).description
    assert sys.path == before


def test_without_its_file_a_script_s_class_is_asked_for(folder):
    path = saved_as_script(folder)
    with pytest.raises(InputError, match=r"--model file.py:Class"):
        load(path, trust_pickle=True)
    with pytest.raises(InputError, match="a pickle that would run code"):
        load(path, model="script_of_test.py:Vae")


def test_a_module_and_its_methods_stay_picklable(folder):
    model = load(saved_as_module(folder), trust_pickle=True).model
    assert pickle.loads(pickle.dumps(model)).enc.weight.shape == (4, 4)
