"""`gapkit refit` as a user runs it, on real digits: files, numbers equal to those of the package, and refusals."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch

from gapkit.checkpoints import load as load_checkpoint
from gapkit.inputs.data import binarize, load
from gapkit.inputs.digests import file_sha256
from gapkit.models import load_model, save_model
from gapkit.training import RefitConfig
from gapkit.training import refit as run_refit
from gapkit.training.compare_encoders import compare_encoders
from tests.cli.run_files import MODEL_FILE

OPTIONS = ("--data", "digits", "--limit", 300, "--evaluate", 60)


def facts_of(folder):
    return json.loads((folder / "refit.json").read_text())


def test_a_refit_leaves_a_model_and_numbers_that_the_package_gives(gapkit, given, tmp_path):
    options = ("--epochs", 15, "--learning-rate", 0.003)
    code, out, err = gapkit("refit", given, *OPTIONS, *options, "--out", "new")
    assert code == 0, err
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["model.pt", "refit.json"]
    assert re.search(r"Fine-tuning the encoder gains \d\.\d+ ± 0\.\d+ nats on test data: so much of its gap was", out)
    assert "On training data the gain is" in out
    assert "L[q] new encoder" in out
    assert out.strip().endswith("model: new/model.pt")

    facts = facts_of(tmp_path / "new")
    x = {split: binarize(load("digits", split=split, limit=300).x, "threshold") for split in ("train", "test")}
    old = load_model(given)
    new = run_refit(old, x["train"], RefitConfig(epochs=15, learning_rate=0.003))
    written = load_model(tmp_path / "new" / "model.pt")
    torch.testing.assert_close(written.state_dict(), new.model.state_dict(), rtol=0, atol=0)
    assert facts["history"] == new.history
    for split, seed in (("test", 0), ("train", 2**32)):
        compared = compare_encoders({"given": old, "refit": written}, x[split][:60], seed=seed)
        assert facts["splits"][split] == compared.summary_values.to_dict()
    gains = [facts["splits"][split]["differences"]["refit minus given"] for split in ("train", "test")]
    assert gains[1]["mean"] > 4 * gains[1]["se_datapoints"]
    assert facts["gain_on_train_minus_gain_on_test"]["mean"] == pytest.approx(gains[0]["mean"] - gains[1]["mean"])
    assert facts["sentences"][0] in out
    assert facts["settings"]["binarize"] == "threshold"  # as in training
    assert facts["settings"]["start"] == "fine_tune"
    assert facts["checkpoint"]["name"] == "model.pt"
    assert facts["checkpoint"]["sha256"] == load_checkpoint(given).sha256
    assert facts["data"]["splits"]["test"]["datapoints"] == 297
    extra = load_checkpoint(tmp_path / "new" / "model.pt").extra
    assert extra["refit"]["of"]["sha256"] == facts["checkpoint"]["sha256"]
    assert (extra["data"], extra["binarize"]) == ("digits", "threshold")  # so that analyze needs no options


def test_another_refit_to_compare_with(gapkit, given, tmp_path):
    assert gapkit("refit", given, *OPTIONS, "--epochs", 2, "--out", "same")[0] == 0
    words = ("refit", given, *OPTIONS, "--start", "larger", "--factor", 1.5, "--on", "mixture", "--epochs", 2)
    code, out, err = gapkit(*words, "--out", "wide", "--against", "same/model.pt")
    assert code == 0, err
    assert "the encoder of same/model.pt" in out
    differences = facts_of(tmp_path / "wide")["splits"]["test"]["differences"]
    above, gain = differences["refit minus same/model.pt"], differences["refit minus given"]
    assert above["mean"] == pytest.approx(gain["mean"] - differences["same/model.pt minus given"]["mean"])
    assert load_model(tmp_path / "wide" / "model.pt").config["hidden"] == [24]
    assert gapkit(*words, "--out", "twice", "--against", "same/model.pt", "--against", "same/model.pt")[0] == 2


def test_an_encoder_of_other_layers_and_another_family(gapkit, given, tmp_path):
    words = ("refit", given, *OPTIONS, "--start", "fresh", "--hidden", "", "--posterior", "flow", "--epochs", 2)
    code, out, err = gapkit(*words, "--out", "new")
    assert code == 0, err
    assert "A new encoder of other layers or another family" in out
    config = load_model(tmp_path / "new" / "model.pt").config
    assert (config["hidden"], config["posterior"]) == ([], "flow")


def test_grey_data_are_drawn_anew_every_epoch(gapkit, given, tmp_path):
    words = ("refit", given, *OPTIONS, "--binarize", "dynamic", "--epochs", 2, "--seed", 5)
    assert gapkit(*words, "--out", "a")[0] == 0
    facts = facts_of(tmp_path / "a")
    assert facts["settings"]["binarize"] == "dynamic"
    grey = load("digits", split="train", limit=300).x
    new = run_refit(load_model(given), grey, RefitConfig(epochs=2, binarize="dynamic", seed=5))
    assert facts["history"] == new.history
    fixed = binarize(load("digits", split="test", limit=300).x, "sample", 5)[:60]
    compared = compare_encoders({"given": load_model(given), "refit": new.model}, fixed, seed=5)
    assert facts["splits"]["test"] == compared.summary_values.to_dict()


def test_a_users_own_model(gapkit, tmp_path):
    (tmp_path / "net.py").write_text(MODEL_FILE)
    spec = {"enc": torch.nn.Linear(6, 4), "dec": torch.nn.Linear(2, 6)}
    torch.save({f"{k}.{n}": v for k, layer in spec.items() for n, v in layer.state_dict().items()}, tmp_path / "own.pt")
    x = np.random.default_rng(0).integers(0, 2, (40, 6)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x_train=x[:30], x_test=x[30:])
    words = ("--model", "net.py:Net", "--model-arg", "latent=2", "--data", "x.npz")
    code, out, err = gapkit("refit", "own.pt", *words, "--epochs", 3, "--out", "new")
    assert code == 0, err
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["encoder.pt", "refit.json"]
    assert "gapkit analyze new/encoder.pt --model net.py:Net" in out
    assert "warning" not in err  # the dropout layer is off, as the checks have seen
    state = load_checkpoint(tmp_path / "new" / "encoder.pt", model=f"{tmp_path}/net.py:Net").model.state_dict()
    assert torch.equal(state["dec.weight"], spec["dec"].weight)
    assert not torch.equal(state["enc.weight"], spec["enc"].weight)
    assert facts_of(tmp_path / "new")["weights"] == {"trained": 28, "left_because_shared": 0}
    code, _, err = gapkit("refit", "own.pt", *words, "--start", "fresh", "--out", "fresh")
    assert code == 2
    assert "fine_tune" in err


PLAIN_FILE = """
from torch import nn

