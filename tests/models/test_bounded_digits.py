"""Latents with a bounded support in float32: whole analyses and bounds, held to closed forms and to quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy import special
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Gamma,
    Independent,
    InverseGamma,
    LogNormal,
    MixtureSameFamily,
    Normal,
    Poisson,
    StudentT,
    TransformedDistribution,
    Weibull,
)
from torch.distributions.transforms import ExpTransform, SoftplusTransform

import gapkit
from gapkit.models.coordinates import in_real_coordinates
from gapkit.models.pulled import pulled
from gapkit.target import Target
from tests.fast import only


def _rms(error, std_error):
    return float(((error / std_error.clip(lower=1e-3)) ** 2).mean() ** 0.5)


class Conjugate:
    """Counts or flips under concentrations of any size; q is the posterior."""

    def __init__(self, kind, size, dtype=torch.float32):
        self.kind, self.size, self.dtype = kind, size, dtype

    def full(self, *values):
        return torch.tensor(values, dtype=self.dtype)

    def prior(self):
        a = self.size
        if self.kind == "dirichlet":
            return Dirichlet(self.full(a, a, 2 * a))
        if self.kind == "gamma":
            return Independent(Gamma(self.full(a, a), self.full(a, a) / 5), 1)
        return Independent(Beta(self.full(a, a), self.full(2 * a, 2 * a)), 1)

    def encode(self, x):
        a = self.size
        if self.kind == "dirichlet":  # the total of z is one: Poisson counts are as good as those of a multinomial
            return Dirichlet(self.full(a, a, 2 * a) + x)
        if self.kind == "gamma":
            counts = x.reshape(-1, 2, 3).sum(-1)
            return Independent(Gamma(a + counts, self.full(a / 5 + 3.0).expand_as(counts)), 1)
        ones = x.reshape(-1, 2, 4).sum(-1)
        return Independent(Beta(a + ones, 2 * a + 4 - ones), 1)

    def decode(self, z):
        if self.kind == "dirichlet":
            return Independent(Poisson(20.0 * z), 1)
        if self.kind == "gamma":
            return Independent(Poisson(z.repeat_interleave(3, -1)), 1)
        return Independent(Bernoulli(z.repeat_interleave(4, -1)), 1)

    def sample(self, count):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return self.decode(self.prior().sample((count,))).sample()

    def log_px(self, x):
        exact, x = Conjugate(self.kind, self.size, torch.float64), x.double()
        z = exact.encode(x).mean
        return exact.prior().log_prob(z) + exact.decode(z).log_prob(x) - exact.encode(x).log_prob(z)


@pytest.mark.parametrize("size", [0.05, 1.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("kind", ["dirichlet", "gamma", "beta"])
def test_concentrations_of_any_size(kind, size):
    model = Conjugate(kind, size)
    x = model.sample(20)
    if size < 1:
        x = x.nan_to_num(0.0)
    for estimator in (gapkit.Elbo(num_samples=200), gapkit.Iwae(num_samples=200)):
        found = estimator(model, x, model.encode(x))
        off = found.value - model.log_px(x)
        assert float(off.abs().mean()) < 5e-4
        assert float((off.abs() / found.std_error.clamp(min=1e-3)).max()) < 3.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dirichlet", "gamma", "beta"])
def test_a_whole_analysis_with_large_concentrations(kind):
    model = Conjugate(kind, 1e4)
    x = model.sample(20)
    table = gapkit.analyze(model, x, effort="quick").to_frame()
    exact = model.log_px(x).numpy()
    for column in ("elbo", "elbo_star", "log_px"):
        assert _rms(table[column] - exact, table[f"{column}_se"]) < 2.0, column
    assert (table["status"] == "ok").mean() > 0.8


class Mixed:
    """Five flips of each of two coins whose prior is a mixture of two beta distributions; q is any beta."""

    def __init__(self, kind, dtype=torch.float32):
        self.kind, self.dtype = kind, dtype
        self.a = torch.tensor([[0.05, 0.05], [0.05, 3.0]], dtype=dtype)  # components, their two concentrations
        self.weights = torch.tensor([0.7, 0.3], dtype=dtype)

    def prior(self):
        if self.kind == "of each":
            parts = Beta(*(self.a[:, i].expand(2, 2) for i in range(2)))
            return Independent(MixtureSameFamily(Categorical(self.weights.expand(2, 2)), parts), 1)
        parts = Independent(Beta(*(self.a[:, i : i + 1].expand(2, 2) for i in range(2))), 1)
        return MixtureSameFamily(Categorical(self.weights), parts)

    def encode(self, x):
        ones = x.reshape(-1, 2, 5).sum(-1)
        return Independent(Beta(0.05 + ones, 0.05 + 5 - ones), 1)

    def decode(self, z):
        return Independent(Bernoulli(z.repeat_interleave(5, -1)), 1)

    def log_px(self, x):
        """Every component is conjugate."""
        ones = x.reshape(-1, 2, 5).sum(-1).double().numpy()[..., None]
        a, b = self.a.double().numpy().T
        each = special.betaln(a + ones, b + 5 - ones) - special.betaln(a, b)  # (B, 2 coins, K)
        weights = np.log(self.weights.double().numpy())
        if self.kind == "of each":
            return special.logsumexp(each + weights, -1).sum(-1)
        return special.logsumexp(each.sum(1) + weights, -1)


@pytest.mark.parametrize("kind", ["of both", "of each"])
def test_a_mixture_near_the_bounds_is_that_of_the_coordinates(kind):
    """Its density in y integrates to one, and its tails are those of float64 where z has no digits left."""
    model = Mixed(kind)
    real = in_real_coordinates(model, torch.zeros(1, 10)).prior()
    y = torch.tensor([[-60.0, 30.0], [0.3, -0.2], [80.0, -200.0]])
    a, b = model.a.double().numpy().T
    each = [
        -a * np.logaddexp(0.0, -part) - b * np.logaddexp(0.0, part) - special.betaln(a, b)
        for part in y.double().numpy()[..., None].transpose(1, 0, 2)
    ]
    weights = np.log(model.weights.double().numpy())
    exact = (
        sum(special.logsumexp(part + weights, -1) for part in each)
        if kind == "of each"
        else special.logsumexp(sum(each) + weights, -1)
    )
    np.testing.assert_allclose(real.log_prob(y).double().numpy(), exact, rtol=2e-6, atol=2e-5)

    if kind == "of each":
        grid = torch.linspace(-400.0, 400.0, 80_001)
        both = real.log_prob(grid.unsqueeze(1).expand(-1, 2)).double()
        assert float(torch.trapezoid((0.5 * both).exp(), grid.double())) == pytest.approx(1.0, abs=1e-4)
    draws = real.sample((4000,))
    assert draws.isfinite().all()
    assert float((draws > 0).float().mean()) == pytest.approx(0.35 + 0.3 * special.betainc(3.0, 0.05, 0.5), abs=0.03)


@pytest.mark.parametrize(
    "prior",
    [
        lambda: MixtureSameFamily(
            Categorical(torch.tensor([0.3, 0.7])),
            Independent(LogNormal(torch.tensor([[0.0, 1.0], [1.0, -1.0]]), 0.5), 1),
        ),
        lambda: MixtureSameFamily(  # of each datapoint's own
            Categorical(torch.tensor([[0.3, 0.7]]).expand(3, 2)),
            Independent(Gamma(torch.tensor([[2.0, 1.0], [1.0, 3.0]]).expand(3, 2, 2), 1.5), 1),
        ),
        lambda: Independent(
            MixtureSameFamily(
                Categorical(torch.tensor([0.3, 0.7]).expand(2, 2)), Weibull(torch.tensor([1.0, 2.0]).expand(2, 2), 1.5)
            ),
            1,
        ),
    ],
    ids=["log-normal", "for each datapoint", "Weibull of each"],
)
def test_further_mixtures_of_positive_latents(prior):
    y = torch.randn(5, 3, 2, generator=torch.Generator().manual_seed(0))
    found = pulled(prior(), ExpTransform(), torch.Size([2]))
    assert found.event_shape == (2,)
    torch.testing.assert_close(found.log_prob(y), prior().log_prob(y.exp()) + y.sum(-1), rtol=1e-5, atol=1e-5)
    assert not isinstance(found, TransformedDistribution)
    assert found.sample((7,)).shape == (7, *prior().batch_shape, 2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["of both", "of each"])
def test_a_whole_analysis_under_a_mixture(kind):
    model = Mixed(kind)
    x = torch.bernoulli(torch.full((12, 10), 0.5), generator=torch.Generator().manual_seed(0))
    x[:2], x[2] = 1.0, 0.0
    table = gapkit.analyze(model, x, effort="quick").to_frame()
    assert _rms(table["log_px"] - model.log_px(x), table["log_px_se"]) < 2.0


@pytest.mark.parametrize("df", only([1e-2, 1.0, 1e2, 1e4, 1e6], 1.0, 1e6))
@pytest.mark.parametrize("kind", ["student", "inverse gamma", "gamma by softplus"])
def test_priors_without_a_family_keep_their_digits_too(kind, df):
    class Model:
        def encode(self, x):
            q = Independent(Normal(x, 0.5 / df**0.5 if df > 1 else 0.5), 1)
            if kind == "student":
                return Independent(Normal(x, 0.5), 1)
            if kind == "inverse gamma":
                return Independent(LogNormal(x, q.base_dist.scale), 1)
            return TransformedDistribution(q, [SoftplusTransform()])

        def decode(self, z):
            return Independent(Normal(z, 1.0), 1)

        def prior(self, dtype=torch.float32):
            df_ = torch.full((2,), df, dtype=dtype)
            if kind == "student":
                return Independent(StudentT(df_, 0.0, 1.0), 1)
            return Independent((InverseGamma if kind == "inverse gamma" else Gamma)(df_, df_), 1)

    model = Model()
    x = torch.zeros(3, 2) if kind != "gamma by softplus" else torch.full((3, 2), math.log(math.e - 1.0))
    real = in_real_coordinates(model, x)
    y = real.encode(x).sample((50,))
    found = Target(real, x).log_prior(y).double()
    model.prior = lambda: Model.prior(model, torch.float64)
    exact = real.prior().log_prob(y.double())
    assert float((found - exact).mean().abs()) < 5e-4
    assert float((found - exact).abs().max()) < 5e-3


def test_a_density_alone_is_as_precise_as_its_reference():
    """Log p(x, z) with a wide Student-t prior of 1e6 degrees of freedom: the reference is taken off and put back."""
    prior = Independent(StudentT(torch.full((2,), 1e6), 0.0, 1.0), 1)
    normal = Independent(Normal(torch.zeros(2), 1.0), 1)
    x, z = torch.zeros(3, 2), torch.randn(50, 3, 2, generator=torch.Generator().manual_seed(0))
    model = gapkit.from_joint(lambda x, z: normal.log_prob(z), lambda x: Independent(Normal(x, 1.0), 1), prior=prior)
    assert float((Target(model, x).log_joint(z) - normal.log_prob(z)).abs().max()) < 1e-5
