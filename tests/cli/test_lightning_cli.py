"""Checkpoints of Lightning on the command line, made by its own trainer: the module gets its hyper-parameters again."""

import json
import math
import sys

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from tests.cli.other_libraries import MODULES, train

QUICK = ["--data", "x.npz", "--effort", "quick", "--format", "none"]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.* is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
]


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """The user's file, imported, and data."""
    (tmp_path / "modules_of_lightning.py").write_text(MODULES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "modules_of_lightning", raising=False)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).integers(0, 2, (12, 6)).astype(np.float32))
    import modules_of_lightning

    return modules_of_lightning


def same_elbo(module, folder, draws=4000):
    told = json.loads((folder / "summary.json").read_text())["splits"]["test"]["quantities"]["elbo"]
    x = torch.from_numpy(np.load(folder.parent / "x.npz")["x"])
    torch.manual_seed(1)
    with torch.no_grad():
        q = module.encode(x)
        z = q.sample((draws,))
        values = module.decode(z.flatten(0, 1)).log_prob(x.repeat(draws, 1)).reshape(draws, -1)
        values = (values - kl_divergence(q.base_dist, Normal(0.0, 1.0)).sum(-1)).mean(1).double()
    error = math.hypot(told["se_monte_carlo"], float(values.std()) / math.sqrt(draws))
    return abs(told["mean"] - float(values.mean())) < 4 * error


def test_the_factory_gets_the_hyper_parameters_of_the_file(gapkit, modules, tmp_path):
    torch.manual_seed(0)
    module = train(modules.Vae(latent=2, hidden=7), tmp_path / "last.ckpt")
    words = ["analyze", "last.ckpt", "--model", "modules_of_lightning.py:Vae", *QUICK]
    code, _, err = gapkit(*words, "--out", "run")
    assert code == 0, err
    assert "arguments from the file's hyper_parameters: latent=2, hidden=7" in err
    assert same_elbo(module, tmp_path / "run")
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert "Vae(latent=2, hidden=7" in run["checkpoint"]["description"]
    assert run["checkpoint"]["epoch"] == 2
    code, _, err = gapkit(*words, "--model-arg", "hidden=8")  # the user's goes before the file's
    assert code == 2
    assert "(7, 6) in the file, (8, 6) in the module" in err


def test_hyper_parameters_in_a_namespace(gapkit, modules, tmp_path):
    from argparse import Namespace

    torch.manual_seed(0)
    module = train(modules.OfConverted(Namespace(latent=2, hidden=7)), tmp_path / "plain.ckpt")
    words = [*QUICK, "--model", "modules_of_lightning.py:OfConverted"]
    code, _, err = gapkit("analyze", "plain.ckpt", *words, "--out", "plain")
    assert code == 0, err
    assert same_elbo(module, tmp_path / "plain")
    module = train(modules.OfNamespace(Namespace(latent=3, hidden=4)), tmp_path / "pickled.ckpt")
    words = ["analyze", "pickled.ckpt", *QUICK, "--model", "modules_of_lightning.py:OfNamespace"]
    code, _, err = gapkit(*words)
    assert code == 2
    assert "argparse.Namespace" in err
    assert "--allow-global argparse.Namespace" in err
    code, _, err = gapkit(*words, "--allow-global", "argparse.Namespace", "--out", "pickled")
    assert code == 0, err
    assert same_elbo(module, tmp_path / "pickled")


def test_a_factory_that_takes_none_of_them_is_called_without(gapkit, modules, tmp_path):
    torch.manual_seed(0)
    train(modules.Vae(latent=2, hidden=7), tmp_path / "last.ckpt")
    text = "from modules_of_lightning import Vae\n\n\ndef build(*, size=7):\n    return Vae(2, size)\n"
    (tmp_path / "mine.py").write_text(text)
    code, _, err = gapkit("doctor", "last.ckpt", "--model", "mine.py:build", "--data", "x.npz", "--allow", "chance")
    assert code == 0, err
    assert "hyper_parameters" not in err
