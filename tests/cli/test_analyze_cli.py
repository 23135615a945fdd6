"""`gapkit analyze` as a user runs it: files out, sentences, and every kind of bad input."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from gapkit.inputs.data import load
from gapkit.models.native import save_model
from gapkit.models.reference import build
from gapkit.results import Result
from tests.cli.run_files import FILES, MODEL_FILE


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    model = build("mlp_vae", x_shape=(1, 2, 3), latent=2, hidden=(8,))
    save_model(model, tmp_path / "vae.pt", extra={"epoch": 3})
    x = np.random.default_rng(0).integers(0, 2, (12, 2, 3)).astype(np.uint8)
    np.savez(tmp_path / "x.npz", x_train=x[:4], x_test=x[4:])
    return tmp_path / "vae.pt"


def test_a_run_leaves_its_files_and_says_what_it_found(gapkit, checkpoint, tmp_path):
    code, out, err = gapkit("analyze", checkpoint, "--data", "x.npz", "--effort", "quick", "--out", "run")
    assert code == 0, err
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == FILES
    assert "nats between log p(x) at" in out
    assert "L[q*]" in out
    assert out.strip().endswith("run/report.html")
    result = Result.load(tmp_path / "run")
    assert len(result.to_frame()) == 8
    assert result.run["checkpoint"]["name"] == "vae.pt"
    assert len(result.run["checkpoint"]["sha256"]) == 64
    assert result.run["starts_from_split"] == "train"
    stored = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert {"mean", "se_monte_carlo", "se_datapoints", "ci95"} <= set(stored["quantities"]["elbo"])
    assert "<h1" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.usefixtures("no_pictures")
def test_the_report_can_wait(gapkit, checkpoint, tmp_path):
    words = ("analyze", checkpoint, "--data", "x.npz", "--effort", "quick", "--limit", 3, "--out", "run")
    code, _, err = gapkit(*words, "--format", "docx")
    assert code == 2
    assert "--format 'docx'" in err
    code, out, err = gapkit(*words, "--format", "none")
    assert code == 0, err
    assert out.strip().endswith("results: run (gapkit report makes a report)")
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [name for name in FILES if "report" not in name]
    assert gapkit("report", "run")[0] == 0
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == FILES


def test_two_splits_limits_and_seeds(gapkit, checkpoint, tmp_path):
    words = ("analyze", checkpoint, "--data", "x.npz", "--effort", "quick", "--limit", 3, "--format", "none")
    assert gapkit(*words, "--split", "train", "--split", "test", "--out", "a")[0] == 0
    frame = pd.read_parquet(tmp_path / "a" / "datapoints.parquet")
    assert frame["split"].tolist() == ["train"] * 3 + ["test"] * 3
    assert "train minus test" in json.loads((tmp_path / "a" / "summary.json").read_text())["generalisation"]
    assert gapkit(*words, "--out", "b", "--seed", 1)[0] == 0
    assert gapkit(*words, "--out", "c", "--seed", 1)[0] == 0
    b, c = (pd.read_parquet(tmp_path / name / "datapoints.parquet") for name in "bc")
    pd.testing.assert_frame_equal(b, c, check_exact=True)


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("words", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["words", "integers"])
def test_labels_of_the_data_come_along(words, gapkit, checkpoint, tmp_path):
    arrays = dict(np.load("x.npz"))
    labels = np.array(["<i>cat</i>", "dog"] if words else [3, 8])
    arrays |= {"y_train": labels[[0, 1, 0, 1]], "y_test": labels[[1, 0, 0, 0, 1, 1, 0, 1]]}
    np.savez("labelled.npz", **arrays)
    options = ("--effort", "quick", "--split", "test", "--split", "train", "--limit", 6, "--format", "html")
    for name in ("x", "labelled"):
        code, _, err = gapkit("analyze", checkpoint, "--data", f"{name}.npz", *options, "--out", name)
        assert code == 0, err
    result, plain = Result.load("labelled"), Result.load("x")
    frame = result.to_frame()
    assert frame.columns[:3].tolist() == ["split", "index", "label"]
    assert frame.pop("label").tolist() == [*arrays["y_test"][:6], *arrays["y_train"]]
    pd.testing.assert_frame_equal(frame, plain.to_frame(), check_exact=True)
    classes = result.summary_values.splits["train"].classes
    assert {part.label: part.datapoints for part in classes} == dict.fromkeys(labels.tolist(), 2)
    page = (tmp_path / "labelled" / "report.html").read_text()
    assert "Gaps by class" in page
    assert "<i>" not in page
    assert "Gaps by class" not in (tmp_path / "x" / "report.html").read_text()
    code, _, err = gapkit("compare", "x", "labelled", "--format", "html")
    assert code == 0, err


def test_several_labels_of_a_datapoint_are_left_aside(gapkit, checkpoint, tmp_path):
    np.savez("many.npz", x=np.load("x.npz")["x_test"], y=np.eye(8))
    code, _, err = gapkit(
        "analyze", checkpoint, "--data", "many.npz", "--effort", "quick", "--out", "run", "--format", "none"
    )
    assert code == 0, err
    assert "label" not in Result.load("run").to_frame()


@pytest.fixture
def own(tmp_path):
    """A user's own checkpoint, with names as DDP and a training script leave them."""
    (tmp_path / "net.py").write_text(MODEL_FILE)
    torch.manual_seed(0)
    layers = {"enc": nn.Linear(6, 4), "dec": nn.Linear(2, 6)}
    state = {f"module.{k}.{n}": v.double() for k, layer in layers.items() for n, v in layer.state_dict().items()}
    torch.save({"epoch": 1, "model_state_dict": state}, tmp_path / "own.pt")
    np.save(tmp_path / "x.npy", np.eye(6, dtype=np.float32))
    return tmp_path / "own.pt"


