"""Posteriors kept to a support, held to closed forms."""

import torch
from torch.distributions import Normal, biject_to, constraints

from gapkit.core.randomness import Streams
from gapkit.families import DiagonalGaussian, GaussianMixture
from gapkit.families.protocol import as_transport
from gapkit.families.truncated import Truncated, measure

LOC, SCALE = torch.tensor([[0.5], [-0.3], [2.0]]), torch.tensor([[1.0], [0.5], [0.2]])


def _positive():
    inner, bijection = DiagonalGaussian(LOC, SCALE), biject_to(constraints.positive)

    def inside(points):
        return (points > 0).all(-1)

    return Truncated(inner, bijection, inside, measure(inner, bijection, inside))


def test_mass_and_density_of_a_half_normal():
    q = _positive()
    mass = 1.0 - Normal(LOC, SCALE).cdf(torch.zeros(()))
    torch.testing.assert_close(q.known.log_mass, mass.log()[:, 0], rtol=0, atol=2e-3)
    y = torch.randn(50, 3, 1, generator=torch.Generator().manual_seed(0))
    exact = Normal(LOC, SCALE).log_prob(y.exp()) + y - mass.log()
    torch.testing.assert_close(q.log_prob(y), exact[..., 0], rtol=1e-3, atol=3e-3)


def test_draws_are_those_of_the_density():
    q = _positive()
    y, log_q = q.draw(Streams(0, (0, 1, 2), "test", torch.float32, "cpu"), 4000)
    torch.testing.assert_close(log_q, q.log_prob(y), rtol=1e-4, atol=1e-4)
    grid = torch.linspace(-12.0, 4.0, 40_001).reshape(-1, 1, 1)
    weight = q.log_prob(grid.expand(-1, 3, -1)).exp() * (grid[1] - grid[0])
    torch.testing.assert_close(weight.sum(0), torch.ones(3), rtol=0, atol=3e-3)
    mean = (weight.unsqueeze(-1) * grid).sum(0) / weight.sum(0).unsqueeze(-1)
    error = y.std(0) / len(y) ** 0.5
    assert bool(((y.mean(0) - mean).abs() < 4.0 * error).all())
    torch.testing.assert_close(q.loc, mean, rtol=0, atol=0.02)


def test_streams_of_a_datapoint_are_its_own():
    q, whole = _positive(), Streams(0, (0, 1, 2), "test", torch.float32, "cpu")
    alone = Streams(0, (1,), "test", torch.float32, "cpu")
    y, log_q = q.draw(whole, 200)
    one, log_one = q.select(torch.tensor([1])).draw(alone, 200)
    torch.testing.assert_close(y[:, 1:2], one)
    torch.testing.assert_close(log_q[:, 1:2], log_one)


def test_a_mixture_is_stood_for_by_its_moments():
    means = torch.tensor([[[-1.0, 0.0], [2.0, 1.0]]])
    q = GaussianMixture(torch.tensor([[0.3, 0.7]]).log(), means, torch.diag_embed(torch.ones(1, 2, 2)))
    z, _ = q.draw(Streams(0, (0,), "test", torch.float32, "cpu"), 20_000)
    stand_in = as_transport(q)
    torch.testing.assert_close(stand_in.loc[0], z.mean(0)[0], rtol=0, atol=0.05)
    covariance = stand_in.scale_tril[0] @ stand_in.scale_tril[0].T
    torch.testing.assert_close(covariance, torch.cov(z[:, 0].T), rtol=0.05, atol=0.05)