def layers(latent):
    return nn.Linear(6, 2 * latent), nn.Linear(latent, 6)

class Module(nn.Module):  # two methods of a module
    def __init__(self, latent=2):
        super().__init__()
        self.enc, self.dec = layers(latent)
    def encode(self, x):
        return self.enc(x).chunk(2, -1)
    def decode(self, z):
        return self.dec(z)

class Halves(nn.Linear):
    def forward(self, x):
        return super().forward(x).chunk(2, -1)

class Parts(nn.Module):  # encode and decode are modules themselves
    def __init__(self, latent=2):
        super().__init__()
        self.encode, self.decode = Halves(6, 2 * latent), nn.Linear(latent, 6)

class Holder:  # no module, but it holds two
    def __init__(self, latent=2):
        self.enc, self.dec = layers(latent)
    def encode(self, x):
        return self.enc(x).chunk(2, -1)
    def decode(self, z):
        return self.dec(z)
"""


def plain_model(folder, names=("enc", "dec"), key="state_dict"):
    """A checkpoint of a model of plain tensors with a weak encoder, its file, and data of two splits."""
    (folder / "plain.py").write_text(PLAIN_FILE)
    (folder / "net.py").write_text(MODEL_FILE)
    torch.manual_seed(0)
    weights = dict(zip(names, (torch.nn.Linear(6, 4), torch.nn.Linear(2, 6)), strict=True))
    with torch.no_grad():
        weights[names[1]].weight *= 4
    state = {f"{k}.{n}": v for k, layer in weights.items() for n, v in layer.state_dict().items()}
    torch.save({key: state}, folder / "own.pt")
    x = np.random.default_rng(0).integers(0, 2, (160, 6)).astype(np.uint8)
    np.savez(folder / "x.npz", x_train=x[:100], x_test=x[100:])
    return state


@pytest.mark.parametrize(
    ("factory", "names"),
    [
        ("Module", ("enc", "dec")),
        pytest.param("Parts", ("encode", "decode"), marks=pytest.mark.slow),
        pytest.param("Holder", ("enc", "dec"), marks=pytest.mark.slow),
    ],
)
def test_a_refit_of_plain_tensors_is_a_rung_of_an_analysis(factory, names, gapkit, tmp_path):
    given = plain_model(tmp_path, names)
    model = ("--model", f"plain.py:{factory}", "--data", "x.npz")
    fit = ("--epochs", 30, "--learning-rate", 0.02, "--batch-size", 20, "--evaluate", 60)
    code, _, err = gapkit("refit", "own.pt", *model, *fit, "--out", "new")
    assert code == 2
    assert "--likelihood" in err
    code, out, err = gapkit("refit", "own.pt", *model, *fit, "--out", "new", "--likelihood", "bernoulli")
    assert code == 0, err
    assert f"gapkit analyze new/encoder.pt --model plain.py:{factory} --likelihood bernoulli --data" in out
    assert facts_of(tmp_path / "new")["checkpoint"]["likelihood"] == "bernoulli"
    state = torch.load(tmp_path / "new" / "encoder.pt")["state_dict"]
    assert set(state) == set(given)  # the names of the user's own file
    assert all(torch.equal(state[f"{names[1]}.{part}"], given[f"{names[1]}.{part}"]) for part in ("weight", "bias"))
    assert not torch.equal(state[f"{names[0]}.weight"], given[f"{names[0]}.weight"])

    further = ("--likelihood", "bernoulli", "--encoder", "refit=new/encoder.pt", "--effort", "quick", "--out", "run")
    code, _, err = gapkit("analyze", "own.pt", *model, *further, "--format", "none")
    assert code == 0, err
    frame = pd.read_parquet(tmp_path / "run" / "datapoints.parquet")
    gain = facts_of(tmp_path / "new")["splits"]["test"]["differences"]["refit minus given"]
    found = frame["elbo_refit"] - frame["elbo"]
    assert gain["mean"] > 4 * gain["se_datapoints"]
    error = (found**2).mean() ** 0.5 / len(found) ** 0.5
    assert found.mean() == pytest.approx(gain["mean"], abs=error)
    assert (frame["elbo_refit"] <= frame["log_px"] + 4 * (frame["elbo_refit_se"] + frame["log_px_se"])).all()


def test_a_likelihood_says_what_a_model_of_distributions_says_itself(gapkit, tmp_path):
    plain_model(tmp_path)
    words = ("--data", "x.npz", "--epochs", 3, "--evaluate", 60)
    assert gapkit("refit", "own.pt", "--model", "net.py:Net", *words, "--out", "a")[0] == 0
    code, _, err = gapkit(
        "refit", "own.pt", "--model", "net.py:Plain", "--likelihood", "bernoulli", *words, "--out", "b"
    )
    assert code == 0, err
    assert "warning" not in err  # the dropout layer is off, as the checks have seen
    a, b = (torch.load(tmp_path / name / "encoder.pt")["state_dict"] for name in "ab")
    torch.testing.assert_close(b, a)
    bounds = [facts_of(tmp_path / name)["splits"]["test"]["bounds"]["refit"]["mean"] for name in "ab"]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-5)


def test_an_earlier_refit_is_read_without_the_users_state_key(gapkit, tmp_path):
    plain_model(tmp_path, key="mine")
    words = ("refit", "own.pt", "--model", "plain.py:Module", "--likelihood", "bernoulli", "--state-key", "mine")
    words += ("--data", "x.npz", "--epochs", 1, "--evaluate", 10)
    assert gapkit(*words, "--out", "a")[0] == 0
    code, _, err = gapkit(*words, "--out", "b", "--against", "a/encoder.pt")
    assert code == 0, err
    differences = facts_of(tmp_path / "b")["splits"]["test"]["differences"]
    assert differences["refit minus a/encoder.pt"]["mean"] == 0.0


def no_splits(folder):
    np.save(folder / "x.npy", np.zeros((4, 64), np.float32))


BAD = {
    "missing checkpoint": (None, ["--data", "digits"], "no such file", "absent.pt"),
    "unknown start": (None, ["--data", "digits", "--start", "cold"], "larger", None),
    "unknown likelihood": (None, ["--data", "digits", "--likelihood", "gamma"], "bernoulli", None),
    "unknown source": (None, ["--data", "digits", "--on", "test"], "mixture", None),
    "unknown data": (None, ["--data", "digts"], "digits", None),
    "no training data apart": (no_splits, ["--data", "x.npy"], "x_train and x_test", None),
    "no epochs": (None, ["--data", "digits", "--epochs", 0], "1 or more", None),
    "a factor that narrows": (None, ["--data", "digits", "--start", "larger", "--factor", 0.5], "above 1", None),
    "layers of an encoder that stays": (None, ["--data", "digits", "--hidden", "8"], "start='fresh'", None),
    "another family without a new encoder": (None, ["--data", "digits", "--posterior", "flow"], "start='fresh'", None),
    "an unknown family": (None, ["--data", "digits", "--start", "fresh", "--posterior", "x"], "full_rank", None),
    "unknown binarization": (None, ["--data", "digits", "--binarize", "yes"], "threshold", None),
    "grey pixels": (None, ["--data", "digits", "--binarize", "none"], "--binarize", None),
    "data of the wrong size": (
        lambda folder: np.savez(folder / "x.npz", x_train=np.zeros((3, 7)), x_test=np.zeros((3, 7))),
        ["--data", "x.npz"],
        "7",
        None,
    ),
    "one datapoint to compare on": (None, ["--data", "digits", "--evaluate", 1], "at least 2", None),
    "negative seed": (None, ["--data", "digits", "--seed", -1], "seed", None),
    "unknown device": (None, ["--data", "digits", "--device", "tpu9"], "cpu", None),
    "an exploding loss": (None, ["--data", "digits", "--learning-rate", 1e6], "smaller learning rate", None),
    "another decoder": (None, ["--data", "digits", "--epochs", 1, "--against", "other.pt"], "share decoder", None),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name, gapkit, given, tmp_path):
    spoil, words, expected, checkpoint = BAD[name]
    if spoil:
        spoil(tmp_path)
    other = load_model(given)
    with torch.no_grad():
        other.decoder.net[0].weight *= 2
    save_model(other, tmp_path / "other.pt")
    before = sorted(p.name for p in tmp_path.iterdir())
    code, _, err = gapkit("refit", checkpoint or given, *words, "--out", "new")
    assert code == 2
    assert expected in err
    assert "to do:" in err
    assert "Traceback" not in err
    assert sorted(p.name for p in tmp_path.iterdir()) == before  # nothing written


def test_what_cannot_be_saved_is_refused_before_the_training(gapkit, given, tmp_path):
    """A trusted pickle may hold anything beside its weights, all of which the new model is to keep."""
    payload = torch.load(given)
    torch.save({**payload, "extra": {**payload["extra"], "place": tmp_path}}, tmp_path / "odd.pt")
    digits = file_sha256(tmp_path / "odd.pt")[:8]
    code, _, err = gapkit("refit", "odd.pt", "--trust-pickle", digits, *OPTIONS, "--epochs", 1, "--out", "new")
    assert code == 2
    assert "extra cannot be read back safely" in err
    assert "%" not in err  # no stage of the work was told
    assert not (tmp_path / "new").exists()


def test_another_refit_is_kept(gapkit, given, tmp_path):
    words = ("refit", given, *OPTIONS, "--epochs", 1, "--out", "new")
    assert gapkit(*words)[0] == 0
    before = (tmp_path / "new" / "refit.json").read_bytes()
    code, _, err = gapkit(*words, "--seed", 1)
    assert code == 2
    assert "another refit" in err
    assert (tmp_path / "new" / "refit.json").read_bytes() == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    assert gapkit(*words[:-1], "full")[0] == 2
    assert gapkit(*words[:-1], "full/notes.txt/new")[0] == 2
    assert "refit" in gapkit("--help")[1]
