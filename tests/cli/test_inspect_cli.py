"""`gapkit inspect`, `gapkit init` and `gapkit doctor`: from a file of weights to a first analysis."""

import importlib.util
import json
import pickle

import numpy as np
import pytest
import torch

from gapkit.checkpoints.layers import guessed, layers_of
from gapkit.checkpoints.template import model_file
from gapkit.models.native import save_model
from gapkit.models.reference import build
from tests.cli.tutorial_vae import Vae
from tests.hostile.cases import Canary


def _loaded(path, name="Model"):
    spec = importlib.util.spec_from_file_location("written", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, getattr(module, name)()


def test_from_a_file_of_weights_to_an_analysis(gapkit, tmp_path):
    torch.manual_seed(0)
    vae = Vae()
    torch.save({"epoch": 3, "state_dict": vae.state_dict()}, tmp_path / "vae.pt")
    x = np.random.default_rng(0).integers(0, 2, (12, 6)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x)
    code, out, _ = gapkit("inspect", "vae.pt")
    assert code == 0
    for words in (
        "torch.save (zip)",
        "epoch = 3",
        "fc1: Linear 6 to 9",
        "latents, as it seems: 2",
        "next: gapkit init",
    ):
        assert words in out
    code, out, _ = gapkit("init", "vae.pt")
    assert code == 0
    assert out.count("CHECK") <= 5
    (tmp_path / "mine.py").write_text(out.replace("nn.functional.relu", "nn.functional.elu"))  # the one line to mend
    _, model = _loaded(tmp_path / "mine.py")
    model.load_state_dict(vae.state_dict())
    mean, log_variance = vae.elements(torch.from_numpy(x))
    q = model.encode(torch.from_numpy(x))
    torch.testing.assert_close(q.mean, mean)
    torch.testing.assert_close(q.stddev, (0.5 * log_variance).exp())
    z = torch.randn(4, 2)
    torch.testing.assert_close(model.decode(z).base_dist.logits, vae.logits(z))
    words = ("vae.pt", "--model", "mine.py:Model", "--data", "x.npz")
    code, out, _ = gapkit("doctor", *words)
    assert code == 0, out
    assert "contract: x of shape (6,), 2 latents, q(z|x) mean field, p(z) Normal, p(x|z) Bernoulli, float32" in out
    assert "error" not in out
    assert gapkit("analyze", *words, "--effort", "quick", "--format", "none", "--out", "run")[0] == 0


def test_the_doctor_lists_what_is_wrong_and_ends_with_code_2(gapkit, tmp_path):
    torch.manual_seed(0)
    torch.save(Vae().state_dict(), tmp_path / "vae.pt")
    np.savez(tmp_path / "x.npz", x=np.ones((8, 6), np.float32))
    (tmp_path / "m.py").write_text(
        "import torch\nfrom torch.distributions import Bernoulli, Independent, Normal\n"
        "from tests.cli.tutorial_vae import Vae\n\n\nclass Random(Vae):\n"
        "    def encode(self, x):\n        mean, lv = self.elements(x)\n"
        "        return Independent(Normal(mean + 0.1 * torch.randn_like(mean), lv.exp()), 1)\n\n"
        "    def decode(self, z):\n        return Independent(Bernoulli(logits=self.logits(z)), 1)\n\n"
        "    def prior(self):\n        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)\n\n\n"
        "class Broken(Random):\n    def decode(self, z):\n        return self.logits(z)\n"
    )
    words = ("doctor", "vae.pt", "--data", "x.npz", "--model")
    code, out, _ = gapkit(*words, "m.py:Random", "--json")
    found = json.loads(out)
    checks = {line["check"]: line for line in found["checks"]}
    assert code == 2
    assert not found["sound"]
    assert checks["random"]["level"] == "error"
    assert "deterministic" in checks["random"]["do"]
    assert checks["gradient"]["level"] == "ok"  # the others are made all the same
    code, out, _ = gapkit(*words, "m.py:Random", "--allow", "random", "--allow", "neighbours")
    assert code == 0, out
    assert "allowed random" in out
    code, out, _ = gapkit(*words, "m.py:Broken")
    assert code == 2
    assert "error   contract" in out
    assert "--likelihood NAME" in out
    code, out, _ = gapkit("doctor", "absent.pt", "--model", "m.py:Random", "--data", "x.npz", "--json")
    assert code == 2
    assert json.loads(out)["checks"][0]["check"] == "contract"


def test_nothing_in_a_file_is_executed(gapkit, tmp_path):
    torch.save({"state_dict": Canary()}, tmp_path / "bad.pt")
    code, out, err = gapkit("inspect", "bad.pt")
    assert code == 0, err
    assert "would run code when it is opened" in out
    assert "nothing was executed" in out
    assert not (tmp_path / "canary").exists()
    code, _, err = gapkit("init", "bad.pt")
    assert code == 2
    assert "state_dict()" in err
    assert not (tmp_path / "canary").exists()
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Canary()))
    assert gapkit("inspect", "plain.pt")[0] == 2


