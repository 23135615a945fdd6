"""Models and data of unusual kinds."""

import torch
from torch import nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    Independent,
    MixtureSameFamily,
    Normal,
)


class Shaped(nn.Module):
    """Two latents behind a likelihood of the test's choice."""

    def __init__(self, likelihood, latent=2, values=6):
        super().__init__()
        torch.manual_seed(0)
        self.net, self.latent, self.likelihood = nn.Linear(latent, values), latent, likelihood

    def encode(self, x):
        loc = 0.1 * x.float().flatten(1)[:, : self.latent]
        return Independent(Normal(loc, torch.full_like(loc, 0.7)), 1)

    def decode(self, z):
        return self.likelihood(self.net(z))

    def prior(self):
        return Independent(Normal(torch.zeros(self.latent), torch.ones(self.latent)), 1)


def bits(count=9, size=6):
    return torch.bernoulli(torch.full((count, size), 0.5), generator=torch.Generator().manual_seed(1))


class Unusual:
    """A latent of two axes under a learned mixture prior, and a decoder that is undefined for some z."""

    def __init__(self, hole=False):
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(6, 5))
        self.hole = hole

    def encode(self, x):
        return Independent(Normal(torch.tanh(x[:, :6]).reshape(-1, 2, 3), 0.7), 2)

    def decode(self, z):
        logits = self.net(z)
        if self.hole:
            logits = torch.where(z.flatten(1)[:, :1] > 0.8, torch.nan, logits)
        return Independent(Bernoulli(logits=torch.cat([logits, logits], 1)), 1)

    def prior(self):
        parts = Independent(Normal(torch.tensor([-1.0, 1.0]).reshape(2, 1, 1).expand(2, 2, 3), 1.0), 2)
        return MixtureSameFamily(Categorical(logits=torch.zeros(2)), parts)


class Brittle:
    """A decoder that returns NaN for one kind of datapoint's latents only: the others must not notice."""

    def encode(self, x):
        return Independent(Normal(torch.where(x[:, :2] > 0.5, 30.0, 0.0), 0.5), 1)

    def decode(self, z):
        logits = torch.where(z.abs().amax(1, keepdim=True) > 10, torch.nan, z)
        return Independent(Bernoulli(logits=logits.repeat(1, 3)), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(2), 1.0), 1)


class Simple:
    """Bernoulli data of six bits from two latents; methods are replaced one by one."""

    def encode(self, x):
        return Independent(Normal(x[:, :2] - 0.5, 0.8), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=z.repeat(1, 3)), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(2), 1.0), 1)
