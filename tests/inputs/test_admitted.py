"""Names are let into a pickle one by one, and never one that could run code of the file's choice."""

import argparse
import collections
import datetime
import enum
import functools
import operator
import pathlib
import pickle
import subprocess
import sys
import types
import uuid

import numpy as np
import pytest
import torch
from torch import nn

from gapkit.checkpoints import load
from gapkit.core.errors import InputError
from gapkit.inputs.admitted import HARMLESS, refused_because
from gapkit.inputs.read import read
from gapkit.inputs.refusal import WantsCode
from tests.inputs.calling import Call, written

DATA = {
    "namespace": argparse.Namespace(latent=3, name="vae"),
    "simple": types.SimpleNamespace(latent=3),
    "posix": pathlib.PurePosixPath("/a/b"),
    "day": datetime.date(2024, 1, 2),
    "moment": datetime.datetime(2024, 1, 2, 3, 4, tzinfo=datetime.UTC),
    "span": datetime.timedelta(seconds=3),
    "id": uuid.UUID(int=3),
    "frozen": frozenset([1, 2]),
    "empty bytes": b"",
    "slice": slice(1, 2),
}


def options_of(path, **options):
    """The refusal's own words as arguments of ``read``."""
    with pytest.raises(WantsCode) as caught:
        read(path, **options)
    words = caught.value.do.partition(" (")[0].removeprefix("pass ").split()
    return [words[i + 1] for i, word in enumerate(words) if word == "--allow-global"]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", DATA)
def test_plain_data_are_let_in_as_the_refusal_says(tmp_path, name, legacy):
    payload = {"args": DATA[name], "w": torch.ones(1)}
    torch.save(payload, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    names = options_of(tmp_path / "a.pt")
    assert set(names) <= HARMLESS
    assert read(tmp_path / "a.pt", allow_globals=names)["args"] == DATA[name]


def test_arrays_paths_and_dicts_of_other_kinds_are_read_as_plain_ones(tmp_path):
    counts = collections.defaultdict(list, {"a": [1]})
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    payload = {"counts": counts, "array": array, "paths": [pathlib.PosixPath("a/b"), pathlib.PureWindowsPath("c")]}
    torch.save(payload, tmp_path / "a.pt")
    found = read(tmp_path / "a.pt", allow_globals=options_of(tmp_path / "a.pt"))
    assert found["counts"] == {"a": [1]}
    np.testing.assert_array_equal(found["array"], array)
    assert str(found["paths"][0]) == "a/b"


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None, 1], object), np.zeros(2, "V3")])
def test_arrays_of_anything_but_numbers_are_not(tmp_path, array):
    torch.save({"x": array}, tmp_path / "a.pt")
    names = [*HARMLESS]
    with pytest.raises(InputError):
        read(tmp_path / "a.pt", allow_globals=names)


