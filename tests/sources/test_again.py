"""What a run names is opened again, in another process and folder, and gives the same numbers to the last bit."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.models import save_model
from gapkit.models.reference import build
from gapkit.sources import DataSource, ModelSource, Source
from tests.cli import conftest, plain_models
from tests.engine.cheap import make_quick_quicker
from tests.processes import python

gapkit, given = conftest.gapkit, conftest.given  # fixtures: the command line in a folder of its own, and a model

AGAIN = """
import sys
import gapkit
from gapkit.sources import Source
opened = Source.of(sys.argv[1]).open(trust=True)
gapkit.analyze(**opened.arguments(), effort="quick", seed=3).save(sys.argv[2])
"""
SOURCE_FILE = """
import numpy as np
def make(split):
    return np.load(f"{split}.npy"), np.arange(12) % 2
"""


def same_tables(one, other):
    frames = [pd.read_parquet(folder / "datapoints.parquet") for folder in (one, other)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


@pytest.fixture
def folder(tmp_path):
    """A model of the user's own with its file, another encoder, and a data function that reads files beside it."""
    _, state = plain_models.write(tmp_path)
    torch.save({"ema": {"state_dict": state}}, tmp_path / "ex.pt")
    torch.save({"state_dict": {name: 0.9 * t if name.startswith("fc1") else t for name, t in state.items()}}, "new.pt")
    (tmp_path / "source.py").write_text(SOURCE_FILE)
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        np.save(tmp_path / f"{split}.npy", generator.random((12, 9)).astype(np.float32))
    return tmp_path


@pytest.mark.slow
def test_another_process_in_another_folder_gives_the_same_tables(gapkit, folder, tmp_path_factory):
    words = ["analyze", "ex.pt", "--model", "plain_models_of_test:Std", "--likelihood", "bernoulli", "--seed", 3]
    words += ["--encoder-output", "mean_std", "--state-key", "ema.state_dict", "--encoder", "new=new.pt"]
    words += ["--data", "source.py:make", "--binarize", "sample", "--split", "test", "--split", "train", "--limit", 5]
    code, _, err = gapkit(*words, "--effort", "quick", "--format", "none", "--out", "run")
    assert code == 0, err
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = python(AGAIN, folder / "run", "again", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    same_tables(folder / "run", elsewhere / "again")
    first, again = (json.loads((path / "run.json").read_text()) for path in (folder / "run", elsewhere / "again"))
    assert again["source"] == first["source"]
    for name in ("data", "likelihood", "model_options", "encode_from", "starts_from_split"):
        assert again[name] == first[name]
    assert again["checkpoint"]["sha256"] == first["checkpoint"]["sha256"]
    assert again["encoders"]["new"]["sha256"] == first["encoders"]["new"]["sha256"]
    assert "command" not in again


@pytest.fixture
def native(gapkit, tmp_path):
    """A run of a model of gapkit's own, for which no code is needed: grey data, binarised as in training."""
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,))
    save_model(model, tmp_path / "vae.pt", extra={"data": "x.npz", "binarize": "dynamic"})
    x = np.random.default_rng(0).random((12, 1, 2, 3)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x_train=x[:6], x_test=x[6:], y_train=np.arange(6) % 2, y_test=np.arange(6) % 2)
    words = ("--effort", "quick", "--format", "none", "--encode-from", "original")
    code, _, err = gapkit("analyze", "vae.pt", *words, "--out", "run")
    assert code == 0, err
    return tmp_path


def test_a_model_of_gapkit_needs_no_trust(native, tmp_path_factory, monkeypatch):
    import gapkit

    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    source = Source.of(native / "run")
    assert (source.data.source, source.data.binarize, source.data.counts) == ("x.npz", "sample", False)
    opened = source.open()
    assert os.getcwd() != str(native)
    assert opened.source == source
    result = gapkit.analyze(**opened.arguments(), effort="quick")
    result.save("again")
    same_tables(native / "run", type(native)("again"))
    assert result.run["starts_from_split"] == "train"
    by_hand = Source(
        model=ModelSource(checkpoint=str(native / "vae.pt")), data=DataSource(source=str(native / "x.npz"))
    )
    assert by_hand.open().data.x["test"].shape == (6, 1, 2, 3)


def test_a_folder_that_moved_is_named(native, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    native.rename(elsewhere)
    monkeypatch.chdir(elsewhere.parent)
    with pytest.raises(InputError, match="no such file"):
        Source.of("moved/run").open()
    assert Source.of("moved/run", folder="moved").open().loaded.name == "vae.pt"


def test_files_that_changed_are_told(native):
    source = Source.of("run")
    content = (native / "vae.pt").read_bytes()
    save_model(build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,)), native / "vae.pt", extra={"data": "x.npz"})
    with pytest.raises(InputError, match="another file than was analysed: its sha256 begins"):
        source.open()
    assert source.model.at("vae.pt").open().name == "vae.pt"
    (native / "vae.pt").write_bytes(content)
    arrays = dict(np.load(native / "x.npz"))
    np.savez(native / "x.npz", **{**arrays, "x_train": arrays["x_train"] / 2})
    with pytest.raises(InputError, match="other data than were analysed") as refusal:
        source.open()
    assert "(starts)" in str(refusal.value)
    np.savez(native / "x.npz", **{**arrays, "x_test": arrays["x_test"] / 2})
    with pytest.raises(InputError, match="other data than were analysed"):
        source.open()
    np.savez(native / "x.npz", x_test=arrays["x_test"])
    with pytest.raises(InputError, match="no training data apart"):
        source.open()


def test_every_command_that_leaves_a_run_names_its_source(gapkit, given, tmp_path, monkeypatch, no_pictures):
    make_quick_quicker(monkeypatch)
    brief = ("--limit", 10, "--effort", "quick")
    assert gapkit("score", given, "--data", "digits", "--reference", "digits", *brief, "--out", "score")[0] == 0
    scored = json.loads((tmp_path / "score" / "score.json").read_text())["run"]
    for role, split in (("other", "test"), ("reference", "test")):
        opened = Source.of(scored["source"][role]).open()
        assert opened.data.x[split].shape == (10, 1, 8, 8)
        assert opened.data.facts["data"] == scored["data"][role]
    assert (
        gapkit("refit", given, "--data", "digits", "--limit", 40, "--epochs", 1, "--evaluate", 5, "--out", "new")[0]
        == 0
    )
    opened = Source.of(tmp_path / "new").open()
    assert {split: len(x) for split, x in opened.data.x.items()} == {"test": 40, "train": 40}
    assert gapkit("certify", given, "--datapoints", 2, "--effort", "quick", "--out", "c.json")[0] == 0
    certified = Source.of(tmp_path / "c.json")
    assert certified.model.sha256 == opened.loaded.sha256
    assert certified.open().data.source.source == "digits"  # those of the training
