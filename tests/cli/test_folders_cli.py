"""Folders of other libraries on the command line: Hugging Face's hub mixin, diffusers, and folders of nobody's."""

import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.distributions import Normal

from gapkit import GapkitWarning
from gapkit.cli.series import find_checkpoints
from gapkit.sources import ModelSource, Source
from tests.checkpoints.written import autoencoder
from tests.cli.other_libraries import MIXIN

QUICK = ["--effort", "quick", "--format", "none"]

NET = ["--model", "net_of_hub.py:Net", "--likelihood", "bernoulli", "--data", "x.npz"]


def summary_of(folder):
    told = json.loads((folder / "summary.json").read_text())["splits"]["test"]["quantities"]["elbo"]
    return told["mean"], told["se_monte_carlo"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder of the mixin's own ``save_pretrained``, and its model."""
    (tmp_path / "net_of_hub.py").write_text(MIXIN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "net_of_hub", raising=False)
    import net_of_hub

    torch.manual_seed(0)
    model = net_of_hub.Net(hidden=9, latent=2).eval()
    model.save_pretrained(tmp_path / "vae")
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 2, (12, 6)).astype(np.float32))
    return model


def own_elbo(model, x, draws=4000):
    torch.manual_seed(1)
    with torch.no_grad():
        mean, logvar = model.encode(x)
        q = Normal(mean, torch.exp(0.5 * logvar))
        z = q.sample((draws,))
        logits = model.decode(z.flatten(0, 1)).reshape(draws, *x.shape)
        log_w = -torch.nn.functional.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")
        log_w = log_w.sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
    values = log_w.double().mean(1)
    return float(values.mean()), float(values.std()) / math.sqrt(draws)


def test_a_folder_of_the_hub_mixin_tells_the_arguments_of_the_class(gapkit, hub, tmp_path):
    code, _, err = gapkit("analyze", "vae", *NET, *QUICK, "--out", "run")
    assert code == 0, err
    assert "model: vae, arguments from config.json: activation='relu', hidden=9, latent=2" in err
    mean, error = summary_of(tmp_path / "run")
    own, own_error = own_elbo(hub, torch.from_numpy(np.load("x.npz")["x"]))
    assert abs(mean - own) < 4 * math.hypot(error, own_error)
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert "hidden=9, latent=2" in run["checkpoint"]["description"]
    assert run["checkpoint"]["notes"] == ["arguments from config.json: activation='relu', hidden=9, latent=2"]
    assert Source.of(tmp_path / "run").model.open(trust=True).sha256 == run["checkpoint"]["sha256"]


def test_the_users_arguments_go_before_those_of_the_folder(gapkit, hub, tmp_path):
    code, _, err = gapkit("analyze", "vae", *NET, "--model-arg", "hidden=5", *QUICK)
    assert code == 2
    assert "(9, 6) in the file, (5, 6) in the module" in err
    config = json.loads((tmp_path / "vae/config.json").read_text())
    (tmp_path / "vae/config.json").write_text(json.dumps({**config, "hidden": 5, "unknown": {"deep": 1}}))
    assert gapkit("analyze", "vae", *NET, "--model-arg", "hidden=9", *QUICK, "--out", "run")[0] == 0
    (tmp_path / "vae/config.json").write_text(json.dumps({**config, "hidden": 10**12}))
    code, _, err = gapkit("analyze", "vae", *NET, *QUICK)
    assert code == 2
    assert "hidden=1000000000000 in config.json" in err


def test_folders_of_no_known_kind(gapkit, hub, tmp_path):
    """With one file of weights and the class they are read; without the class, or with several files, refused."""
    code, _, err = gapkit("analyze", "vae", "--data", "x.npz")
    assert code == 2
    assert "model.safetensors" in err
    assert "--model path/to/file.py:factory" in err
    (tmp_path / "plain").mkdir()
    torch.save({"state_dict": hub.state_dict(), "epoch": 4}, tmp_path / "plain/last.pt")
    words = [*NET, "--model-arg", "hidden=9", "--model-arg", "latent=2", *QUICK]
    code, _, err = gapkit("analyze", "plain", *words, "--out", "run")
    assert code == 0, err
    run = json.loads((tmp_path / "run/run.json").read_text())["checkpoint"]
    assert (run["name"], run["epoch"]) == ("plain", 4)
    save_file(hub.state_dict(), tmp_path / "plain/other.safetensors")
    code, _, err = gapkit("analyze", "plain", *words)
    assert code == 2
    assert "last.pt, other.safetensors" in err
    (tmp_path / "empty").mkdir()
    code, _, err = gapkit("analyze", "empty", *words)
    assert code == 2
    assert "no checkpoint in it" in err


