"""A small VAE that Lightning trains, in either of its packages."""

import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence
from torch.utils.data import DataLoader, TensorDataset

PACKAGES = ("lightning.pytorch", "pytorch_lightning")
DIGITS = torch.tensor(load_digits().data > 8, dtype=torch.float32)
HELD_OUT = DIGITS[1500:1520]


class Wave(nn.Module):
    """No activation that gapkit has gradients of its own for: local fits need autograd, which validation turns off."""

    def forward(self, z):
        return torch.sin(z)


def package(name="lightning.pytorch"):
    return __import__(name, fromlist=["Trainer"])


def vae_class(base):
    """A VAE of 2 latents as a module of one of the two Lightnings."""

    class Vae(base):
        def __init__(self, tensors=False, dropout=0.0):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 4))
            self.decoder = nn.Sequential(nn.Linear(2, 16), Wave(), nn.Linear(16, 64))
            self.norm = nn.BatchNorm1d(64)
            self.tensors, self.modes = tensors, []

        def posterior(self, x):
            mean, logvar = self.encoder(self.norm(x)).chunk(2, -1)
            return Independent(Normal(mean, (logvar / 2).exp()), 1)

        def encode(self, x):
            if self.tensors:
                return self.encoder(self.norm(x)).chunk(2, -1)
            return self.posterior(x)

        def decode(self, z):
            return self.decoder(z) if self.tensors else Independent(Bernoulli(logits=self.decoder(z)), 1)

        def prior(self):
            return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

        def loss(self, x):
            q = self.posterior(x)
            p = Independent(Bernoulli(logits=self.decoder(q.rsample())), 1)
            return (kl_divergence(q, self.prior()) - p.log_prob(x)).mean()

        def training_step(self, batch, _):
            self.modes.append((self.training, self.norm.training, torch.is_grad_enabled()))
            # Training that uses every source of random numbers there is.
            noise = 0.01 * (random.random() + np.random.rand())  # noqa: NPY002
            return self.loss((batch[0] + noise * torch.rand_like(batch[0])).clamp(0, 1).round())

        def validation_step(self, batch, _):
            self.log("val_loss", self.loss(batch[0]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 1e-2)

    return Vae


def train(callbacks, epochs=4, name="lightning.pytorch", validation=True, model=None, folder=None, **settings):
    """Train on 200 digits in two batches an epoch; the same seeds whatever the callbacks are."""
    lightning = package(name)
    lightning.seed_everything(1, verbose=False)
    model = model or vae_class(lightning.LightningModule)()
    logger = __import__(f"{name}.loggers", fromlist=["CSVLogger"]).CSVLogger(folder) if folder else False
    trainer = lightning.Trainer(
        **{
            "max_epochs": epochs,
            "accelerator": "cpu",
            "callbacks": callbacks,
            "logger": logger,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "log_every_n_steps": 1,
            **settings,
        }
    )
    batches = DataLoader(TensorDataset(DIGITS[:200]), 100, shuffle=True)
    held_out = DataLoader(TensorDataset(HELD_OUT), 20) if validation else None
    trainer.fit(model, batches, held_out)
    return trainer, model


def same_state(one, other):
    state, again = one.state_dict(), other.state_dict()
    return state.keys() == again.keys() and all(torch.equal(state[key], again[key]) for key in state)
