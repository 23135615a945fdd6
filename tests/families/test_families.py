"""Transports and mixtures: densities, inverses, recognition."""

import pytest
import torch
from torch.distributions import (
    AffineTransform,
    Categorical,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    TanhTransform,
    TransformedDistribution,
)
from zuko.distributions import BoxUniform, DiagNormal, NormalizingFlow
from zuko.flows import MAF, NSF

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.families import DiagonalGaussian, FullRankGaussian, LowRankGaussian, Mixture
from gapkit.target import PriorProposal, family_name, recognise
from tests.families.members import member


def make(name):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    scale, raw = normal(4, 3).exp(), normal(4, 3, 3)
    tril = raw.tril(-1) + torch.diag_embed(raw.diagonal(dim1=1, dim2=2).exp())
    base = Independent(Normal(normal(4, 3), scale), 1)
    full = MultivariateNormal(normal(4, 3), scale_tril=tril)
    flow = TransformedDistribution(base, [AffineTransform(1.0, 0.3, event_dim=1), TanhTransform()])
    low = LowRankMultivariateNormal(normal(4, 3), normal(4, 3, 2), scale)
    slanted = TransformedDistribution(low, [AffineTransform(1.0, 0.3, event_dim=1), TanhTransform()])
    context = normal(4, 5)
    return {
        "mean_field": base,
        "full_rank": full,
        "low_rank": low,
        "transformed": flow,
        "transformed low rank": slanted,
        "transformed by zuko's MAF": zuko_flow(MAF, context),
        "transformed by zuko's NSF": zuko_flow(NSF, context),
    }[name]


def zuko_flow(kind, context):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind(3, context=context.shape[1], hidden_features=(8,)).to(context.dtype)(context)


TRANSPORTS = ["mean_field", "full_rank", "low_rank", "transformed"]
TRANSPORTS += ["transformed low rank", "transformed by zuko's MAF", "transformed by zuko's NSF"]


@pytest.mark.parametrize("name", TRANSPORTS)
def test_transports_agree_with_torch(name):
    dist = make(name)
    q = recognise(dist)
    assert family_name(q) == name.partition(" ")[0]
    u = torch.randn(7, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    z, log_q = q.push(u)
    torch.testing.assert_close(q.inverse(z), u)
    torch.testing.assert_close(log_q, dist.log_prob(z))
    torch.testing.assert_close(q.log_prob(z), dist.log_prob(z))
    assert q.marginal_scale().shape == (4, 3)


def test_families_have_the_names_of_the_settings():
    for name in ("mean_field", "full_rank", "low_rank", "flow", "auxiliary", "transformed"):
        assert family_name(member(name)) == name
    assert family_name(Mixture(torch.zeros(1, 4), (member("flow"),))) == "Mixture"


def test_low_rank_covariances_stay_as_they_are():
    dist = make("low_rank")
    q = recognise(dist)
    assert isinstance(q, LowRankGaussian)
    covariance = q.scale.square().diag_embed() + q.factor @ q.factor.mT
    torch.testing.assert_close(covariance, dist.covariance_matrix)


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


@pytest.mark.parametrize("kind", ["base", "base of a flow", "not flat"])
def test_what_is_no_transform_of_gaussian_noise_is_refused(kind):
    uniform = BoxUniform(-torch.ones(4, 3), torch.ones(4, 3))
    dist = {
        "base": TransformedDistribution(uniform, [TanhTransform()]),
        "base of a flow": NormalizingFlow(zuko_flow(MAF, torch.zeros(4, 5)).transform, uniform),
        "not flat": MultivariateNormal(torch.zeros(4, 3, 2), torch.eye(2)),
    }[kind]
    with pytest.raises(InputError, match="encode returned") as caught:
        recognise(dist)
    everywhere = ("LowRankMultivariateNormal", "NormalizingFlow", "TransportDistribution")
    for option in ("a Normal by [SigmoidTransform(), AffineTransform(-1, 2)]",) if kind == "base" else everywhere:
        assert option in caught.value.do


def test_zuko_flows_over_any_diagonal_gaussian():
    flow = zuko_flow(MAF, torch.zeros(4, 5).double())
    dist = NormalizingFlow(flow.transform, DiagNormal(torch.ones(4, 3).double(), torch.full((4, 3), 0.5).double()))
    z = torch.randn(6, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(recognise(dist).log_prob(z), dist.log_prob(z))


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
