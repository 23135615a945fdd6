"""`gapkit score` as a user runs it: files out, sentences, two ways in, and bad input."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from gapkit.engine import analyze, spec_for
from gapkit.inputs.data import binarize, load
from gapkit.models.native import load_model, save_model
from gapkit.models.reference import build
from gapkit.ood import Scored

FILES = ["score.html", "score.json", "score.pdf", "scores.csv", "scores.parquet"]


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(1, 3, 3), latent=2, hidden=(8,))
    save_model(model, tmp_path / "vae.pt", extra={"data": "x.npz", "binarize": "dynamic"})
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", x_train=rng.random((6, 1, 3, 3)), x_test=rng.random((12, 1, 3, 3)))
    np.savez(tmp_path / "other.npz", x=rng.random((9, 1, 3, 3)) ** 4)
    np.save(tmp_path / "flat.npy", (rng.random((7, 9)) < 0.5).astype(np.float32))
    np.save(tmp_path / "large.npy", np.zeros((7, 1, 4, 4), np.float32))
    return tmp_path / "vae.pt"


def read(folder):
    return pd.read_parquet(folder / "scores.parquet"), json.loads((folder / "score.json").read_text())


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_images_with_named_classes_leave_small_pictures(gapkit, tmp_path):
    torch.manual_seed(0)
    save_model(build("mlp_vae", x_shape=(1, 4, 4), latent=2, hidden=(8,)), tmp_path / "vae.pt")
    x = (np.random.default_rng(0).random((2, 5, 1, 4, 4)) < 0.5).astype(np.float32)
    np.savez(tmp_path / "near.npz", x=x[0], y=[0, 1, 0, 1, 0], class_names=["cat", "dog"])
    np.savez(tmp_path / "far.npz", x=x[1])
    code, _, err = gapkit("score", "vae.pt", "--data", "far.npz", "--reference", "near.npz", "--out", "out")
    assert code == 0, err
    found = Scored.load(tmp_path / "out")
    assert len(found.pictures) == 10
    np.testing.assert_array_equal(found.pictures["far", 3], x[1, 3, 0] * 255)
    near = found.datapoints[found.datapoints["data"] == "near"]
    assert near["label"].tolist() == ["cat", "dog", "cat", "dog", "cat"]
    assert (tmp_path / "out" / "score.html").read_text().count("<img") == 10
    code, _, err = gapkit("score", "--run", "out", "--out", "out", "--overwrite")
    assert code == 2  # no run; but what was written is known as gapkit's own
    assert "did not write" not in err


def test_two_data_sets_from_start_to_report(gapkit, checkpoint, tmp_path):
    words = ("score", checkpoint, "--data", "other.npz", "--reference", "x.npz", "--out", "out")
    code, out, err = gapkit(*words)
    assert code == 0, err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == FILES
    table, values = read(tmp_path / "out")
    assert table["data"].value_counts().to_dict() == {"x": 12, "other": 9}
    assert set(values["separation"]["scores"]) == {
        "regret",
        "total_gap",
        "negative_elbo",
        "negative_log_px",
        "input_complexity",
    }
    assert values["run"]["settings"]["effort"] == "quick"
    assert values["run"]["data"]["other"]["binarize"] == "sample"  # as in training, for data that were not trained on
    assert values["run"]["starts_from"] == "train data"
    assert values["run"]["checkpoint"]["name"] == "vae.pt"
    for sentence in values["verdict"]:
        assert sentence in out
    assert out.strip().endswith("out/score.html")
    assert "Out-of-distribution scores of vae.pt" in (tmp_path / "out" / "score.html").read_text()
    assert Scored.load(tmp_path / "out").verdict() == values["verdict"]


@pytest.mark.usefixtures("no_pictures")
def test_the_reference_does_not_depend_on_what_it_is_compared_with(gapkit, checkpoint, tmp_path):
    for name in ("other.npz", "flat.npy"):
        words = ("score", checkpoint, "--data", name, "--reference", "x.npz", "--out", name.split(".")[0])
        assert gapkit(*words, "--binarize", "sample")[0] == 0
    first, second = (read(tmp_path / name)[0] for name in ("other", "flat"))
    rows = [
        table[table["data"] == "x"].drop(
            columns=["input_complexity", "input_complexity_se", "compressed"], errors="ignore"
        )
        for table in (first, second)
    ]
    pd.testing.assert_frame_equal(*rows, rtol=1e-5)


@pytest.mark.usefixtures("no_pictures")
def test_one_data_set_is_scored_alone(gapkit, checkpoint, tmp_path):
    code, out, err = gapkit("score", checkpoint, "--data", "other.npz", "--limit", 4, "--seed", 3)
    assert code == 0, err
    table, values = read(tmp_path / "gapkit-score-vae")
    assert len(table) == 4
    assert values["separation"] is None
    assert "Whether that is much only a reference can say" in out
    assert "median" in out


@pytest.mark.usefixtures("no_pictures")
def test_data_without_a_shape_have_no_input_complexity(gapkit, checkpoint, tmp_path):
    code, out, err = gapkit("score", checkpoint, "--data", "flat.npy", "--binarize", "none", "--out", "out")
    assert code == 0, err
    assert "Input complexity is left out: the data are not images: a datapoint has shape (9,)." in out
    assert "input_complexity" not in read(tmp_path / "out")[0]


@pytest.mark.usefixtures("no_pictures")
def test_runs_are_compared_without_a_model(gapkit, checkpoint, tmp_path):
    model, spec = load_model(checkpoint), replace(spec_for("quick"), details=0)
    for name in ("x", "other"):
        x = binarize(load(tmp_path / f"{name}.npz").x, "sample")
        facts = {"checkpoint": {"name": "vae.pt", "sha256": "ab" * 32}}
        analyze(model, x, spec, provenance=facts).save(tmp_path / f"run_{name}")
    checkpoint.unlink()
    code, out, err = gapkit("score", "--run", "run_other", "--reference-run", "run_x", "--out", "out")
    assert code == 0, err
    table, values = read(tmp_path / "out")
    analysed = pd.read_parquet(tmp_path / "run_other" / "datapoints.parquet")
    np.testing.assert_array_equal(table.loc[table["data"] == "run_other", "regret"], analysed["amortization_gap"])
    assert "Input complexity is left out: a run does not keep its data." in out
    assert values["run"]["reference"]["checkpoint"]["name"] == "vae.pt"
    assert "different settings" not in out

    assert gapkit("score", "--run", "run_other", "--out", "alone")[0] == 0
    assert gapkit("score", "--run", "run_other", "--split", "train", "--out", "none")[0] == 2
    path = tmp_path / "run_x" / "run.json"
    run = json.loads(path.read_text())
    path.write_text(json.dumps({**run, "settings": {**run["settings"], "effort": "thorough"}}))
    assert "different settings" in gapkit("score", "--run", "run_other", "--reference-run", "run_x", "--out", "b")[1]
    path.write_text(json.dumps({**run, "checkpoint": {**run["checkpoint"], "sha256": "0"}}))
    code, _, err = gapkit("score", "--run", "run_other", "--reference-run", "run_x", "--out", "c")
    assert code == 2
    assert "runs of different checkpoints" in err


BAD = {
    "nothing": ([], "no checkpoint and no --run"),
    "no data": (["vae.pt"], "no --data and no --run"),
    "both": (["vae.pt", "--data", "x.npz", "--run", "r"], "a checkpoint or data as well"),
    "half a pair": (["vae.pt", "--data", "x.npz", "--reference-run", "r"], "no --run to compare it with"),
    "another shape": (["vae.pt", "--data", "large.npy", "--reference", "x.npz"], "reshape the data"),
    "a limited run": (["--run", "r", "--limit", 3], "leave --limit out"),
    "no such run": (["--run", "nowhere"], "give the --out folder of a run"),
    "no such effort": (["vae.pt", "--data", "x.npz", "--effort", "lazy"], "quick, standard, thorough"),
    "not binary": (["vae.pt", "--data", "x.npz", "--binarize", "none"], "to do:"),
    "a folder in use": (["vae.pt", "--data", "x.npz", "--out", "."], "not empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained_and_leaves_nothing(name, gapkit, checkpoint, tmp_path):
    words, expected = BAD[name]
    before = sorted(p.name for p in tmp_path.iterdir())
    code, _, err = gapkit("score", *words)
    assert code == 2
    assert expected in err
    assert "to do:" in err
    assert "Traceback" not in err
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_names_with_markup_are_printed_as_they_are(gapkit, checkpoint, tmp_path):
    (tmp_path / "[red]bold[_red].npz").write_bytes((tmp_path / "other.npz").read_bytes())
    code, out, err = gapkit("score", checkpoint, "--data", "[red]bold[_red].npz", "--out", "out")
    assert code == 0, err
    assert "[red]bold[_red]: 9 datapoints" in out
