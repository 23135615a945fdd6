"""Transports and mixtures: densities, inverses, recognition."""

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Categorical,
    Independent,
    MultivariateNormal,
    Normal,
    TanhTransform,
    TransformedDistribution,
)

from gapkit.checks import InputError
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture, PriorProposal, family_name, recognise
from gapkit.randomness import Key


def make(name):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    scale, raw = normal(4, 3).exp(), normal(4, 3, 3)
    tril = raw.tril(-1) + torch.diag_embed(raw.diagonal(dim1=1, dim2=2).exp())
    base = Independent(Normal(normal(4, 3), scale), 1)
    full = MultivariateNormal(normal(4, 3), scale_tril=tril)
    flow = TransformedDistribution(base, [AffineTransform(1.0, 0.3, event_dim=1), TanhTransform()])
    return {"mean_field": base, "full_rank": full, "transformed": flow}[name]


TRANSPORTS = ["mean_field", "full_rank", "transformed"]


@pytest.mark.parametrize("name", TRANSPORTS)
def test_transports_agree_with_torch(name):
    dist = make(name)
    q = recognise(dist)
    assert family_name(q) == name
    u = torch.randn(7, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z, log_q = q.push(u)
    torch.testing.assert_close(q.inverse(z), u)
    torch.testing.assert_close(log_q, dist.log_prob(z))
    torch.testing.assert_close(q.log_prob(z), dist.log_prob(z))
    assert q.marginal_scale().shape == (4, 3)


@pytest.mark.parametrize("name", TRANSPORTS)
def test_pulled_gradients_match_autograd(name):
    q = recognise(make(name))
    u = torch.randn(2, 4, 3, dtype=torch.float64).requires_grad_(True)
    value = q.forward(u).square().sum() + q.log_abs_det(u).expand(2, 4).sum()
    (expected,) = torch.autograd.grad(value, u)
    found = q.pull_gradient(u.detach(), 2 * q.forward(u.detach()))
    constant = torch.zeros_like(expected)  # affine maps have a constant log det, whose gradient is zero
    torch.testing.assert_close(found + constant, expected)


@pytest.mark.parametrize("name", ["mean_field", "full_rank"])
def test_rows_can_be_selected_and_parameters_stored(name):
    q = recognise(make(name))
    rows = torch.tensor([2, 0, 2])
    z = torch.zeros(1, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(q.select(rows).log_prob(z)[0], q.log_prob(torch.zeros(1, 4, 3))[0, rows])
    again = type(q)(**q.tensors())
    assert torch.equal(again.log_prob(z[:, :1].expand(1, 4, 3)), q.log_prob(z[:, :1].expand(1, 4, 3)))


def test_flows_cannot_be_cut():
    q = recognise(make("transformed"))
    assert q.select(torch.arange(4)) is q
    with pytest.raises(ValueError, match="encode"):
        q.select(torch.tensor([1]))


def test_event_shapes_are_flattened():
    q = recognise(Independent(Normal(torch.zeros(5, 2, 3), 1.0), 2))
    assert q.loc.shape == (5, 6)


def test_discrete_posteriors_are_refused():
    with pytest.raises(InputError, match="discrete"):
        recognise(Categorical(logits=torch.zeros(3, 4)))


def test_mixture_draws_from_its_own_density():
    left = DiagonalGaussian(torch.full((1, 1), -3.0), torch.full((1, 1), 0.5))
    right = FullRankGaussian(torch.full((1, 1), 2.0), torch.full((1, 1, 1), 0.7))
    mixture = Mixture(torch.tensor([[0.25], [0.75]]).log(), (left, right))
    z, log_q = mixture.draw(Key(0, (0,)).streams("t"), 20_000)
    assert abs(float((z < 0).float().mean()) - 0.25) < 4 * (0.25 * 0.75 / 20_000) ** 0.5
    grid = torch.linspace(-10, 10, 4001).reshape(-1, 1, 1)
    assert abs(float(mixture.log_prob(grid).exp().sum() * 0.005) - 1) < 1e-4
    torch.testing.assert_close(log_q, mixture.log_prob(z))
    streams = Key(0, (0,)).streams("t")
    pieces = torch.cat([mixture.draw(streams, n)[0] for n in (3, 500, 97)])
    torch.testing.assert_close(pieces, z[:600])


def test_prior_draws_depend_on_the_datapoint_alone():
    prior = Independent(Normal(torch.zeros(2), 3.0), 1)
    both = PriorProposal(prior, 2).draw(Key(0, (4, 9)).streams("p"), 5)[0]
    one = PriorProposal(prior, 1).draw(Key(0, (9,)).streams("p"), 5)[0]
    assert torch.equal(both[:, 1:], one)
    assert not torch.equal(both[:, 0], both[:, 1])
    state = torch.random.get_rng_state()
    PriorProposal(prior, 2).draw(Key(0, (4, 9)).streams("p"), 5)
    assert torch.equal(state, torch.random.get_rng_state())
