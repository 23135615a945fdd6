"""Folders of pythae on the command line: the ELBO is that of pythae's own losses, for every kind of its models."""

import json
import logging
import math
import re

import numpy as np
import pandas as pd
import pytest
import torch

from tests.checkpoints.written import pythae_vae
from tests.fast import only

QUICK = ["--data", "x.npz", "--effort", "quick", "--format", "none"]
D = 9
KINDS = {
    "VAE": {},
    "BetaVAE": {"beta": 4.0},
    "IWAE": {"number_samples": 3},
    "VAMP": {"number_components": 4},
    "VAE_IAF": {"hidden_size": 8},
    "VAE_LinNF": {"flows": ["Radial", "Planar"]},
}
FLOWS = ("VAE_IAF", "VAE_LinNF")


@pytest.fixture
def x(tmp_path):
    rng = np.random.default_rng(0)
    values = (rng.random((12, 1)) < rng.random((12, D))).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=values)
    return torch.from_numpy(values)


def trained(kind, x, steps=40, **settings):
    """A few steps on pythae's own loss."""
    torch.manual_seed(3)
    model = pythae_vae(kind, (D,), **{**KINDS.get(kind, {}), **settings}).train()
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(steps):
        optimiser.zero_grad()
        model({"data": x}).loss.backward()
        optimiser.step()
    with torch.no_grad():  # flows that bend far, and stay bijections
        for layer in model.net if kind == "VAE_LinNF" else model.iaf_flow.net if kind == "VAE_IAF" else ():
            if hasattr(layer, "w"):
                layer.u.copy_(3 * layer.w / layer.w.square().sum())
            elif hasattr(layer, "beta"):
                layer.beta.fill_(3)
            else:
                layer.net[-1].weight.mul_(3)
                layer.net[-1].bias[2:].add_(0.4)
    return model.eval()


def own_elbo(model, x, constant=0.0, repeats=400):
    """Pythae's own: the mean over x of minus its two parts, at beta = 1, and the standard error over repeats."""
    torch.manual_seed(0)
    with torch.no_grad():
        outputs = [model({"data": x}) for _ in range(repeats)]
    values = torch.stack([-(out.recon_loss + out.reg_loss) for out in outputs]).double() + constant
    return float(values.mean()), float(values.std()) / math.sqrt(repeats)


def summary_of(folder, name="elbo"):
    told = json.loads((folder / "summary.json").read_text())["splits"]["test"]["quantities"][name]
    return told["mean"], told["se_monte_carlo"]


@pytest.mark.slow
def test_a_flow_is_split_in_coupling_layers_unless_another_family_is_asked_for(gapkit, x, tmp_path):
    trained("VAE_IAF", x).save(str(tmp_path / "vae"))
    code, out, err = gapkit("analyze", "vae", *QUICK, "--out", "run")
    assert code == 0, err
    assert "q* is the best coupling-flow posterior" in out


@pytest.mark.parametrize("kind", only(KINDS, "VAE", "VAE_IAF"))
def test_the_elbo_is_that_of_pythae(kind, gapkit, x, tmp_path):
    model = trained(kind, x)
    model.save(str(tmp_path / "vae"))
    family = ["--family", "full_rank"] if kind in FLOWS else []
    code, _, err = gapkit("analyze", "vae", *QUICK, *family, "--out", "run")
    assert code == 0, err
    mean, error = summary_of(tmp_path / "run")
    own, own_error = own_elbo(model, x)
    assert abs(mean - own) < 4 * math.hypot(error, own_error)
    run = json.loads((tmp_path / "run/run.json").read_text())
    assert f"{kind} of pythae" in run["checkpoint"]["description"]
    assert run["checkpoint"]["name"] == "vae"