def test_a_users_own_model(gapkit, own, tmp_path):
    words = ("analyze", own, "--model", "net.py:Net", "--model-arg", "latent=2", "--data", "x.npy")
    code, _, err = gapkit(*words, "--effort", "quick", "--out", "run", "--format", "none")
    assert code == 0, err
    assert "warning" not in err  # the dropout layer is off, as the checks have seen
    assert json.loads((tmp_path / "run" / "run.json").read_text())["warnings"] == []


def test_plain_tensors_with_a_likelihood(gapkit, own):
    words = ("analyze", own, "--model", "net.py:Plain", "--data", "x.npy", "--effort", "quick", "--out", "run")
    code, _, err = gapkit(*words)
    assert code == 2
    assert "--likelihood" in err
    code, _, err = gapkit(*words, "--likelihood", "bernoulli", "--format", "none")
    assert code == 0, err


def test_further_encoders_of_plain_tensors(gapkit, own, tmp_path):
    words = ("analyze", own, "--model", "net.py:Plain", "--data", "x.npy", "--effort", "quick", "--out", "run")
    code, _, err = gapkit(*words, "--likelihood", "bernoulli", "--encoder", f"same={own}", "--format", "none")
    assert code == 0, err
    frame = pd.read_parquet(tmp_path / "run" / "datapoints.parquet")
    assert frame["elbo_same"].equals(frame["elbo"].rename("elbo_same"))


def corrupt(path):
    path.write_bytes(path.read_bytes()[:300])


def harmful(path):
    class Canary:
        def __reduce__(self):
            return (open, (str(path.parent / "canary"), "w"))

    torch.save({"state_dict": Canary()}, path)


def grey(folder):
    np.save(folder / "x.npy", np.full((4, 1, 2, 3), 0.5, np.float32))


def holes(folder):
    np.save(folder / "x.npy", np.full((4, 1, 2, 3), np.nan, np.float32))


def wide(folder):
    np.save(folder / "x.npy", np.zeros((4, 7), np.float32))


def words_of(folder):
    np.save(folder / "x.npy", np.array(["a", "b"]))


def empty(folder):
    np.save(folder / "x.npy", np.zeros((0, 1, 2, 3), np.float32))


