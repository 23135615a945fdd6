"""Tempering: particles from the prior end where the posterior is."""

import torch
from torch.distributions import Independent, Normal

from gapkit.core.randomness import Key
from gapkit.kernels.noise import MoveNoise
from gapkit.kernels.path import GeometricPath
from gapkit.kernels.tempering import Tempering, resampled, tempered
from gapkit.target import PriorProposal, Target


class Line:
    """z ~ N(0, 1), x ~ N(z, 0.05^2)."""

    def encode(self, x):
        return Independent(Normal(x, torch.ones_like(x)), 1)

    def decode(self, z):
        return Independent(Normal(z, 0.05), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(1), torch.ones(1)), 1)


class Absolute(Line):
    """x ~ N(|z|, 0.05^2): two modes."""

    def decode(self, z):
        return Independent(Normal(z.abs(), 0.05), 1)


def ends(model, x, count=400):
    with torch.no_grad():
        target, key = Target(model, x), Key(0, tuple(range(len(x))))
        prior = PriorProposal(target.prior, len(x))
        z, _ = prior.draw(key.streams("start"), count)
        path = GeometricPath(target, prior, prior.whitening())
        return tempered(path, z, torch.zeros(len(x)).double(), MoveNoise.of(key, "moves", z), Tempering(moves=6))


def test_the_population_ends_in_the_posterior():
    x = torch.tensor([[0.5], [-1.0]])
    z = ends(Line(), x)
    exact = Normal(x / (1 + 0.05**2), (1 + 1 / 0.05**2) ** -0.5)
    error = exact.scale / 400**0.5
    assert bool(((z.mean(0) - exact.loc).abs() < 4 * error).all())
    assert bool(((z.std(0) / exact.scale - 1.0).abs() < 4 / (2 * 400) ** 0.5).all())


def test_each_particle_finds_a_mode_of_its_own():
    z = ends(Absolute(), torch.tensor([[1.0]]))[:, 0, 0]
    assert bool(((z.abs() - 1.0).abs() < 0.5).all())
    share = float((z > 0).double().mean())
    assert abs(share - 0.5) < 4 * 0.5 / 400**0.5


def test_a_bad_datapoint_leaves_the_others_as_they_are():
    fine = ends(Line(), torch.tensor([[0.5], [-1.0]]))
    hurt = ends(Line(), torch.tensor([[0.5], [torch.nan]]))
    assert torch.equal(fine[:, 0], hurt[:, 0])


def test_resampling_takes_each_in_proportion():
    log_w = torch.tensor([0.0, 1.0, 3.0]).log().unsqueeze(1)
    chosen = resampled(log_w, 400, torch.tensor([0.3]))
    counts = torch.bincount(chosen[:, 0], minlength=3)
    assert counts.tolist() == [0, 100, 300]
