"""From a file to a model, with gapkit's own files and with those of others."""

import pytest
import torch

from gapkit.checkpoints import load
from gapkit.core.errors import InputError
from gapkit.inputs.read import file_sha256
from gapkit.models.native import save_model
from gapkit.models.reference import build

FACTORY = """
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

class Vae(nn.Module):
    def __init__(self, latent=2):
        super().__init__()
        self.latent, self.enc, self.dec = latent, nn.Linear(4, 2 * latent), nn.Linear(latent, 4)
    def encode(self, x):
        m, s = self.enc(x).chunk(2, -1)
        return Independent(Normal(m, s.exp()), 1)
    def decode(self, z):
        return Independent(Bernoulli(logits=self.dec(z)), 1)
    def prior(self):
        return Independent(Normal(torch.zeros(self.latent), torch.ones(self.latent)), 1)

class Plain:
    def __init__(self, latent=2):
        vae = Vae(latent)
        self.encoder, self.decoder, self.prior = vae.enc, vae.dec, vae.prior
    def encode(self, x):
        m, s = self.encoder(x).chunk(2, -1)
        return Independent(Normal(m, s.exp()), 1)
    def decode(self, z):
        return Independent(Bernoulli(logits=self.decoder(z)), 1)

class Wrapped:
    def __init__(self, latent=2):
        self.net = Vae(latent)
        self.encode, self.decode, self.prior = self.net.encode, self.net.decode, self.net.prior

class Empty:
    encode = decode = prior = print

def linear():
    return nn.Linear(2, 2)
"""


@pytest.fixture
def spec(tmp_path):
    path = tmp_path / "factory.py"
    path.write_text(FACTORY)
    return str(path)


def weights(names, latent=2):
    encoder, decoder = names
    generator = torch.Generator().manual_seed(1)
    shapes = {f"{encoder}.weight": (2 * latent, 4), f"{encoder}.bias": (2 * latent,)}
    shapes |= {f"{decoder}.weight": (4, latent), f"{decoder}.bias": (4,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def test_native_round_trip(tmp_path):
    vae = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,), likelihood="bernoulli")
    save_model(vae, tmp_path / "model.pt", extra={"epoch": 4})
    loaded = load(tmp_path / "model.pt")
    assert loaded.extra == {"epoch": 4}
    assert loaded.name == "model.pt"
    assert loaded.sha256 == file_sha256(tmp_path / "model.pt")
    assert "mlp_vae" in loaded.description
    assert not loaded.model.training
    torch.testing.assert_close(dict(loaded.model.state_dict()), dict(vae.state_dict()))


def test_native_with_broken_weights(tmp_path):
    vae = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,), likelihood="bernoulli")
    with torch.no_grad():
        next(vae.parameters()).fill_(float("nan"))
    save_model(vae, tmp_path / "model.pt")
    with pytest.raises(InputError, match="NaN or infinite"):
        load(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("Vae", ("enc", "dec")),
        ("Vae", ("module.enc", "module.dec")),
        ("Wrapped", ("net.enc", "net.dec")),
        ("Wrapped", ("enc", "dec")),
        ("Wrapped", ("_orig_mod.enc", "_orig_mod.dec")),
        ("Plain", ("encoder", "decoder")),
    ],
)
def test_weights_of_others(tmp_path, spec, name, names):
    state = weights(names, latent=3)
    torch.save({"epoch": 9, "loss": 1.5, "state_dict": state}, tmp_path / "a.pt")
    loaded = load(tmp_path / "a.pt", model=f"{spec}:{name}", model_args=["latent=3"])
    assert loaded.extra == {"epoch": 9, "loss": 1.5}
    assert "46 weights" in loaded.description
    q = loaded.model.encode(torch.ones(2, 4))
    expected = torch.ones(2, 4) @ state[f"{names[0]}.weight"].T + state[f"{names[0]}.bias"]
    torch.testing.assert_close(q.mean.detach(), expected[:, :3])


def refusal(*args, **options):
    with pytest.raises(InputError) as caught:
        load(*args, **options)
    return str(caught.value)


def test_refusals(tmp_path, spec):
    path = tmp_path / "a.pt"
    torch.save({"epoch": 9, "state_dict": weights(("enc", "dec"))}, path)
    text = refusal(path)
    assert "pass --model path/to/file.py:factory" in text
    assert "state_dict (dict of 4)" in text
    assert "def encode(self, x)" in text
    assert "without --model" in refusal(path, model_args=["latent=2"])
    assert "Linear without encode, decode, prior" in refusal(path, model=f"{spec}:linear")
    assert "holds no modules" in refusal(path, model=f"{spec}:Empty")
    assert "(4, 4) in the file, (6, 4) in the module" in refusal(path, model=f"{spec}:Vae", model_args=["latent=3"])
    assert "there is no 'ema'" in refusal(path, model=f"{spec}:Vae", state_key="ema")


def test_a_trusted_pickled_model(tmp_path):
    vae = build("mlp_vae", x_shape=(4,), latent=2, hidden=(3,), likelihood="bernoulli")
    torch.save(vae, tmp_path / "a.pt")
    assert "PairModel" in refusal(tmp_path / "a.pt")
    assert "a pickled PairModel" in load(tmp_path / "a.pt", trust_pickle=True).description
