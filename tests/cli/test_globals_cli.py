"""A checkpoint that asks for more than weights, from the refusal to the analysis, as a user goes on by its words."""

import argparse
import json
import os
import pathlib

import numpy as np
import pytest
import torch

from gapkit.core.errors import InputError
from gapkit.models.native import save_model
from gapkit.models.reference import build
from gapkit.sources import Source
from tests.inputs.calling import Call

OPTIONS = ("--data", "x.npz", "--effort", "quick", "--limit", "4", "--format", "none")


@pytest.fixture
def model(tmp_path):
    torch.manual_seed(0)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 2, (8, 6)).astype(np.float32))
    return build("mlp_vae", x_shape=(6,), latent=2, hidden=(4,))


def payload_of(model, tmp_path):
    save_model(model, tmp_path / "plain.pt", extra={"epoch": 3})
    return torch.load(tmp_path / "plain.pt", weights_only=True)


def told(err, option):
    words = err.replace("(", " ").split()
    return [words[place + 1].rstrip(",;") for place, word in enumerate(words) if word == option]


@pytest.mark.slow
def test_a_namespace_beside_the_weights(gapkit, model, tmp_path):
    payload = payload_of(model, tmp_path)
    torch.save({**payload, "args": argparse.Namespace(z=2), "at": pathlib.PurePosixPath("a")}, tmp_path / "a.pt")
    code, out, _ = gapkit("inspect", "a.pt")
    assert code == 0
    assert "--allow-global argparse.Namespace" in out
    code, _, err = gapkit("analyze", "a.pt", *OPTIONS)
    assert code == 2
    names = told(err, "--allow-global")
    assert names == ["argparse.Namespace", "pathlib.PurePosixPath"]
    words = [word for name in names for word in ("--allow-global", name)]
    assert "weights at" in gapkit("inspect", "a.pt", *words)[1]
    code, _, err = gapkit("analyze", "a.pt", *OPTIONS, *words, "--out", "new")
    assert code == 0, err
    run = json.loads((tmp_path / "new" / "run.json").read_text())
    assert run["source"]["model"]["allow_globals"] == names
    assert run["model_options"]["allow_globals"] == names
    assert Source.of(run).open().model is not None  # plain data need no trust


@pytest.mark.slow
def test_code_is_run_by_the_digits_of_its_file_and_again_only_with_trust(gapkit, model, tmp_path):
    payload = payload_of(model, tmp_path)
    torch.save({**payload, "c": Call(os.mkdir, (str(tmp_path / "canary"),))}, tmp_path / "a.pt")
    code, _, err = gapkit("analyze", "a.pt", *OPTIONS)
    assert code == 2
    assert "--allow-global" not in err
    (digits,) = told(err, "--trust-pickle")
    code, _, err = gapkit("analyze", "a.pt", *OPTIONS, "--trust-pickle", digits[::-1])
    assert code == 2
    assert digits in err
    assert not (tmp_path / "canary").exists()
    code, _, err = gapkit("analyze", "a.pt", *OPTIONS, "--trust-pickle", digits, "--out", "new")
    assert code == 0, err
    (tmp_path / "canary").rmdir()
    run = json.loads((tmp_path / "new" / "run.json").read_text())
    assert run["source"]["model"]["trust_pickle"] == run["checkpoint"]["sha256"]
    with pytest.raises(InputError, match="the pickle, which is to be trusted"):
        Source.of(run).open()
    assert not (tmp_path / "canary").exists()
    Source.of(run).open(trust=True)
    assert (tmp_path / "canary").exists()


def test_a_recorded_class_runs_only_with_trust(model, tmp_path):
    source = {"checkpoint": "a.pt", "folder": str(tmp_path), "allow_globals": ["argparse.Namespace", "numpy.ndarray"]}
    payload = payload_of(model, tmp_path)
    torch.save({**payload, "args": argparse.Namespace(z=2)}, tmp_path / "a.pt")
    assert Source.of({"model": source}).model.open().model is not None
    source["allow_globals"].append("some_package.Config")
    with pytest.raises(InputError, match=r"the class some_package\.Config"):
        Source.of({"model": source}).model.open()


def test_too_few_digits_are_refused_before_anything(gapkit):
    code, _, err = gapkit("analyze", "absent.pt", *OPTIONS, "--trust-pickle", "yes")
    assert code == 2
    assert "8 hexadecimal digits" in err


@pytest.mark.slow
def test_a_series_stays_in_its_folder(gapkit, model, tmp_path):
    """Whatever the checkpoints are called: also names that mean folders above, and the same name twice."""
    (tmp_path / "deep" / "in").mkdir(parents=True)
    for name in ("...pt", "..pt", "a.pt", "a.pth", "deep/a.pt"):
        save_model(model, tmp_path / name)
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "deep" / "in")}
    names = [str(tmp_path / name) for name in ("...pt", "..pt", "a.pt", "a.pth", "deep/a.pt")]
    code, _, err = gapkit("analyze", *names, *OPTIONS[:-2], "--out", "deep/in/new", "--limit", "2")
    assert code == 0, err
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "deep" / "in")} == before
    assert len(list((tmp_path / "deep" / "in" / "new").glob("*/run.json"))) == 5
