"""Models at the border of the contract: each is analysed rightly, or refused with reasons, before any work."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import (
    Bernoulli,
    Exponential,
    Independent,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    Uniform,
)
from torch.distributions.transforms import TanhTransform

import gapkit
from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.estimators import Ais, Iwae
from gapkit.estimators.evidence import Policy, estimate_evidence
from gapkit.families import DiagonalGaussian, Mixture
from gapkit.results.records import Skipped
from gapkit.results.summary import summarise
from gapkit.results.verdict import verdict
from gapkit.target import PriorProposal, Target, recognise


class Model:
    """A decoder of two latents and whatever else a test wants."""

    def __init__(self, prior=None, decode=None, loc=0.0, scale=0.7, latent=2):
        torch.manual_seed(0)
        self.net, self.latent = nn.Linear(latent, 6).requires_grad_(False), latent
        self._prior = prior or Independent(Normal(torch.zeros(latent), torch.ones(latent)), 1)
        self._decode, self.loc, self.scale = decode, loc, scale

    def encode(self, x):
        loc = torch.full((len(x), self.latent), self.loc)
        return Independent(Normal(loc, torch.full_like(loc, self.scale)), 1)

    def decode(self, z):
        return self._decode(self, z) if self._decode else Independent(Bernoulli(logits=self.net(z)), 1)

    def prior(self):
        return self._prior


def data(count=6):
    return torch.bernoulli(torch.full((count, 6), 0.5), generator=torch.Generator().manual_seed(1))


def agree(one, other):
    error = (one.std_error**2 + other.std_error**2).sqrt()
    return bool(((one.value - other.value).abs() < 4 * error).all())


class Scalar(Model):
    """Latents without an axis: event shape ()."""

    def encode(self, x):
        return Normal(torch.zeros(len(x)), 0.7)

    def decode(self, z):
        return Independent(Bernoulli(logits=z.unsqueeze(-1) * torch.linspace(-2, 2, 6)), 1)

    def prior(self):
        return Normal(torch.zeros(()), torch.ones(()))


def test_a_latent_without_an_axis():
    model, x = Scalar(), data()
    q = model.encode(x)
    assert agree(Ais()(model, x, q), Iwae(num_samples=4000)(model, x, q))
    assert (gapkit.analyze(model, x, effort="quick").to_frame()["status"] == "ok").all()


@pytest.mark.slow
def test_a_prior_of_bounded_support_has_no_density_beyond_it():
    prior = Independent(Exponential(torch.ones(2)), 1)
    model, x = Model(prior, loc=0.5), data()
    axis = torch.linspace(0, 20, 1500)
    grid = torch.cartesian_prod(axis, axis)
    inner = torch.stack([model.decode(grid).log_prob(row.expand(len(grid), 6)) for row in x]).double()
    # The cells on the border count half: the trapezoidal rule.
    weight = torch.where(grid == 0, 0.5, 1.0).prod(1).log() + 2 * (axis[1] - axis[0]).log()
    truth = torch.logsumexp(inner + prior.log_prob(grid) + weight, 1)
    q = Independent(Normal(torch.full((6, 2), 0.8), 1.0), 1)
    for found in (Iwae(num_samples=20_000)(model, x, q), Ais(num_chains=400)(model, x, PriorProposal(prior, 6))):
        assert float(((found.value - truth) / found.std_error).abs().max()) < 4.5


@pytest.mark.parametrize(
    "model",
    [
        Model(Independent(Uniform(-3 * torch.ones(2), 3 * torch.ones(2), validate_args=False), 1)),
        Model(decode=lambda m, z: Independent(Bernoulli(logits=torch.zeros(len(z), 6)), 1)),
        Model(decode=lambda m, z: Independent(Normal(z.sum(-1, keepdim=True).expand(-1, 6), 0.5), 1)),
    ],
    ids=["a prior without slope", "a decoder that ignores z", "a decoder of sums"],
)
def test_gradients_that_vanish_or_broadcast(model):
    frame = gapkit.analyze(model, data(), effort="quick").to_frame()
    assert np.isfinite(frame["log_px"]).all()


class Doubled(Bernoulli):
    """A subclass with a density of its own."""

    def log_prob(self, value):
        return 2 * super().log_prob(value)


def jumpy(model, z):
    logits = model.net(z)
    return Independent(Bernoulli(logits=logits * (2.0 if bool((logits.abs() > 50).any()) else 1.0)), 1)


def in_the_tails(model, z):
    scale = torch.where((z > 5).any(-1, keepdim=True), 1.0, 0.1)
    return Independent(Normal(model.net(z), scale.expand(-1, 6)), 1)


@pytest.mark.parametrize("decode", [jumpy, in_the_tails], ids=["a branch", "a scale that changes in the tails"])
def test_decoders_that_only_look_like_chains_are_not_read(decode):
    model, x = Model(decode=decode), data()
    target = Target(model, x)
    assert not target.by_hand
    z = 10 * torch.randn(50, 6, 2)
    rows = torch.stack([model.decode(part).log_prob(x) for part in z])
    with torch.no_grad():
        assert torch.allclose(target.log_likelihood(z), rows) or decode is jumpy


def test_a_subclass_is_not_taken_for_its_base():
    model, x = Model(decode=lambda m, z: Independent(Doubled(logits=m.net(z)), 1)), data()
    target, z = Target(model, x), torch.randn(5, 6, 2)
    assert not target.by_hand
    with torch.no_grad():
        torch.testing.assert_close(target.log_likelihood(z)[0], model.decode(z[0]).log_prob(x))


def test_a_flow_has_no_density_where_it_does_not_reach():
    flow = recognise(TransformedDistribution(Independent(Normal(torch.zeros(1, 2), 1.0), 1), [TanhTransform()]))
    wide = DiagonalGaussian(torch.zeros(1, 2), torch.full((1, 2), 2.0))
    mixture = Mixture(torch.full((2, 1), 0.5).log(), (flow, wide))
    z = torch.full((1, 1, 2), 3.0)
    assert float(mixture.log_prob(z)) == pytest.approx(float(wide.log_prob(z)) + np.log(0.5), abs=1e-5)
    value, gradient = mixture.log_prob_and_grad(z)
    assert bool(value.isfinite().all())
    torch.testing.assert_close(gradient, -z / 4)


def test_more_rounds_for_a_batch_that_cannot_be_cut():
    model, x = Model(), data(12)
    flow = recognise(TransformedDistribution(Independent(Normal(torch.zeros(12, 2), 0.3), 1), [TanhTransform()]))
    mixture = Mixture(torch.zeros(1, 12), (flow,))
    policy = Policy(pooled=Iwae(num_samples=50), ais=Ais(num_chains=8, num_temperatures=5), target_se=0.05)
    with torch.no_grad():
        found = estimate_evidence(Target(model, x), mixture, Key(0, tuple(range(12))), policy)
        adaptive = Ais(schedule="adaptive")(model, x, flow)
    assert bool(found.log_px.value.isfinite().all())
    assert adaptive.diagnostics["temperatures"].unique().numel() == 1


class OnePoint(Model):
    """An encoder whose scale underflows to zero for the first datapoint."""

    def encode(self, x):
        scale = torch.full((len(x), 2), 0.7)
        scale[(x == self.special).all(-1)] = 0.0
        return Independent(Normal(torch.zeros(len(x), 2), scale, validate_args=False), 1)


def test_an_encoder_without_width_at_one_datapoint_spoils_no_other():
    model, x = OnePoint(), torch.eye(6)
    model.special = x[0]
    with pytest.warns(GapkitWarning, match="2 of 12 are zero or negative"):
        frame = gapkit.analyze(model, x, effort="quick").to_frame()
    assert np.isfinite(frame["log_px"]).all()
    assert (frame["status"][1:] == "ok").all()


def holes(model, z):
    logits = torch.where(z[:, :1] > 1.5, torch.nan, model.net(z))
    return Independent(Bernoulli(logits=logits, validate_args=False), 1)


@pytest.mark.slow
def test_a_certificate_that_fails_costs_no_analysis():
    spec = replace(spec_for("quick"), certificate=50)
    result = gapkit.analyze(Model(decode=holes), data(), spec)
    assert isinstance(result.summary_values.certificate, Skipped)
    assert len(result.to_frame()) == 6


def test_too_many_latents_for_full_rank_are_refused_before_any_work():
    class Wide(Model):
        def encode(self, x):
            return MultivariateNormal(torch.zeros(len(x), 520), torch.eye(520).expand(len(x), 520, 520))

    calls = []
    with pytest.raises(InputError, match="520 latent dimensions"):
        gapkit.analyze(Wide(latent=520), data(), effort="quick", progress=calls.append)
    assert calls == []


def test_one_finite_datapoint_among_others_gives_no_advice():
    frame = gapkit.analyze(Model(), data(), effort="quick").to_frame()
    gaps = ["log_px", "total_gap", "amortization_gap", "approximation_gap", "amortization_minus_approximation"]
    frame.loc[1:, gaps] = np.nan
    words = " ".join(verdict(summarise(frame)))
    assert "one datapoint cannot say" in words
    assert "Fix the" not in words
