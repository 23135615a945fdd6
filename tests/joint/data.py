"""Data sets and gaps that several tests of joint models share."""

import numpy as np
import torch

from gapkit.joint import Constant, Exact, Polynomial, Window, fit, posterior_of
from gapkit.joint.models import Chain


def hidden_chain(count=200, rho=0.9):
    """The seeded sample of an AR(1) hidden Markov model: z_0 from its long run, unit noises."""
    random = np.random.default_rng(0)
    z = np.zeros(count + 1)
    z[0] = random.normal() * (1 / (1 - rho**2)) ** 0.5
    for n in range(1, count + 1):
        z[n] = rho * z[n - 1] + random.normal()
    return torch.from_numpy(z[1:] + random.normal(size=count))[:, None]


def exact(model, x, reach=0):
    """The exact objective of a model with a Gaussian posterior."""
    return Exact(model, x, posterior_of(model, x, reach))


def linear_gap(objective, window=None):
    """F-VI's ELBO minus that of the best linear inference function; None for the window of a constant factor."""
    family = Constant() if window is None else Polynomial(1, window)
    return objective.posterior.elbo(objective.posterior.factors()) - fit(family, objective).value


CHAIN = Chain()
HERE = Window()
