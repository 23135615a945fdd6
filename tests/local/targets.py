"""Small models whose posteriors are bent or have several modes, with log p(x) by quadrature."""

import torch
from torch.distributions import Independent, Normal

from gapkit.core.randomness import Key
from gapkit.local import FitSettings, build_bank, fit_batch
from gapkit.target import Target, as_proposal

__all__ = ["Curved", "Squares", "banana", "fits_of", "two_modes"]


class Curved:
    """x ~ N(f(z), noise^2) with two latents, and an encoder that gives everybody the same Gaussian."""

    def __init__(self, f, noise, loc=(1.0, 0.0), scale=(0.3, 1.0)):
        self.f, self.noise, self.loc, self.scale = f, noise, torch.tensor(loc), torch.tensor(scale)

    def encode(self, x):
        return Independent(Normal(self.loc.expand(len(x), 2), self.scale.expand(len(x), 2)), 1)

    def decode(self, z):
        return Independent(Normal(self.f(z), self.noise), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(2), 1.0), 1)

    def log_px(self, x):
        axis = torch.linspace(-7.0, 7.0, 1401)
        z = torch.cartesian_prod(axis, axis)
        prior, decoded = self.prior().log_prob(z), self.decode(z)
        values = [torch.logsumexp((decoded.log_prob(row.expand(len(z), 1)) + prior).double(), 0) for row in x]
        return torch.stack(values) + 2 * (axis[1] - axis[0]).double().log()


def banana():
    return Curved(lambda z: (z[:, 1] + z[:, 0] ** 2).unsqueeze(1), 0.3, loc=(0.0, 0.0), scale=(1.0, 1.0))


def two_modes(noise=0.5):
    return Curved(lambda z: (z[:, 0] ** 2).unsqueeze(1), noise)


def fits_of(model, x, families=(), settings=None, num_bank=2000):
    target, q = Target(model, x), as_proposal(model.encode(x))
    bank = build_bank(target, q.loc, num_bank, 0) if num_bank else None
    key = Key(0, tuple(range(len(x))))
    return fit_batch(target, q, bank, key, settings or FitSettings(), families=families), target, key


class Squares:
    """x ~ N(z^2, sigma^2), z ~ N(0, 4 I): a coordinate whose x is far above sigma has two modes."""

    def __init__(self, dim, sigma=0.3):
        self.dim, self.sigma = dim, sigma

    def encode(self, x):
        return Independent(Normal(x.abs().sqrt(), 0.1 * torch.ones_like(x)), 1)

    def decode(self, z):
        return Independent(Normal(z.square(), self.sigma), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(self.dim), 2.0 * torch.ones(self.dim)), 1)
