"""Guides of Gamma, Beta and Dirichlet sites: the real Pyro, against conjugate posteriors in closed form."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.distributions.transforms import conditional_affine_coupling, planar, radial
from torch import nn
from torch.distributions import Beta, Dirichlet, Gamma, kl_divergence

import gapkit
from gapkit.models import from_pyro
from gapkit.target import family_name, recognise
from tests.models.pyro_programs import Tutorial, data


@pytest.fixture(autouse=True)
def _own_store():
    with pyro.get_param_store().scope():
        yield


class Conjugate:
    """A prior, a likelihood and the exact posterior; the guide's is that, sharpened."""

    sharpen = 1.5

    def data(self, count):
        return data(count, 1)

    def model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", self.prior(x))
            pyro.sample("x", self.likelihood(z), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", self.posterior(x, self.sharpen))

    def evidence(self, x):
        """Log p(x) by Bayes' rule at any z."""
        z = self.posterior(x).mean
        return self.prior(x).log_prob(z) + self.likelihood(z).log_prob(x) - self.posterior(x).log_prob(z)

    def amortization(self, x):
        return kl_divergence(self.posterior(x, self.sharpen), self.posterior(x))


class Counts(Conjugate):
    """Rates and three counts of each."""

    def prior(self, x):
        return dist.Gamma(2.0 * x.new_ones(len(x), 2), 1.0).to_event(1)

    def likelihood(self, z):
        return dist.Poisson(z.repeat_interleave(3, 1)).to_event(1)

    def posterior(self, x, factor=1.0):
        counts = x.reshape(-1, 2, 3).sum(2)
        return dist.Gamma(factor * (2.0 + counts), factor * torch.full_like(counts, 4.0)).to_event(1)


class Coins(Conjugate):
    """Probabilities and three throws of each."""

    def prior(self, x):
        return dist.Beta(2.0 * x.new_ones(len(x), 2), 1.0).to_event(1)

    def likelihood(self, z):
        return dist.Bernoulli(z.repeat_interleave(3, 1)).to_event(1)

    def posterior(self, x, factor=1.0):
        heads = x.reshape(-1, 2, 3).sum(2)
        return dist.Beta(factor * (2.0 + heads), factor * (1.0 + 3.0 - heads)).to_event(1)


class Words(Conjugate):
    """Shares of six words, and which ones the next four were."""

    def data(self, count):
        torch.manual_seed(0)
        return dist.Multinomial(4, probs=torch.tensor([0.3, 0.1, 0.2, 0.1, 0.2, 0.1])).sample((count,))

    def prior(self, x):
        return dist.Dirichlet(1.5 * x.new_ones(len(x), 6))

    def likelihood(self, z):
        return dist.Multinomial(4, probs=z)

    def posterior(self, x, factor=1.0):
        return dist.Dirichlet(factor * (1.5 + x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "family", "plain"), [(Counts, "gamma", Gamma), (Coins, "beta", Beta), (Words, "dirichlet", Dirichlet)]
)
def test_a_guide_is_analysed_in_its_own_family(kind, family, plain):
    program = kind()
    x = program.data(12)
    inner = program.posterior(x)
    assert isinstance(getattr(inner, "base_dist", inner), plain)
    result = gapkit.analyze(from_pyro(program), x, effort="quick")
    families = result.summary_values.families
    assert families.encoder == families.split == family
    table = result.to_frame()
    for name, exact in (
        ("log_px", program.evidence(x)),
        ("elbo", program.evidence(x) - program.amortization(x)),
        ("amortization_gap", program.amortization(x)),
        ("approximation_gap", torch.zeros(12)),
    ):
        z = (table[name] - exact.numpy()) / (table[f"{name}_se"] + 1e-3)
        assert abs(z).max() < 4.5, name
        assert abs(table[f"{name}_se"]).max() < 0.2, name


def test_the_posterior_of_a_guide_is_a_member_without_any_flag():
    for kind, family in ((Counts, "gamma"), (Coins, "beta"), (Words, "dirichlet")):
        q = from_pyro(kind()).encode(kind().data(4))
        assert family_name(recognise(q)) == family


class Flowing(Tutorial):
    """A flow of Pyro's on top of a normal, given what the encoder says of x, or not."""

    def __init__(self, kind):
        super().__init__()
        self.flow = {
            "planar": lambda: planar(2),
            "radial": lambda: radial(2),
            "coupling": lambda: conditional_affine_coupling(2, 4, hidden_dims=[8]),
        }[kind]()

    def guide(self, x):
        with pyro.plate("data", len(x)):
            out = self.encoder(x)
            loc, log_scale = out.chunk(2, -1)
            normal = dist.Normal(loc, log_scale.exp()).to_event(1)
            flow = self.flow.condition(out) if hasattr(self.flow, "condition") else self.flow
            pyro.sample("latent", dist.TransformedDistribution(normal, [flow]))


@pytest.mark.parametrize("kind", ["planar", "radial", "coupling"])
def test_flows_of_pyro_are_drawn_from_with_or_without_an_inverse(kind):
    torch.manual_seed(0)
    program, x = Flowing(kind), data(5, 1)
    q = recognise(from_pyro(program).encode(x))
    assert family_name(q) == "transformed"
    assert hasattr(q, "log_prob") == (kind == "coupling")
    noise = torch.randn(4, 5, 2)
    z, log_q = q.push(noise)
    with torch.no_grad():
        out = program.encoder(x)
        loc, scale = out[:, :2], out[:, 2:].exp()
        flow = program.flow.condition(out) if kind == "coupling" else program.flow
        base = loc + scale * noise
        exact = dist.Normal(loc, scale).to_event(1).log_prob(base) - flow.log_abs_det_jacobian(base, flow(base))
    torch.testing.assert_close(z, flow(base), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(log_q, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["planar", "coupling"])
def test_flows_of_pyro_are_compared_with_coupling_layers(kind):
    torch.manual_seed(0)
    result = gapkit.analyze(from_pyro(Flowing(kind)), data(10, 1), effort="quick")
    assert result.summary_values.families.split == "flow"
    assert (result.to_frame()["status"] == "ok").mean() >= 0.8


class Mixed(nn.Module):
    """A rate and a normal latent, whose mean in the guide depends on the rate."""

    def model(self, x):
        with pyro.plate("data", len(x)):
            rate = pyro.sample("rate", dist.Gamma(x.new_full((len(x),), 2.0), 1.0))
            shift = pyro.sample("shift", dist.Normal(x.new_zeros(len(x)), 1.0))
            pyro.sample("x", dist.Normal((shift + rate.log()).unsqueeze(1).expand(-1, 6), 1.0).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x)):
            rate = pyro.sample("rate", dist.Gamma(3.0 + x.sum(1), 2.0))
            pyro.sample("shift", dist.Normal(0.5 - rate.log(), 0.5))


def test_sites_of_several_kinds_are_drawn_from_and_have_their_densities():
    made, x = from_pyro(Mixed()), data(5, 1)
    q = recognise(made.encode(x))
    assert made.layout.family == "general"
    assert not hasattr(q, "log_prob")  # a Gamma site goes one way
    torch.manual_seed(0)
    y, log_q = q.push(torch.randn(50, 5, 2))
    rate, shift = y.unbind(-1)
    exact = dist.Gamma(3.0 + x.sum(1), 2.0).log_prob(rate.exp()) + rate  # of log z
    exact = exact + dist.Normal(0.5 - rate, 0.5).log_prob(shift)
    torch.testing.assert_close(log_q, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_sites_of_several_kinds_are_compared_with_a_flow():
    result = gapkit.analyze(from_pyro(Mixed()), data(10, 1), effort="quick")
    assert result.summary_values.families.split == "flow"
    table = result.to_frame()
    grid = torch.linspace(-12.0, 6.0, 4001, dtype=torch.float64)  # of log rate; shift is integrated out exactly
    x = data(10, 1).double()
    cov = torch.eye(6, dtype=torch.float64) + 1.0
    mean = grid.unsqueeze(1).expand(-1, 6).unsqueeze(1)
    inner = torch.distributions.MultivariateNormal(mean, cov).log_prob(x)
    prior = Gamma(torch.tensor(2.0).double(), torch.tensor(1.0).double()).log_prob(grid.exp()) + grid
    exact = torch.logsumexp(prior.unsqueeze(1) + inner, 0) + (grid[1] - grid[0]).log()
    assert abs(table["log_px"] - exact.numpy()).max() < 0.05