BAD = {
    "missing checkpoint": (lambda c: c.unlink(), [], "no such file"),
    "truncated checkpoint": (corrupt, [], "vae.pt"),
    "checkpoint that needs code": (harmful, [], "--trust-pickle"),
    "not a checkpoint": (lambda c: c.write_text("hello"), [], "vae.pt"),
    "bare weights without a model": (lambda c: torch.save({"w": torch.ones(2)}, c), [], "--model"),
    "missing data": (None, ["--data", "nowhere.npz"], "nowhere.npz"),
    "unknown data": (None, ["--data", "mnits"], "mnist"),
    "no data": (None, None, "--data"),
    "grey pixels": (lambda c: grey(c.parent), ["--data", "x.npy"], "--binarize"),
    "holes in the data": (lambda c: holes(c.parent), ["--data", "x.npy"], "NaN"),
    "data of the wrong size": (lambda c: wide(c.parent), ["--data", "x.npy"], "7"),
    "texts as data": (lambda c: words_of(c.parent), ["--data", "x.npy"], "numbers"),
    "no datapoints": (lambda c: empty(c.parent), ["--data", "x.npy"], "at least one"),
    "unknown effort": (None, ["--data", "x.npz", "--effort", "huge"], "thorough"),
    "unknown family": (None, ["--data", "x.npz", "--family", "normal"], "mean_field"),
    "two splits of a source that has none": (
        lambda c: np.save(c.parent / "x.npy", np.zeros((4, 1, 2, 3), np.float32)),
        ["--data", "x.npy", "--split", "test", "--split", "train"],
        "both",
    ),
    "unknown split": (None, ["--data", "x.npz", "--split", "tset"], "test"),
    "unknown binarization": (None, ["--data", "x.npz", "--binarize", "yes"], "threshold"),
    "unknown likelihood": (None, ["--data", "x.npz", "--likelihood", "gamma"], "bernoulli"),
    "unknown device": (None, ["--data", "x.npz", "--device", "tpu9"], "cpu"),
    "limit of zero": (None, ["--data", "x.npz", "--limit", "0"], "limit"),
    "negative seed": (None, ["--data", "x.npz", "--seed", "-1"], "seed"),
    "arguments without a model": (None, ["--data", "x.npz", "--model-arg", "a=1"], "--model"),
    "missing model file": (None, ["--data", "x.npz", "--model", "nowhere.py:make"], "nowhere.py"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name, gapkit, checkpoint, tmp_path):
    spoil, words, expected = BAD[name]
    if spoil:
        spoil(checkpoint)
    words = ["--data", "x.npz"] if words == [] else words or []
    before = sorted(p.name for p in tmp_path.iterdir())
    code, _, err = gapkit("analyze", checkpoint, *words, "--out", "run")
    assert code == 2
    assert expected in err
    assert "to do:" in err
    assert "Traceback" not in err
    assert sorted(p.name for p in tmp_path.iterdir()) == before  # nothing written, no canary


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device to use")
def test_cuda_that_is_not_there(gapkit, checkpoint):
    code, _, err = gapkit("analyze", checkpoint, "--data", "x.npz", "--device", "cuda")
    assert code == 2
    assert "--device cpu" in err


def test_another_run_is_kept(gapkit, checkpoint, tmp_path):
    words = ("analyze", checkpoint, "--data", "x.npz", "--effort", "quick", "--out", "run", "--format", "none")
    assert gapkit(*words)[0] == 0
    before = (tmp_path / "run" / "run.json").read_bytes()
    code, _, err = gapkit(*words)
    assert code == 2
    assert "another run" in err
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_missing_and_unexpected_keys_are_named(gapkit, own):
    payload = torch.load(own)
    payload["model_state_dict"]["module.surprise"] = payload["model_state_dict"].pop("module.dec.bias")
    torch.save(payload, own)
    code, _, err = gapkit("analyze", own, "--model", "net.py:Net", "--data", "x.npy", "--out", "run")
    assert code == 2
    assert "dec.bias" in err
    assert "surprise" in err


def test_a_factory_that_returns_something_else(gapkit, own):
    code, _, err = gapkit("analyze", own, "--model", "net.py:Latent", "--data", "x.npy", "--out", "run")
    assert code == 2
    assert "encode" in err


def test_help_and_version(gapkit):
    code, out, _ = gapkit("--help")
    assert code == 0
    assert all(command in out for command in ("analyze", "train", "demo"))
    assert gapkit("--version")[1].startswith("gapkit 0.")


@pytest.mark.slow
def test_the_demo(gapkit, tmp_path):
    code, out, err = gapkit("demo", "--epochs", "5", "--limit", "50", "--effort", "quick", "--out", "d")
    assert code == 0, err
    assert sorted(p.name for p in (tmp_path / "d").iterdir()) == sorted([*FILES[:-1], "model.pt"])
    assert "nats between log p(x) at" in out
    assert Result.load("d").to_frame()["label"].tolist() == load("digits", limit=50).labels.tolist()
    assert gapkit("analyze", "d/model.pt", "--effort", "quick", "--limit", "20", "--out", "again")[0] == 0