@pytest.mark.parametrize(
    "name",
    [
        'a"); open("canary", "w").write("x"); ("',
        "a\n    open('canary', 'w')\n",
        "class",
        "decode",
        "forward",
        "__class__",
        "0",
        "é",
        "a" * 300,
        "a..b",
        "",
        "encoder.type",
        "_modules",
        "__enc",
        "enc.mu",  # enc is a layer too
    ],
)
def test_names_from_a_file_are_not_written_as_code(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = {f"{name}.weight": torch.ones(4, 6), f"{name}.bias": torch.ones(4), "enc.weight": torch.ones(3, 6)}
    (tmp_path / "m.py").write_text(model_file('x"""\nopen("canary", "w")\n"""', weights, 'gapkit """ doctor'))
    _loaded(tmp_path / "m.py")
    assert not (tmp_path / "canary").exists()


def test_a_file_of_gapkit_needs_no_model_file(gapkit, tmp_path):
    save_model(build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,)), tmp_path / "vae.pt")
    code, out, _ = gapkit("inspect", "vae.pt", "--json")
    assert code == 0
    assert json.loads(out)["next"] == "gapkit analyze vae.pt"
    code, _, err = gapkit("init", "vae.pt")
    assert code == 2
    assert "gapkit analyze vae.pt" in err


def _weights(**sizes):
    return {f"{name}.weight": torch.zeros(*shape) for name, shape in sizes.items()}


def test_what_the_layers_do_is_guessed_from_names_and_sizes():
    chunk = guessed(layers_of(_weights(a=(20, 9), b=(8, 20), c=(20, 4), d=(9, 20))))
    assert ([layer.name for layer in chunk.decoder], chunk.latent, chunk.heads) == (["c", "d"], 4, ("b",))
    given = {"enc.0.weight": (64, 74), "enc.2.weight": (8, 64), "dec.0.weight": (64, 14), "dec.2.weight": (64, 64)}
    conditional = guessed(layers_of({name: torch.zeros(*shape) for name, shape in given.items()}))
    assert (conditional.latent, conditional.condition) == (4, 10)
    named = {"encoder.conv.weight": (8, 1, 3, 3), "encoder.conv.bias": (8,), "fc_mu.weight": (5, 72)}
    named |= {"fc_var.weight": (5, 72), "decoder.up.weight": (8, 4, 3, 3), "decoder.up.bias": (4,)}
    images = guessed(layers_of({name: torch.zeros(*shape) for name, shape in named.items()}))
    assert images.latent == 5
    assert images.heads == ("fc_mu", "fc_var")
    assert [layer.kind for layer in images.decoder] == ["ConvTranspose2d"]
    assert [layer.kind for layer in images.encoder][:1] == ["Conv2d"]


def test_a_conditional_model_is_begun_as_one(tmp_path):
    given = {"enc.0.weight": (16, 9), "enc.2.weight": (4, 16), "dec.0.weight": (16, 5), "dec.2.weight": (6, 16)}
    (tmp_path / "m.py").write_text(model_file("m.pt", {n: torch.zeros(*s) for n, s in given.items()}, "gapkit doctor"))
    _, model = _loaded(tmp_path / "m.py")
    c = torch.tensor([0, 2])
    assert model.encode(torch.zeros(2, 6), c).event_shape == (2,)
    assert model.decode(torch.zeros(2, 2), c).event_shape == (6,)
    assert model.prior().event_shape == (2,)


def test_odd_files_are_told_of(gapkit, tmp_path):
    odd = {"best": float("inf"), "net.weight": torch.ones(2, 3, 3, 3), "net.bias": torch.tensor(1.0)}
    torch.save(odd, tmp_path / "a b.pt")
    code, out, err = gapkit("inspect", "a b.pt", "--json")
    assert code == 0, err
    assert json.loads(out)["entries"] == {"best": "inf"}
    assert json.loads(out)["next"] == "gapkit init 'a b.pt' > my_model.py"


def test_the_doctor_refuses_what_an_analysis_refuses(gapkit, tmp_path):
    torch.manual_seed(0)
    for name in ("vae.pt", "other.pt"):
        save_model(build("mlp_vae", x_shape=(6,), latent=2, hidden=(8,)), tmp_path / name)
    np.savez(tmp_path / "x.npz", x=np.ones((8, 6), np.float32))
    code, out, _ = gapkit("doctor", "vae.pt", "--data", "x.npz", "--encoder", "other=other.pt")
    assert code == 2
    assert "error   request" in out
    assert "different log p(x, z)" in out
