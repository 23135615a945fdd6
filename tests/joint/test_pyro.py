"""Pyro programs as hierarchical models: the same densities as those written by hand."""

import pytest
import torch
from torch.distributions import HalfNormal, LogNormal, Normal

from gapkit.core.errors import InputError
from gapkit.joint import analyze
from gapkit.joint.models import Linear
from gapkit.joint.pyro import from_pyro

pyro = pytest.importorskip("pyro")
dist = pyro.distributions

X = Linear().simulate(8, 0)


def means(x):
    mean = pyro.sample("mean", dist.Normal(x.new_zeros(()), 2.0))
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(mean, 1.0))
        pyro.sample("x", dist.Normal(z, 0.5), obs=x[:, 0])


def scales(x):
    scale = pyro.sample("scale", dist.HalfNormal(x.new_ones(())))
    with pyro.plate("data", len(x)):
        rate = pyro.sample("rate", dist.LogNormal(x.new_zeros(()), scale))
        pyro.sample("x", dist.Normal(rate, 1.0), obs=x[:, 0])


def test_densities_are_those_of_the_program():
    model = from_pyro(means, X)
    theta, z = torch.randn(3, 1).double(), torch.randn(3, 8, 1).double()
    torch.testing.assert_close(model.log_prior(theta), Normal(0.0, 2.0).log_prob(theta)[:, 0])
    by_hand = Normal(theta, 1.0).log_prob(z[..., 0]) + Normal(z[..., 0], 0.5).log_prob(X[:, 0])
    torch.testing.assert_close(model.log_local(theta, z, X), by_hand)


def test_positive_latents_come_as_logarithms():
    model = from_pyro(scales, X)
    theta, z = torch.randn(3, 1).double(), torch.randn(3, 8, 1).double()
    scale, rate = theta.exp(), z.exp()[..., 0]
    torch.testing.assert_close(model.log_prior(theta), (HalfNormal(1.0).log_prob(scale) + theta)[:, 0])
    by_hand = LogNormal(0.0, scale).log_prob(rate) + z[..., 0] + Normal(rate, 1.0).log_prob(X[:, 0])
    torch.testing.assert_close(model.log_local(theta, z, X), by_hand)


def test_a_pyro_program_gets_its_verdict():
    found = analyze(from_pyro(means, X), X)
    assert found.study.objective == "exact"
    assert found.verdict()[0].startswith("Amortize: a polynomial of degree 1 in x[n] loses 0.000 nats")


def discrete(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Bernoulli(x.new_full((), 0.5)))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x[:, 0])


def shared_alone(x):
    mean = pyro.sample("mean", dist.Normal(x.new_zeros(()), 2.0))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(mean, 0.5), obs=x[:, 0])


@pytest.mark.parametrize(("program", "said"), [(discrete, "discrete site 'z'"), (shared_alone, "no latent site")])
def test_programs_that_do_not_fit_are_refused(program, said):
    with pytest.raises(InputError, match=said):
        from_pyro(program, X)
