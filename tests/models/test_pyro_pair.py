"""Pyro programs read as models: the same densities as Pyro's own traces, and exact answers."""

import contextlib
import copy

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn
from torch.distributions import MultivariateNormal

import gapkit
from gapkit.models import from_pyro
from gapkit.models.conditions import encode_with, prior_with
from tests.models import pyro_programs
from tests.models.pyro_programs import PROGRAMS, Tutorial, data


@pytest.fixture(autouse=True)
def _own_store():
    with pyro.get_param_store().scope():
        yield


def _quiet(apart):
    return contextlib.nullcontext() if apart else pytest.warns(gapkit.GapkitWarning, match="analysed as a whole")


def _made(name):
    build, family, apart = PROGRAMS[name]
    model, guide = build()
    if name in ("simplex", "topics"):
        pyro.param("alpha", torch.tensor(2.0), constraint=dist.constraints.positive)
    made = from_pyro(model, guide)
    with _quiet(apart):
        made.encode(data())
    assert (made.layout.family, not made.layout.apart) == (family, apart)
    return made, model, guide


def _traced(model, guide, x):
    """A draw of the guide, and per datapoint what Pyro makes of log p(x, z) and log q(z), without weights of plates."""
    of_guide = poutine.trace(guide).get_trace(x)
    of_model = poutine.trace(poutine.replay(model, of_guide)).get_trace(x)
    totals = []
    for trace in (of_model, of_guide):
        trace.compute_log_prob()
        sites = [site for site in trace.nodes.values() if site["type"] == "sample" and "log_prob" in site]
        sites = [site for site in sites if type(site["fn"]).__name__ != "_Subsample"]
        terms = [site["unscaled_log_prob"] for site in sites]
        totals.append(sum(term.reshape(-1, len(x)).sum(0) for term in terms))
    return {name: of_guide.nodes[name]["value"] for name in of_guide.stochastic_nodes if name != "data"}, *totals


