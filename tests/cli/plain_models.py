"""Small models and files as tutorials have them, for the tests of what is read from where."""

import torch

MODELS = '''
"""A plain VAE: encode -> (mean, log-variance), decode -> logits."""
import torch
from torch import nn
from torch.distributions import Independent, Normal

class Logits(nn.Module):
    def __init__(self, hidden=8):
        super().__init__()
        self.fc1, self.mu, self.lv = nn.Linear(9, hidden), nn.Linear(hidden, 2), nn.Linear(hidden, 2)
        self.fc3, self.fc4 = nn.Linear(2, hidden), nn.Linear(hidden, 9)
    def encode(self, x):
        h = torch.tanh(self.fc1(x))
        return self.mu(h), self.lv(h)
    def logits(self, z):
        return self.fc4(torch.tanh(self.fc3(z)))
    def decode(self, z):
        return self.logits(z)

class Sigmoid(Logits):
    def decode(self, z):
        return torch.sigmoid(self.logits(z))

class Std(Logits):
    def encode(self, x):
        mean, logvar = super().encode(x)
        return mean, (0.5 * logvar).exp()

class Mixed(Logits):
    """encode gives a distribution and decode a tensor"""
    def encode(self, x):
        mean, logvar = super().encode(x)
        return Normal(mean, (0.5 * logvar).exp())

class LogScale(Logits):
    def __init__(self):
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(1))

class InfBuf(Logits):
    def __init__(self):
        super().__init__()
        self.register_buffer("best_loss", torch.tensor(float("inf")))

class Two:
    def __init__(self):
        b = Logits()
        self.encoder = nn.ModuleDict(dict(fc1=b.fc1, mu=b.mu, lv=b.lv))
        self.decoder = nn.ModuleDict(dict(fc3=b.fc3, fc4=b.fc4))
    def encode(self, x):
        h = torch.tanh(self.encoder["fc1"](x))
        return self.encoder["mu"](h), self.encoder["lv"](h)
    def decode(self, z):
        return self.decoder["fc4"](torch.tanh(self.decoder["fc3"](z)))

class Rates(Logits):
    def decode(self, z):
        return self.logits(z).exp()

class Codes(Logits):
    def encode(self, x):
        h = torch.tanh(self.fc1(x))
        return h, h.mean(), h.argmax(1)

class HiddenPrior(Logits):
    def __init__(self):
        super().__init__()
        self.prior = "standard"
    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

class OwnPrior(Logits):
    """a prior that is a distribution, no method"""
    def __init__(self):
        super().__init__()
        self.prior = Independent(Normal(torch.zeros(2), 2 * torch.ones(2)), 1)

class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.out = nn.Embedding(5, 4), nn.Linear(2, 30)
    def encode(self, x):
        return self.table(x).mean(1).chunk(2, -1)
    def decode(self, z):
        return self.out(z).view(-1, 6, 5)
'''


def write(folder):
    """Write the models' file; return its path and the weights of the plain model."""
    path = folder / "plain_models_of_test.py"
    path.write_text(MODELS)
    space: dict = {}
    exec(MODELS, space)
    torch.manual_seed(0)
    return path, space["Logits"]().state_dict()