CALLS = {
    "os.system": Call(__import__("os").system, ("touch canary",)),
    "subprocess.Popen": Call(subprocess.Popen, (["touch", "canary"],)),
    "builtins.eval": Call(eval, ("open('canary', 'w')",)),
    "builtins.open": Call(open, ("canary", "w")),
    "builtins.getattr": Call(getattr, (1, "real")),
    "functools.partial": functools.partial(print, 1),
    "operator.methodcaller": operator.methodcaller("lower"),
    "io.FileIO": Call(__import__("io").FileIO, ("canary", "w")),
    "numpy.memmap": Call(np.memmap, ("canary", "u1", "w+", 0, 10)),
    "torch.load": Call(torch.load, ("other.pt",)),
    "torch.hub.load": Call(torch.hub.load, ("a", "b")),
    "importlib.import_module": Call(__import__("importlib").import_module, ("canary",)),
    "torch.nn.functional.relu": nn.functional.relu,
    "torch.nn.init.zeros_": nn.init.zeros_,
    "collections.namedtuple": Call(collections.namedtuple, ("a", "b")),
    "logging.FileHandler": Call(__import__("logging").FileHandler, ("canary",)),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_runs_code_is_never_let_in(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    torch.save({"x": CALLS[name]}, "a.pt")
    with pytest.raises(InputError, match=r"--trust-pickle [0-9a-f]{8}") as refusal:
        read("a.pt")
    assert "--allow-global" not in refusal.value.do
    wanted = refusal.value.found.partition("asks for ")[2].removesuffix(" (nothing was executed)").split(", ")
    with pytest.raises(InputError, match="--trust-pickle"):
        read("a.pt", allow_globals=[*wanted, name])
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "name", ["", "x", "a.b; touch canary", "a..b", "a.b$(touch canary)", "é.b", "a\n.b", "argparse.Namespace ", "a.1b"]
)
def test_odd_names_are_none(name):
    assert refused_because(name, "file.py:Model") == "is no name of a class"


def test_nothing_beside_a_checkpoint_is_imported(tmp_path, monkeypatch):
    """Neither by the refusal nor with the name: also where the folder is on the path, as with ``python -m``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "beside.py").write_text("open('canary', 'w')\nclass Config:\n    pass\n")
    written(tmp_path / "a.pt", b"\x80\x02cbeside\nConfig\n)\x81.")
    for options in ({}, {"allow_globals": ["beside.Config"]}, {"allow_globals": ["beside.Config"], "code": None}):
        with pytest.raises(InputError, match=r"--model file\.py:Config|file that defines it"):
            read(tmp_path / "a.pt", **options)
    assert not (tmp_path / "canary").exists()
    assert "beside" not in sys.modules


OWN = """
import enum, subprocess
from dataclasses import dataclass
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal
@dataclass
class Config:
    latent: int = 2
class Kind(enum.Enum):
    MLP = "mlp"
class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(2, 4)
        self.config, self.kind = Config(2), Kind.MLP
    def encode(self, x):
        m, s = self.enc(x).chunk(2, -1)
        return Independent(Normal(m, s.exp()), 1)
    def decode(self, z):
        return Independent(Bernoulli(logits=self.dec(z)), 1)
    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
def made():
    open("canary", "w")
if __name__ == "__main__":
    torch.manual_seed(5)
    torch.save(Vae(), "whole.pt")
"""


@pytest.fixture
def whole(tmp_path, monkeypatch):
    from tests.processes import python

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    assert python(OWN, cwd=tmp_path).returncode == 0
    return tmp_path / "whole.pt"


def test_a_whole_model_of_a_script_is_let_in_without_running_it(whole):
    with pytest.raises(WantsCode, match=r"pass --model file\.py:Config --allow-global __main__\.Config") as refusal:
        read(whole)
    names = [word for word in refusal.value.do.split() if word.startswith(("__main__.", "torch.nn."))]
    loaded = load(whole, model="mine.py:Vae", allow_globals=names)
    trusted = load(whole, model="mine.py:Vae", trust_pickle=True)
    assert loaded.sha256 == trusted.sha256
    torch.testing.assert_close(loaded.model.state_dict(), trusted.model.state_dict())
    raw = read(whole, allow_globals=names, code="mine.py:Vae")
    x = torch.ones(1, 4)
    assert torch.equal(raw.encode(x).mean, loaded.model.encode(x).mean)
    assert raw.config.latent == 2
    assert isinstance(raw.kind, enum.Enum)


@pytest.mark.parametrize("name", ["subprocess.Popen", "made", "Normal", "absent"])
def test_of_the_user_s_file_only_its_own_classes_are(whole, name):
    """Not what it has imported, and no function of it."""
    body = f"\x80\x02c__main__\n{name.rpartition('.')[2] if '.' not in name else name}\n]q\x00(X\x06\x00\x00\x00canary"
    written("b.pt", body.encode("latin1") + b"e\x85R.")
    with pytest.raises(InputError, match=r"--trust-pickle|no name of a class|--model"):
        read("b.pt", code="mine.py:Vae", allow_globals=[f"__main__.{name}"])
    assert not pathlib.Path("canary").exists()


def test_a_layer_that_is_let_in_is_made_empty_and_not_called(tmp_path):
    """Else a tiny file could ask for a layer of any size."""
    name = "torch.nn.modules.linear.Linear"
    call = b"\x80\x02ctorch.nn.modules.linear\nLinear\nJ\xa0\x86\x01\x00J\xa0\x86\x01\x00\x86R."
    written(tmp_path / "a.pt", call)
    with pytest.raises(InputError, match=r"damaged|does more"):
        read(tmp_path / "a.pt", allow_globals=[name])
    torch.save({"layer": nn.Linear(3, 2)}, tmp_path / "b.pt")
    assert read(tmp_path / "b.pt", allow_globals=options_of(tmp_path / "b.pt"))["layer"](torch.ones(3)).shape == (2,)


def test_plain_classes_of_packages_are_and_others_are_not(tmp_path):
    from lightning.fabric.utilities.data import AttributeDict
    from sklearn.linear_model import LogisticRegression

    torch.save({"hyper_parameters": AttributeDict(latent=3)}, tmp_path / "a.pt")
    names = options_of(tmp_path / "a.pt")
    assert read(tmp_path / "a.pt", allow_globals=names) == {"hyper_parameters": {"latent": 3}}
    torch.save({"x": LogisticRegression()}, tmp_path / "b.pt")  # its __setstate__ is code
    with pytest.raises(InputError, match="runs code of its own when it is read"):
        read(tmp_path / "b.pt", allow_globals=["sklearn.linear_model._logistic.LogisticRegression"])


def test_the_permission_is_for_the_names_and_for_this_reading(tmp_path):
    torch.save({"a": argparse.Namespace(b=1), "d": datetime.date(2024, 1, 1)}, tmp_path / "a.pt")
    before = set(torch.serialization.get_safe_globals())
    with pytest.raises(WantsCode, match=r"datetime\.date"):
        read(tmp_path / "a.pt", allow_globals=["argparse.Namespace"])
    read(tmp_path / "a.pt", allow_globals=["argparse.Namespace", "datetime.date", "not.in.it"])
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(WantsCode):
        read(tmp_path / "a.pt")


def test_names_that_were_let_in_stay_picklable(whole):
    names = ["__main__.Vae", "__main__.Config", "__main__.Kind"]
    layers = ("linear.Linear", "container.Sequential", "activation.ReLU")
    raw = read(whole, allow_globals=[*names, *(f"torch.nn.modules.{each}" for each in layers)], code="mine.py:Vae")
    assert pickle.loads(pickle.dumps(raw)).dec.weight.shape == (4, 2)
