"""Models that are wired otherwise, as a user meets them: refused or warned about before the work; the remedy works."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.doctor.vae import digits, trained

ROOT = Path(__file__).parents[2]
MODELS = """
import sys
sys.path.insert(0, {root!r})
import torch
from tests.doctor.vae import Vae

class Probabilities(Vae):
    def decode(self, z):
        return torch.sigmoid(self.logits(z))

class Deviation(Vae):
    def encode(self, x):
        mean, logvar = super().encode(x)
        return mean, (0.5 * logvar).exp()

class NoGradient(Vae):
    def decode(self, z):
        with torch.no_grad():
            return self.logits(z)

class Dropout(Vae):
    def decode(self, z):
        return self.fc4(torch.nn.functional.dropout(torch.relu(self.fc3(z)), 0.1))

class Tanh(Vae):
    def decode(self, z):
        return torch.tanh(self.logits(z))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Weights of three trainings, a file of models, and test data: binary, grey and of 8 bits."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "models.py").write_text(MODELS.format(root=str(ROOT)))
    for kind in ("binary", "grey", "signed"):
        torch.save(trained(kind=kind).state_dict(), tmp_path / f"{kind}.pt")
    grey = digits("test", grey=True)[:24]
    np.savez(tmp_path / "binary.npz", x_test=digits("test")[:24].numpy())
    np.savez(tmp_path / "grey.npz", x_test=grey.numpy())
    np.savez(tmp_path / "bytes.npz", x_test=(255 * grey).round().byte().numpy())
    return tmp_path


def bound(folder, out):
    return json.loads((folder / out / "summary.json").read_text())["quantities"]["elbo"]["mean"]


def words(model, weights="binary.pt", data="binary.npz", likelihood="bernoulli"):
    command = [
        "analyze",
        weights,
        "--model",
        f"models.py:{model}",
        "--data",
        data,
        "--effort",
        "quick",
        "--format",
        "none",
    ]
    return [*command, "--likelihood", likelihood] if likelihood else command


@pytest.mark.slow
def test_probabilities_are_refused_and_the_remedy_gives_the_right_bound(gapkit, folder):
    assert gapkit(*words("Vae"), "--out", "right")[0] == 0
    code, _, err = gapkit(*words("Probabilities"), "--out", "run")
    assert code == 2
    assert "--likelihood bernoulli:probs" in err
    assert not (folder / "run").exists()
    assert gapkit(*words("Probabilities", likelihood="bernoulli:probs"), "--out", "run")[0] == 0
    assert bound(folder, "run") == pytest.approx(bound(folder, "right"), abs=1e-3)


@pytest.mark.usefixtures("no_pictures")
def test_deviations_are_warned_about_before_the_work_and_the_remedy_works(gapkit, folder):
    gapkit(*words("Vae"), "--out", "right")
    code, out, err = gapkit(*words("Deviation"), "--out", "run", "--format", "html")
    assert code == 0
    assert err.index("--encoder-output mean_std") < err.index("bounds")
    assert "--encoder-output mean_std" in out  # the verdict does not forget it
    report = (folder / "run" / "report.html").read_text()
    assert "--encoder-output mean_std" in report
    code, out, err = gapkit(*words("Deviation"), "--encoder-output", "mean_std", "--out", "mended")
    assert (code, "warning" in err) == (0, False)
    assert bound(folder, "mended") == pytest.approx(bound(folder, "right"), abs=1e-3)


@pytest.mark.parametrize(("model", "check"), [("NoGradient", "gradient"), ("Dropout", "random")])
def test_what_makes_every_number_wrong_is_refused_unless_it_is_allowed(gapkit, folder, model, check):
    code, _, err = gapkit(*words(model), "--out", "run")
    assert code == 2
    assert f"--allow {check}" in err
    known = [word for name in ("random", "neighbours", "gradient") for word in ("--allow", name)]
    code, out, err = gapkit(*words(model), *known, "--limit", 6, "--out", "run")
    assert code == 0, err
    verdict = out[out.index("total gap") :]
    assert "Fix the" not in verdict
    run = json.loads((folder / "run" / "run.json").read_text())
    assert [part["level"] for part in run["preflight"]["findings"] if part["check"] == check] == ["allowed"]


