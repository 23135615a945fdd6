"""A linear model with an affine encoder, and how far its L[q] lies below the exact log p(x)."""

import math

import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from tests.yardsticks import ppca

TRUTH = ppca()


class Affine(nn.Module):
    """The linear-Gaussian yardstick with an affine encoder: its best mean-field L[q] is within reach, and known."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Linear(10, 3, dtype=torch.float64)
        self.log_scale = nn.Parameter(torch.zeros(3, dtype=torch.float64))
        self.weight = nn.Parameter(TRUTH.weight.clone())

    def encode(self, x):
        mean = self.mean(x)
        return Independent(Normal(mean, self.log_scale.exp().expand_as(mean)), 1)

    def decode(self, z):
        return Independent(Normal(z @ self.weight.T, math.sqrt(TRUTH.noise_variance)), 1)

    def prior(self):
        return TRUTH.prior()


def losses_of(model, x):
    """log p(x) - L[q] of every x, exactly: the divergence of the encoder's q from the true posterior."""
    with torch.no_grad():
        q = model.encode(x)
        diagonal = MultivariateNormal(q.mean, q.stddev.square().diag_embed())
        posterior = MultivariateNormal(TRUTH.posterior_mean(x), TRUTH.covariance.expand(len(x), -1, -1))
        return kl_divergence(diagonal, posterior)


def loss_of(model, x):
    return losses_of(model, x).mean().item()
