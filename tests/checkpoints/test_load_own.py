"""A user's own model, loaded: what the warnings say, and whose methods count."""

import warnings

import pytest
import torch
from torch import nn

from gapkit.checkpoints import load
from gapkit.core.errors import GapkitWarning, InputError

MODEL = """
import torch
from torch import nn
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 4), nn.Linear(2, 4)
        self.log_scale = nn.Parameter(torch.zeros(()))
    def encode(self, x): return self.encoder(x).chunk(2, -1)
    def decode(self, z): return self.decoder(z)
class Hidden(Model):
    def __init__(self):
        super().__init__()
        self.prior = None
    def prior(self): return 1
class Bare(Model):
    def __init__(self):
        super().__init__()
        del self.log_scale
"""
METHODS = ("encode", "decode")


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "model_of_test.py").write_text(MODEL)
    return f"{tmp_path}/model_of_test.py"


def weights(scale=True):
    torch.manual_seed(3)
    state = {f"encoder.{n}": t for n, t in nn.Linear(4, 4).state_dict().items()}
    state |= {f"decoder.{n}": t for n, t in nn.Linear(2, 4).state_dict().items()}
    return state | ({"log_scale": torch.tensor(-1.5)} if scale else {})


def test_load_says_in_warnings_what_it_left_out(tmp_path, spec):
    torch.save({**weights(), "epoch": 3}, tmp_path / "a.pt")
    with pytest.warns(GapkitWarning, match=r"a.pt: left out, because they are no tensors: epoch \(int\)"):
        loaded = load(tmp_path / "a.pt", model=f"{spec}:Model", methods=METHODS)
    assert loaded.notes == ("left out, because they are no tensors: epoch (int) (1 in all)",)
    torch.save({"state_dict": {**weights(), "loss.weight": torch.ones(2)}}, tmp_path / "b.pt")
    with pytest.warns(GapkitWarning, match="--ignore-keys says"):
        load(tmp_path / "b.pt", model=f"{spec}:Model", methods=METHODS, ignore_keys=["loss.*"])


def test_an_entry_comes_from_the_model_or_from_the_file(tmp_path, spec):
    torch.save({"state_dict": weights(), "sigma": 0.25}, tmp_path / "a.pt")

    def entry(name, kind="Model"):
        return load(tmp_path / "a.pt", model=f"{spec}:{kind}", methods=METHODS, entry=name)

    loaded = entry("log_scale")
    assert loaded.entry is loaded.model.log_scale
    assert loaded.entry.item() == -1.5
    assert entry("log_scale", "Bare").entry.item() == -1.5  # which the model itself has not
    assert entry("sigma").entry.item() == 0.25
    with pytest.raises(InputError, match="name one of log_scale, or pass the number itself"):
        entry("log_sigma")
    with pytest.raises(InputError, match="unexpected log_scale"):
        load(tmp_path / "a.pt", model=f"{spec}:Bare", methods=METHODS)


def test_a_hidden_method_is_named(tmp_path, spec):
    torch.save(weights(), tmp_path / "a.pt")
    with pytest.raises(
        InputError, match=r"an attribute prior \(NoneType\) of the instance, which hides the method prior"
    ):
        load(tmp_path / "a.pt", model=f"{spec}:Hidden")


def test_mistakes_in_the_users_file_come_before_the_checkpoint_is_read(tmp_path, spec):
    with pytest.raises(InputError, match="did you mean Model"):
        load(tmp_path / "not there.pt", model=f"{spec}:Modell")


def test_nothing_is_said_where_all_is_plain(tmp_path, spec):
    torch.save(weights(), tmp_path / "a.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path / "a.pt", model=f"{spec}:Model", methods=METHODS)
