"""Files of a user's with classes of Hugging Face's hub mixin and of Lightning, and a training by Lightning."""

import numpy as np
import torch

MIXIN = """
import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn


class Net(nn.Module, PyTorchModelHubMixin):
    def __init__(self, hidden=7, latent=3, activation="relu"):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(6, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent))
        self.dec = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, 6))
        self.activation = activation

    def encode(self, x):
        return self.enc(x).chunk(2, -1)

    def decode(self, z):
        return self.dec(z)
"""

MODULES = """
import lightning
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence


class Vae(lightning.LightningModule):
    def __init__(self, latent=5, hidden=6, lr=1e-3, seed_of_training=20240101):
        super().__init__()
        self.save_hyperparameters()
        self.enc = nn.Sequential(nn.Linear(6, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent))
        self.dec = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, 6))
        self.latent, self.lr = latent, lr

    def encode(self, x):
        mean, logvar = self.enc(x).chunk(2, -1)
        return Independent(Normal(mean, (logvar / 2).exp()), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=self.dec(z)), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(self.latent), torch.ones(self.latent)), 1)

    def training_step(self, batch, _):
        q = self.encode(batch[0])
        return (kl_divergence(q, self.prior()) - self.decode(q.rsample()).log_prob(batch[0])).mean()

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), self.lr)


class OfConverted(Vae):
    '''Lightning keeps the entries of a namespace that is named to it, as a plain dictionary.'''

    def __init__(self, options):
        super().__init__(options.latent, options.hidden)
        self._hparams.clear()
        self.save_hyperparameters(options)


class OfNamespace(Vae):
    '''It keeps the namespace itself where it is an argument like others.'''

    def __init__(self, args):
        super().__init__(args.latent, args.hidden)
        self._hparams.clear()
        self._hparams["args"] = args
"""


def train(module, path):
    """Two epochs by Lightning's trainer, which writes the checkpoint."""
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    x = torch.from_numpy(np.load(path.parent / "x.npz")["x"])
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(TensorDataset(x), 4))
    trainer.save_checkpoint(path)
    return module.eval()