def test_certify_and_refit_look_too(gapkit, folder):
    common = ("--model", "models.py:NoGradient", "--likelihood", "bernoulli")
    code, _, err = gapkit("certify", "binary.pt", *common, "--latent-shape", "4", "--datapoints", 10)
    assert (code, "--allow gradient" in err) == (2, True)
    np.savez(folder / "both.npz", x_train=digits()[:50].numpy(), x_test=digits("test")[:50].numpy())
    code, _, err = gapkit("refit", "binary.pt", *common, "--data", "both.npz", "--out", "new", "--epochs", 1)
    assert (code, "--allow gradient" in err) == (2, True)
    assert not (folder / "new" / "encoder.pt").exists()


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.slow
def test_grey_pixels_have_two_honest_ways(gapkit, folder):
    code, _, err = gapkit(*words("Vae", "grey.pt", "grey.npz"), "--out", "run")
    assert code == 2
    assert "--likelihood cross_entropy" in err
    assert "--binarize sample --encode-from original" in err
    code, out, err = gapkit(
        *words("Vae", "grey.pt", "grey.npz", "cross_entropy"), "--out", "weight", "--format", "html"
    )
    assert code == 0, err
    assert "the top of the ladder is log Z(x)" in out
    assert "log p(x)" not in out
    report = (folder / "weight" / "report.html").read_text()
    assert "log p(x)" not in report
    common = words("Vae", "grey.pt", "grey.npz")
    code, _, err = gapkit(*common, "--binarize", "sample", "--encode-from", "original", "--out", "grey_in")
    assert code == 0, err
    assert json.loads((folder / "grey_in" / "run.json").read_text())["encode_from"] == "original"
    assert gapkit(*common, "--binarize", "sample", "--out", "binary_in")[0] == 0
    assert bound(folder, "grey_in") != bound(folder, "binary_in")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--encode-from", "grey", "--binarize", "sample"], "use binary or original"),
        (["--encode-from", "original"], "add --binarize sample"),
        (["--allow", "everything"], "no such check"),
    ],
)
def test_options_that_mean_nothing(gapkit, folder, options, said):
    code, _, err = gapkit(*words("Vae"), *options, "--out", "run")
    assert code == 2
    assert said in err


@pytest.mark.slow
def test_bytes_for_a_model_of_another_scale(gapkit, folder):
    common = words("Tanh", "signed.pt", "bytes.npz", "gaussian:sigma=0.3")
    code, _, err = gapkit(*common, "--out", "run")
    assert code == 0
    assert "divided by 255" in err
    assert err.index("--scale=-1,1") < err.index("bounds")
    code, _, err = gapkit(*common, "--scale=-1,1", "--out", "mended")
    assert (code, "warning" in err) == (0, False)


def test_the_doctor_tells_which_layers_it_has_put_in_evaluation_mode(gapkit, tmp_path):
    code = (
        "import torch\nfrom torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.enc = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 4))\n"
        "        self.dec = nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6))\n\n"
        "    def encode(self, x):\n        return self.enc(x).chunk(2, -1)\n\n"
        "    def decode(self, z):\n        return self.dec(z)\n"
    )
    (tmp_path / "mine.py").write_text(code)
    scope = {}
    exec(code, scope)
    torch.save(scope["Model"]().state_dict(), tmp_path / "m.pt")
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 2, (12, 6)).astype(np.float32))
    words = ("doctor", "m.pt", "--model", "mine.py:Model", "--data", "x.npz", "--likelihood", "bernoulli")
    _, out, _ = gapkit(*words)
    assert "mode: in evaluation mode, whatever they were in before: 1 Dropout and 1 BatchNorm1d" in out
    assert "ok      random" in out
