"""Small models of other kinds, trained on binary digits: with labels, in groups, log-normal, with a flow guide."""

from functools import cache

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, LogNormal, Normal, kl_divergence

import gapkit
from gapkit.models import LatentGroups
from gapkit.models.heads import make_head


@cache
def digits() -> tuple[Tensor, Tensor]:
    """1797 binary images of 64 pixels, and their labels."""
    images, labels = load_digits(return_X_y=True)
    return (torch.from_numpy(images) > 7.5).float(), torch.from_numpy(labels)


def net(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 64), nn.Tanh(), nn.Linear(64, outputs))


def trained(model, loss, steps=400, rate=5e-3):
    """Adam on batches of 128: ``loss`` takes a model, images and labels."""
    x, labels = digits()
    draw = torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        rows = torch.randint(len(x), (128,), generator=draw)
        optimiser.zero_grad()
        loss(model, x[rows], labels[rows]).backward()
        optimiser.step()
    return model.eval().requires_grad_(False)


def likelihood(logits: Tensor) -> Independent:
    return Independent(Bernoulli(logits=logits), 1)


class Conditional(nn.Module):
    """The label stands beside x and z, and has a prior of its own."""

    def __init__(self, latent=2):
        super().__init__()
        self.enc, self.dec = net(64 + 10, 2 * latent), net(latent + 10, 64)
        self.place = nn.Embedding(10, latent)

    def _with(self, part, c):
        return torch.cat([part, nn.functional.one_hot(c, 10).to(part)], -1)

    def encode(self, x, c):
        mean, log_scale = self.enc(self._with(x, c)).chunk(2, -1)
        return Independent(Normal(mean, log_scale.exp()), 1)

    def decode(self, z, c):
        return likelihood(self.dec(self._with(z, c)))

    def prior(self, c):
        return Independent(Normal(self.place(c), 1.0), 1)

    def loss(self, x, labels):
        q = self.encode(x, labels)
        z = q.rsample()
        return (kl_divergence(q, self.prior(labels)) - self.decode(z, labels).log_prob(x)).mean()


class Ladder(LatentGroups):
    """Two groups of one latent each: z2 ~ N(0, 1), z1|z2; q draws z2 from x, then z1 from x and z2."""

    groups = {"z2": 1, "z1": 1}  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.up, self.top, self.low = net(64, 16), net(16, 2), net(16 + 1, 2)
        self.down, self.out = net(1, 2), net(2, 64)

    @staticmethod
    def _normal(output):
        mean, log_scale = output.chunk(2, -1)
        return Normal(mean, log_scale.exp())

    def embed(self, x):
        return self.up(x)

    def infer(self, name, features, drawn):
        if name == "z2":
            return self._normal(self.top(features))
        return self._normal(self.low(torch.cat([features, drawn["z2"]], -1)))

    def generate(self, name, drawn):
        return Normal(torch.zeros(1), 1.0) if name == "z2" else self._normal(self.down(drawn["z2"]))

    def likelihood(self, z):
        return likelihood(self.out(torch.cat([z["z1"], z["z2"]], -1)))

    def loss(self, x, labels):
        z, log_q = self.encode(x).rsample_and_log_prob()
        return (log_q - self.prior().log_prob(z) - self.decode(z).log_prob(x)).mean()


class Positive(nn.Module):
    """Two log-normal latents under a log-normal prior."""

    def __init__(self):
        super().__init__()
        self.enc, self.dec = net(64, 4), net(2, 64)

    def encode(self, x):
        mean, log_scale = self.enc(x).chunk(2, -1)
        return Independent(LogNormal(mean, log_scale.exp()), 1)

    def decode(self, z):
        return likelihood(self.dec(z))

    def prior(self):
        return Independent(LogNormal(torch.zeros(2), torch.ones(2)), 1)

    def loss(self, x, labels):
        q = self.encode(x)
        z = q.rsample()
        return (q.log_prob(z) - self.prior().log_prob(z) - self.decode(z).log_prob(x)).mean()


class FlowGuide(nn.Module):
    """log p(x, z) of a decoder, and a coupling flow as the amortized q."""

    def __init__(self):
        super().__init__()
        self.head = make_head("flow", 2, {"num_layers": 2, "num_hidden": 8})
        self.enc, self.dec = net(64, self.head.size), net(2, 64)

    def log_joint(self, x, z):
        return Normal(0.0, 1.0).log_prob(z).sum(-1) + likelihood(self.dec(z)).log_prob(x)

    def guide(self, x):
        return self.head(self.enc(x))

    def loss(self, x, labels):
        z, log_q = self.guide(x).rsample_and_log_prob()
        return (log_q - self.log_joint(x, z)).mean()

    def model(self):
        return gapkit.from_joint(self.log_joint, self.guide)