@pytest.mark.parametrize("name", PROGRAMS)
def test_densities_are_those_of_pyros_own_traces(name):
    made, model, guide = _made(name)
    x = data(5, 1)
    torch.manual_seed(3)
    values, joint, log_q = _traced(model, guide, x)
    parts = [slot.flat(slot.bijection.inv(values[slot.name])) for slot in made.layout.slots]
    z = torch.cat(parts, 1)
    ladj = made.layout.values(z)[1]
    ours = made.prior().log_prob(z) + made.decode(z).log_prob(x)
    torch.testing.assert_close(ours, joint + ladj, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made.encode(x).log_prob(z), log_q + ladj, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made.log_joint(x, z), joint + ladj, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", PROGRAMS)
def test_more_latents_than_datapoints_and_a_copy(name):
    """What targets do: S draws of B datapoints in one call; in any process."""
    made, *_ = _made(name)
    made = copy.deepcopy(made)
    x = data(4, 2)
    z = made.encode(x).sample((3,))
    rows = x.repeat(3, 1)
    whole = made.decode(z.reshape(12, -1)).log_prob(rows).reshape(3, 4)
    single = torch.stack([made.decode(part).log_prob(x) for part in z])
    torch.testing.assert_close(whole, single, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        made.encode(x).log_prob(z), torch.stack([made.encode(x).log_prob(part) for part in z]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", [name for name, (_, _, apart) in PROGRAMS.items() if apart])
def test_draws_of_the_prior_have_its_density(name):
    """E_prior[r / p] = 1 for a density r inside it: a normal that is fitted to the draws and narrower."""
    made, *_ = _made(name)
    made.requires_grad_(False).eval()
    torch.manual_seed(0)
    prior = made.prior()
    z = prior.sample((4000,))
    assert made.decode(z[:5]).sample().shape == (5, pyro_programs.X)
    inner = MultivariateNormal(z.mean(0), 0.25 * torch.cov(z.T).reshape(z.shape[1], -1))
    weight = (inner.log_prob(z) - prior.log_prob(z)).exp()
    assert abs(float(weight.mean()) - 1.0) < 4.0 * float(weight.std()) / len(z) ** 0.5


def test_nothing_is_left_behind():
    made = from_pyro(Tutorial())
    state, before = torch.random.get_rng_state(), set(pyro.get_param_store().keys())
    made.encode(data())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert set(pyro.get_param_store().keys()) == before
    assert made.own.training


class Linear(nn.Module):
    """top ~ N(0, 1), z ~ N(a top, 1), x ~ N(W z, 0.5^2); the guide is the posterior, moved in z, widened in top."""

    def __init__(self, shift=0.0, widen=1.0):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.a = nn.Parameter(torch.tensor([0.8, -0.5]))
        self.w = nn.Parameter(torch.randn(4, 2, generator=generator))
        self.shift, self.widen = shift, widen

    def model(self, x):
        with pyro.plate("data", len(x)):
            top = pyro.sample("top", dist.Normal(x.new_zeros(len(x)), 1.0))
            z = pyro.sample("z", dist.Normal(top.unsqueeze(-1) * self.a, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ self.w.T, 0.5).to_event(1), obs=x)

    def guide(self, x):
        prior = torch.eye(2) + torch.outer(self.a, self.a)  # of z, top integrated out
        cov = torch.linalg.inv(torch.linalg.inv(prior) + self.w.T @ self.w / 0.25)
        with pyro.plate("data", len(x)):
            loc = x @ self.w @ cov / 0.25 + self.shift
            z = pyro.sample("z", dist.MultivariateNormal(loc, cov.expand(len(x), -1, -1)))
            precision = 1.0 + self.a @ self.a
            pyro.sample("top", dist.Normal(z @ self.a / precision, self.widen * precision.rsqrt()))

    def evidence(self, x):
        prior = torch.eye(2) + torch.outer(self.a, self.a)
        return MultivariateNormal(torch.zeros(4), self.w @ prior @ self.w.T + 0.25 * torch.eye(4)).log_prob(x)


@pytest.mark.slow
def test_a_chain_of_latents_is_exact():
    program = Linear(shift=0.3, widen=1.4).requires_grad_(False)
    made = from_pyro(program)
    torch.manual_seed(0)
    x = torch.randn(12, 4)
    result = gapkit.analyze(made, x, effort="quick", family="full_rank")
    table = result.to_frame()
    exact = program.evidence(x).detach().numpy()
    off = (table["log_px"] - exact) / table["log_px_se"]
    assert float(np.sqrt((off**2).mean())) < 1.5
    # z moved by s costs 0.5 s' C^-1 s, with C the posterior covariance of z; top widened by w 0.5 (w^2 - 1) - log w
    prior = torch.eye(2) + torch.outer(program.a, program.a)
    inverse = torch.linalg.inv(prior) + program.w.T @ program.w / 0.25
    gap = 0.5 * 0.09 * float(inverse.sum()) + 0.5 * (1.4**2 - 1.0) - np.log(1.4)
    assert abs(float((exact - table["elbo"]).mean()) - gap) < 4.0 * float(table["elbo_se"].max()) / len(x) ** 0.5
    assert float(table["approximation_gap"].abs().mean()) < 0.05 * gap
    assert result.run["families"]["encoder"] == "transformed"
    assert float(np.abs(table["total_gap"] - gap).max()) < 4.0 * float(table["total_gap_se"].max())


def test_conditions_go_to_both():
    def model(x, c):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(c, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x, c):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal((x + c) / 2, 0.5**0.5).to_event(1))

    made = from_pyro(model, guide)
    x, c = torch.randn(10, 2, generator=torch.Generator().manual_seed(0)), torch.arange(10.0).unsqueeze(1).expand(-1, 2)
    q = encode_with(made, x, c)
    z = q.sample((3,))
    prior = prior_with(made, c)
    assert prior.batch_shape == (10,)
    ours = prior.log_prob(z) + made.decode(z.reshape(30, 2), c.repeat(3, 1)).log_prob(x.repeat(3, 1)).reshape(3, 10)
    exact = MultivariateNormal(torch.zeros(2), 2.0 * torch.eye(2)).log_prob(x - c)
    torch.testing.assert_close(ours - q.log_prob(z), exact.expand(3, -1), rtol=1e-4, atol=1e-4)
    with pytest.raises(gapkit.InputError, match="needs a condition"):
        gapkit.analyze(made, x, effort="quick")


class Weighted(Tutorial):
    """KL annealing as people write it, and a mask on the pixels."""

    def model(self, x):
        with pyro.plate("data", len(x)):
            with poutine.scale(scale=0.1):
                z = pyro.sample("latent", dist.Normal(x.new_zeros(len(x), 2), 1.0).to_event(1))
            seen = dist.Bernoulli(logits=self.decoder(z)).mask(x.new_tensor([1, 1, 1, 0, 0, 0]).bool()).to_event(1)
            with poutine.mask(mask=x[:, 0] > 0):
                pyro.sample("obs", seen, obs=x)


def test_weights_and_masks_are_said():
    made = from_pyro(Weighted())
    x = data(5, 1)
    with pytest.warns(gapkit.GapkitWarning) as caught:
        made.encode(x)
    words = " ".join(str(entry.message) for entry in caught)
    assert "latent has the weight 0.1 (poutine.scale)" in words
    assert "obs is masked" in words
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    pixels = dist.Bernoulli(logits=made.own.decoder(z)).log_prob(x)[:, :3].sum(1)
    expected = dist.Normal(0.0, 1.0).log_prob(z).sum(1) + torch.where(x[:, 0] > 0, pixels, 0.0)
    torch.testing.assert_close(made.log_joint(x, z), expected)


def _program(model_lines, guide_lines):
    """Model and guide of latents as given, both with x observed."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = model_lines(x)
            pyro.sample("x", dist.Normal(z.reshape(-1, 1), 1.0).expand([len(x), x.shape[1]]).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            guide_lines(x)

    return model, guide


def _normal(x):
    return pyro.sample("z", dist.Normal(x.new_zeros(len(x)), 1.0))


def _coin(x):
    return pyro.sample("z", dist.Bernoulli(0.5 * x.new_ones(len(x))))


def _global_model(x):
    scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(_normal(x), scale), obs=x[:, 0])


def _global_guide(x):
    pyro.sample("scale", dist.LogNormal(0.0, 0.1))
    with pyro.plate("data", len(x)):
        _normal(x)


def _loose(x):
    return pyro.sample("z", dist.Normal(pyro.param("loc", torch.zeros(())), x.new_ones(len(x))))


def _factor(x):
    pyro.factor("more", x.sum(1), has_rsample=False)
    return _normal(x)


@pytest.mark.parametrize(
    ("model", "guide", "words"),
    [
        (*_program(_coin, _coin), "there is no gradient in it"),
        (_global_model, _global_guide, "outside of their plate"),
        (*_program(_normal, lambda x: pyro.sample("z", dist.Gumbel(x[:, 0], 1.0))), "transforms of Gaussian noise"),
        (*_program(_normal, lambda x: pyro.sample("z", dist.Delta(x[:, 0]))), "transforms of Gaussian noise"),
        (*_program(_normal, lambda x: pyro.sample("w", dist.Normal(x[:, 0], 1.0))), "z in the model alone"),
        (*_program(_normal, lambda x: (_normal(x), pyro.sample("w", dist.Normal(x[:, 0], 1.0)))), "in the guide alone"),
        (*_program(_normal, _factor), "pyro.factor"),
        (*_program(_loose, _normal), "the trained value of pyro.param"),
        (lambda x: pyro.sample("z", dist.Normal(0.0, x.new_ones(len(x)))), _normal, "observes the data"),
    ],
)
def test_what_is_refused(model, guide, words):
    with pytest.raises(gapkit.InputError, match=words):
        from_pyro(model, guide).encode(data())


def test_what_is_no_program():
    with pytest.raises(gapkit.InputError, match="give both"):
        from_pyro(nn.Linear(1, 1))
    with pytest.raises(gapkit.InputError, match="no data that it could be run on"):
        from_pyro(Tutorial()).prior()
    assert from_pyro(Tutorial(), x=data()).prior().event_shape == (2,)
