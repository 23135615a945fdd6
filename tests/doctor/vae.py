"""A small trained VAE on binary images, and the ways in which ordinary code wires it otherwise."""

import functools

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from gapkit.inputs.data import binarize, load

PIXELS, LATENT, HIDDEN = 64, 4, 48


class Vae(nn.Module):
    """encode -> (mean, log-variance), decode -> logits."""

    def __init__(self):
        super().__init__()
        self.fc1, self.mu, self.lv = nn.Linear(PIXELS, HIDDEN), nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)
        self.fc3, self.fc4 = nn.Linear(LATENT, HIDDEN), nn.Linear(HIDDEN, PIXELS)

    def encode(self, x):
        h = torch.relu(self.fc1(x))
        return self.mu(h), self.lv(h)

    def logits(self, z):
        return self.fc4(torch.relu(self.fc3(z)))

    decode = logits


class Brittle(Vae):
    """An encoder that goes astray where many more pixels are white than in grey images."""

    def encode(self, x):
        mean, logvar = super().encode(x)
        white = (x > 0.99).float().mean(1, keepdim=True)
        return mean * (1 + 20 * torch.relu(white - 0.2)), logvar


def digits(split="train", grey=False):
    """Digits of 64 pixels in [0, 1], or a binary sample of each."""
    x = load("digits", split=split).x.reshape(-1, PIXELS)
    return x if grey else binarize(x, "sample", 0)


def _trained(loss, x, epochs):
    torch.manual_seed(0)
    model = Vae()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(epochs):
        for part in x[torch.randperm(len(x))].split(100):
            mean, logvar = model.encode(part)
            z = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
            kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(1)
            optimizer.zero_grad()
            (loss(model.logits(z), part) + kl).mean().backward()
            optimizer.step()
    return {name: value.clone() for name, value in model.state_dict().items()}


def _cross_entropy(logits, x):
    return nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def _squared_error(output, x):
    return ((torch.tanh(output) - x) ** 2).sum(1) / (2 * 0.3**2)


@functools.cache
def _weights(kind):
    with torch.random.fork_rng():
        if kind == "binary":
            return _trained(_cross_entropy, digits(), 40)
        if kind == "grey":
            return _trained(_cross_entropy, digits(grey=True), 40)
        return _trained(
            lambda out, x: ((torch.tanh(out) - x) ** 2).sum(1) / (2 * 0.3**2), 2 * digits(grey=True) - 1, 40
        )


def trained(cls=Vae, kind="binary"):
    """A model of a class, with the weights of training on binary data, grey ones, or those scaled to [-1, 1]."""
    model = cls()
    model.load_state_dict(_weights(kind))
    return model.eval()


class Distributions(Vae):
    """The same as distributions."""

    def encode(self, x):
        mean, logvar = super().encode(x)
        return Independent(Normal(mean, (0.5 * logvar).exp()), 1)

    def decode(self, z):
        return Independent(Bernoulli(logits=self.logits(z)), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(LATENT), torch.ones(LATENT)), 1)