@pytest.mark.slow
def test_inspect_tells_what_a_folder_is_and_what_to_run(gapkit, hub, kl):
    for folder, words in {
        "vae": ("model.safetensors and their config.json", "hidden = 9", "gapkit analyze vae --model file.py:Class"),
        "kl": ("a folder of diffusers (AutoencoderKL)", "--likelihood gaussian:sigma=0.1 --scale -1,1 --data DATA"),
    }.items():
        code, out, err = gapkit("inspect", folder)
        assert code == 0, err
        for word in words:
            assert word in out.replace("\n", " "), out
    assert json.loads(gapkit("inspect", "kl", "--json")[1])["next"].startswith("gapkit analyze kl")
    code, _, err = gapkit("init", "kl")
    assert code == 2


@pytest.mark.slow
def test_patterns_find_folders_where_no_file_matches(gapkit, hub, tmp_path):
    hub.save_pretrained(tmp_path / "vae2")
    assert [path.name for path in find_checkpoints(["va*"])] == ["vae", "vae2"]
    code, _, err = gapkit("analyze", "va*", *NET, *QUICK, "--out", "series")
    assert code == 0, err
    assert (tmp_path / "series/vae2/run.json").exists()
    code, _, err = gapkit("refit", "vae", "--data", "x.npz", "--out", "new")
    assert code == 2
    assert "--model" in err


@pytest.fixture
def kl(tmp_path):
    """A folder of diffusers' own ``save_pretrained``, its model, and pixels in [-1, 1]."""
    torch.manual_seed(0)
    own = autoencoder()
    own.save_pretrained(tmp_path / "kl")
    x = 2 * np.random.default_rng(0).random((4, 1, 4, 4)).astype(np.float32) - 1
    np.savez(tmp_path / "x.npz", x=x)
    return own, torch.from_numpy(x)


@pytest.mark.slow
def test_the_elbo_of_an_autoencoder_of_diffusers(gapkit, kl, tmp_path):
    """KL and reconstruction by diffusers' own methods; latents are pictures."""
    words = ["--likelihood", "gaussian:sigma=0.7", *QUICK, "--allow", "sigma", "--allow", "chance"]
    code, _, err = gapkit("analyze", "kl", "--data", "x.npz", "--scale", "none", *words, "--out", "run")
    assert code == 0, err
    (own, data), draws, values = kl, 2000, []
    torch.manual_seed(1)
    with torch.no_grad():
        q = own.encode(data).latent_dist
        for _ in range(draws):
            log_px = Normal(own.decode(q.sample()).sample, 0.7).log_prob(data).sum((1, 2, 3))
            values.append((log_px - q.kl()).mean())
    values = torch.stack(values).double()
    mean, error = summary_of(tmp_path / "run")
    assert abs(mean - float(values.mean())) < 4 * math.hypot(error, float(values.std()) / math.sqrt(draws))
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert "AutoencoderKL of diffusers" in run["checkpoint"]["description"]


@pytest.mark.slow
def test_an_autoencoder_of_diffusers_needs_a_scale_and_pixels_as_in_training(gapkit, kl, tmp_path):
    code, _, err = gapkit("analyze", "kl", "--data", "x.npz", *QUICK)
    assert code == 2
    assert "--likelihood gaussian:sigma=0.1 --scale -1,1" in err
    model = ModelSource(checkpoint=tmp_path / "kl", likelihood="gaussian:sigma=0.7").open().model
    q = model.encode(kl[1])
    assert (q.batch_shape, q.event_shape) == ((4,), (2, 4, 4))
    model = ModelSource(checkpoint=tmp_path / "kl", likelihood="gaussian:sigma=0.7").open().model
    with pytest.warns(GapkitWarning, match=r"pixels from .* to .* pass --scale -1,1"):
        model.encode(0.5 * kl[1] + 0.5)
    model.encode(0.5 * kl[1] + 0.5)  # said once