def test_the_squared_error_is_a_gaussian_up_to_its_constant(gapkit, x, tmp_path):
    model = trained("VAE", x, reconstruction_loss="mse")
    model.save(str(tmp_path / "vae"))
    code, _, err = gapkit("analyze", "vae", *QUICK, "--allow", "sigma", "--out", "run")
    assert code == 0, err
    mean, error = summary_of(tmp_path / "run")
    own, own_error = own_elbo(model, x, constant=-D / 2 * math.log(2 * math.pi))
    assert abs(mean - own) < 4 * math.hypot(error, own_error)


@pytest.mark.slow
def test_another_likelihood_of_the_user_goes_before_the_folders(gapkit, x, tmp_path):
    model = trained("VAE", x, reconstruction_loss="mse")
    model.save(str(tmp_path / "vae"))
    words = ("--likelihood", "bernoulli:probs")
    assert gapkit("analyze", "vae", *QUICK, *words, "--out", "run")[0] == 0
    mean, error = summary_of(tmp_path / "run")
    model.model_config.reconstruction_loss = "bce"
    own, own_error = own_elbo(model, x)
    assert abs(mean - own) < 4 * math.hypot(error, own_error)


@pytest.mark.slow
def test_get_nll_of_pythae_is_the_log_likelihood_with_its_sign_turned_and_other_draws_than_asked(gapkit, x, tmp_path):
    model = trained("VAE", x)
    model.save(str(tmp_path / "vae"))
    assert gapkit("analyze", "vae", *QUICK, "--out", "run")[0] == 0
    mean, error = summary_of(tmp_path / "run", "log_px")
    rows = []
    model.decoder.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    torch.manual_seed(0)
    found = [model.get_nll(x, n_samples=100) for _ in range(20)]
    own, own_error = np.mean(found), np.std(found) / math.sqrt(20)
    # A negative log-likelihood by its name, it is the mean of log p(x), low by what 100 draws make of it.
    assert own < 0
    assert abs(own + _low(model, x, 100) - mean) < 4 * math.hypot(error, own_error)
    for asked, used in ((1, 100), (50, 100), (250, 200)):
        rows.clear()
        model.get_nll(x[:1], n_samples=asked)
        assert sum(rows) == used


def _low(model, x, draws):
    """How far the log of a mean of so many weights lies below that of their expectation: Var(w) / (2 K E(w)^2)."""
    with torch.no_grad():
        out = model.encoder(x)
        q = torch.distributions.Normal(out.embedding, torch.exp(0.5 * out.log_covariance))
        z = q.sample((4000,))
        probs = model.decoder(z.flatten(0, 1)).reconstruction.reshape(4000, *x.shape)
        log_w = torch.distributions.Bernoulli(probs).log_prob(x).sum(-1) - q.log_prob(z).sum(-1)
        log_w = log_w + torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
        w = torch.exp((log_w - log_w.logsumexp(0)).double()) * 4000
    return float((w.var(0) / (2 * draws)).mean())


@pytest.mark.slow
def test_the_folder_of_a_training(gapkit, x, tmp_path, capsys):
    """Pythae's own trainer; its outer folder is refused with the name of the inner one."""
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    model = trained("VAE", x, steps=0).train()
    config = BaseTrainerConfig(str(tmp_path / "out"), num_epochs=3, per_device_train_batch_size=6, no_cuda=True)
    logging.disable(logging.CRITICAL)
    try:
        from pythae.data.datasets import BaseDataset

        trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(len(x))), training_config=config)
        trainer.train()
    finally:
        logging.disable(logging.NOTSET)
    capsys.readouterr()
    (folder,) = (tmp_path / "out").iterdir()
    code, _, err = gapkit("analyze", folder, *QUICK)
    assert code == 2
    assert f"pass {folder / 'final_model'}" in err
    code, _, err = gapkit("analyze", folder / "final_model", *QUICK, "--out", "run")
    assert code == 0, err
    mean, error = summary_of(tmp_path / "run")
    own, own_error = own_elbo(trainer.model.eval(), x)
    assert abs(mean - own) < 4 * math.hypot(error, own_error)


