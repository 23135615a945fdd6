"""Checkpoints of every kind that says itself how its model is built, written by the real libraries."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.distributions import Independent, Normal

from gapkit import from_pair
from gapkit.inputs.folder import Folder
from gapkit.inputs.programs import Pair
from gapkit.inputs.read import read
from gapkit.models.native import save_model
from gapkit.models.reference import build
from gapkit.sources import ModelSource


@dataclass(frozen=True)
class Written:
    """Attributes:
    source: names the checkpoint, and how to read it.
    reference: the same model by the contract, from the library's own object.
    x_shape: of a datapoint.
    found: gives what adapters are asked about.
    forward: class whose ``forward`` must not be called; None where that is all there is.
    """

    source: ModelSource
    reference: Any
    x_shape: tuple[int, ...]
    found: Callable[[], Any]
    forward: type | None


class Encoder(nn.Module):
    def __init__(self, inputs=6, latent=2):
        super().__init__()
        self.body, self.mean, self.logvar = nn.Linear(inputs, 5), nn.Linear(5, latent), nn.Linear(5, latent)

    def forward(self, x):
        hidden = torch.tanh(self.body(x))
        return self.mean(hidden), self.logvar(hidden)


class Decoder(nn.Module):
    """Dropout is of no effect in eval mode, and the shape of its output is computed from that of z."""

    def __init__(self, outputs=6, latent=2):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(latent, 5), nn.Tanh(), nn.Dropout(), nn.Linear(5, outputs))

    def forward(self, z):
        return self.net(z).reshape(z.shape[0], -1)


def native(folder):
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(5,)).eval()
    path = save_model(model, folder / "model.pt", extra={"epoch": 3})
    return Written(ModelSource(checkpoint=path), model, (6,), lambda: read(path), type(model))


def pickled(folder):
    model = build("mlp_vae", x_shape=(6,), latent=2, hidden=(5,)).eval()
    path = folder / "model.pt"
    torch.save(model, path)
    source = ModelSource(checkpoint=path, trust_pickle=True)
    return Written(source, model, (6,), lambda: read(path, trust_pickle=True), type(model))


def pythae_vae(kind="VAE", shape=(6,), **settings):
    """A model of pythae; its config comes with it."""
    from pythae import models

    config = getattr(models, {"VAE_IAF": "VAE_IAF_Config", "VAE_LinNF": "VAE_LinNF_Config"}.get(kind, f"{kind}Config"))
    settings = {"latent_dim": 2, "reconstruction_loss": "bce", **settings}
    return getattr(models, kind)(config(input_dim=shape, **settings)).eval()


def of_pythae(own):
    def encode(x):
        out = own.encoder(x)
        return out.embedding, out.log_covariance

    return from_pair(encode, lambda z: own.decoder(z).reconstruction, "bernoulli:probs", latent_shape=(2,))


def pythae(folder):
    own = pythae_vae()
    own.save(str(folder / "vae"))
    source = ModelSource(checkpoint=folder / "vae")
    return Written(source, of_pythae(own), (6,), lambda: Folder.of(folder / "vae"), type(own))


def pythae_object(folder):
    own = pythae_vae()
    own.save(str(folder / "vae"))
    (folder / "net.py").write_text("from tests.checkpoints.written import pythae_vae as build\n")
    source = ModelSource(checkpoint=folder / "vae/model.pt", factory=f"{folder}/net.py:build")
    return Written(source, of_pythae(own), (6,), lambda: own, type(own))


def autoencoder(**settings):
    """A small AutoencoderKL of diffusers, randomly initialised."""
    from diffusers import AutoencoderKL

    sizes = {"block_out_channels": (4,), "norm_num_groups": 2, "latent_channels": 2, "in_channels": 1}
    settings = {**sizes, "out_channels": 1, "layers_per_block": 1, **settings}
    return AutoencoderKL(**settings).eval()


def diffusers(folder):
    own = autoencoder()
    own.save_pretrained(folder / "kl")

    def encode(x):
        q = own.encode(x).latent_dist
        return Independent(Normal(q.mean, q.std), 3)

    decode = lambda z: own.decode(z).sample  # noqa: E731
    model = from_pair(encode, decode, "gaussian:sigma=0.5", encoder_output="distribution", latent_shape=(2, 4, 4))
    source = ModelSource(checkpoint=folder / "kl", likelihood="gaussian:sigma=0.5")
    return Written(source, model, (1, 4, 4), lambda: Folder.of(folder / "kl"), type(own))


def export(module, size, path, **shapes):
    """Save a program with a batch of any size, or as ``shapes`` says."""
    shapes = shapes or {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own tracing, about itself
        torch.export.save(torch.export.export(module.eval(), (torch.zeros(2, size),), **shapes), path)


def script(module, path):
    """Save a TorchScript program."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "torch.jit.script is deprecated"
        torch.jit.script(module).save(str(path))


def _of_programs(folder, ending, encoder, decoder):
    pair = Pair(folder / f"enc{ending}", folder / f"dec{ending}")
    source = ModelSource(checkpoint=pair.encoder, decoder=pair.decoder, likelihood="bernoulli")
    reference = from_pair(encoder, decoder, "bernoulli", latent_shape=(2,))
    return Written(source, reference, (6,), lambda: pair, None)


def exported(folder):
    encoder, decoder = Encoder(), Decoder()
    export(encoder, 6, folder / "enc.pt2")
    export(decoder, 2, folder / "dec.pt2")
    return _of_programs(folder, ".pt2", encoder, decoder)


def scripted(folder):
    encoder, decoder = Encoder().eval(), Decoder().eval()
    script(encoder, folder / "enc.pt")
    script(decoder, folder / "dec.pt")
    return _of_programs(folder, ".pt", encoder, decoder)
