"""The files of a run, and a model file of a user."""

FILES = ["datapoints.parquet", "details.npz", "report.html", "report.pdf", "run.json", "summary.json", "units"]


MODEL_FILE = """
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

class Net(nn.Module):
    def __init__(self, latent=2):
        super().__init__()
        self.enc, self.drop, self.dec = nn.Linear(6, 2 * latent), nn.Dropout(), nn.Linear(latent, 6)
        self.latent = latent
    def encode(self, x):
        mean, logvar = self.enc(x).chunk(2, -1)
        return Independent(Normal(mean, (logvar / 2).exp()), 1)
    def decode(self, z):
        return Independent(Bernoulli(logits=self.drop(self.dec(z))), 1)
    def prior(self):
        return Independent(Normal(torch.zeros(self.latent), 1.0), 1)

class Plain(Net):
    prior = None
    def encode(self, x):
        return self.enc(x).chunk(2, -1)
    def decode(self, z):
        return self.dec(z)

class Latent:
    pass
"""