OWN = """
import torch
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseEncoder


class Encoder(BaseEncoder):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(9, 4)

    def forward(self, x):
        mean, logvar = self.net(x).chunk(2, -1)
        return ModelOutput(embedding=mean, log_covariance=logvar)


def build():
    return VAE(VAEConfig(input_dim=(9,), latent_dim=2, reconstruction_loss="bce"), encoder=Encoder())
"""


def test_networks_of_ones_own_run_code_only_where_that_is_allowed(gapkit, x, tmp_path, monkeypatch):
    (tmp_path / "own_of_pythae.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    import own_of_pythae

    torch.manual_seed(0)
    model = own_of_pythae.build().eval()
    model.save(str(tmp_path / "vae"))
    code, _, err = gapkit("analyze", "vae", *QUICK)
    assert code == 2
    assert "encoder.pkl" in err
    digits = re.search(r"--trust-pickle ([0-9a-f]{8})", err)[1]  # of the whole folder: both networks are pickled
    assert gapkit("analyze", "vae", "--trust-pickle", "0" * 8, *QUICK)[0] == 2
    own, own_error = own_elbo(model, x)
    for out, words in {
        "pickled": ["vae", "--trust-pickle", digits],
        "code": ["vae", "--model", "own_of_pythae.py:build"],
        "file": ["vae/model.pt", "--model", "own_of_pythae.py:build"],
    }.items():
        code, _, err = gapkit("analyze", *words, *QUICK, "--out", out)
        assert code == 0, err
        mean, error = summary_of(tmp_path / out)
        assert abs(mean - own) < 4 * math.hypot(error, own_error)
    tables = [pd.read_parquet(tmp_path / out / "datapoints.parquet") for out in ("pickled", "code", "file")]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    pd.testing.assert_frame_equal(tables[0], tables[2])


@pytest.mark.slow
def test_what_pythae_has_and_an_analysis_has_not_is_refused_with_the_reason(gapkit, x, tmp_path):
    for kind, words in {
        "VQVAE": "its latents are discrete",
        "RAE_L2": "it has no q(z|x)",
        "HVAE": "momenta",
        "SVAE": "sphere",
    }.items():
        from pythae import models

        name = f"{kind}_Config" if kind == "RAE_L2" else f"{kind}Config"
        getattr(models, kind)(getattr(models, name)(input_dim=(D,), latent_dim=2)).save(str(tmp_path / kind))
        code, _, err = gapkit("analyze", kind, *QUICK)
        assert code == 2
        assert words in err
    model = trained("VAE_LinNF", x, steps=0)
    with torch.no_grad():
        model.net[1].u.copy_(-2 * model.net[1].w / model.net[1].w.square().sum())
    model.save(str(tmp_path / "folds"))
    code, _, err = gapkit("analyze", "folds", *QUICK)
    assert code == 2
    assert "w'u = -2" in err


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("DisentangledBetaVAE", {}),
        ("BetaTCVAE", {}),
        ("FactorVAE", {}),
        ("INFOVAE_MMD", {}),
        ("MIWAE", {}),
        ("PIWAE", {}),
        ("CIWAE", {}),
    ],
)
def test_the_other_kinds_are_opened_with_their_weights(kind, settings, x, tmp_path):
    from pythae import models

    from gapkit.sources import ModelSource

    torch.manual_seed(0)
    config = f"{kind}_Config" if kind == "INFOVAE_MMD" else f"{kind}Config"
    own = getattr(models, kind)(getattr(models, config)(input_dim=(D,), latent_dim=2, **settings)).eval()
    own.save(str(tmp_path / "vae"))
    model = ModelSource(checkpoint=tmp_path / "vae").open().model
    with torch.no_grad():
        q, out = model.encode(x), own.encoder(x)
        assert torch.equal(q.mean, out.embedding)
        assert torch.equal(q.stddev, torch.exp(0.5 * out.log_covariance))
        z = torch.randn(5, 2)
        assert torch.equal(model.decode(z).mean, own.decoder(z).reconstruction.flatten(1).clamp(0, 1).float())
