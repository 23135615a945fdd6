"""Classes beside continuous latents, summed out: held to a mixture of linear-Gaussian models."""

import pytest
import torch
from torch import nn
from torch.distributions import Independent, MultivariateNormal, Normal

import gapkit
from gapkit import InputError
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.estimators import Elbo
from gapkit.local import fit_batch
from gapkit.models import classes_summed_out
from gapkit.target import Target
from tests.fast import only

DTYPE = torch.float64
WEIGHT = torch.tensor([[1.0, 0.0], [0.0, 1.5], [1.0, 0.0], [0.0, -0.5]], dtype=DTYPE)  # orthogonal: q can be exact
SHIFTS = torch.tensor([[1.5, 0.0, 0.0, 0.0], [0.0, -1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 2.0]], dtype=DTYPE)
PRIORS = torch.tensor([[0.0, 0.0], [2.0, 1.0], [-1.0, 2.0]], dtype=DTYPE)
LOGITS = torch.tensor([0.0, 0.5, -0.5], dtype=DTYPE)
NOISE = 0.6


class PerClass(nn.Module):
    """z|y ~ N(m_y, I) or N(0, I), x|z, y ~ N(W z + b_y, 0.6^2); ``factor`` multiplies the means of q(z|x, y)."""

    def __init__(self, factor=1.0, own_priors=True):
        super().__init__()
        self.factor, self.own_priors = factor, own_priors
        self.precision = torch.eye(2, dtype=DTYPE) + WEIGHT.T @ WEIGHT / NOISE**2

    def means(self, y):
        return PRIORS[y] if self.own_priors else torch.zeros(len(y), 2, dtype=DTYPE)

    def encode(self, x, y):
        rhs = self.means(y) + (x - SHIFTS[y]) @ WEIGHT / NOISE**2
        mean = self.factor * torch.linalg.solve(self.precision, rhs.T).T
        return Independent(Normal(mean, self.precision.diagonal().rsqrt().expand_as(mean)), 1)

    def decode(self, z, y):
        return Independent(Normal(z @ WEIGHT.T + SHIFTS[y], NOISE), 1)

    def prior(self, y):
        return Independent(Normal(self.means(y), 1.0), 1)

    def joint(self, x):
        """log p(x, y), shape (B, 3)."""
        cov = WEIGHT @ WEIGHT.T + NOISE**2 * torch.eye(4, dtype=DTYPE)
        y = torch.arange(3)
        parts = MultivariateNormal(self.means(y) @ WEIGHT.T + SHIFTS, cov)
        return torch.log_softmax(LOGITS, 0) + parts.log_prob(x.unsqueeze(1))


class CommonPrior(PerClass):
    def __init__(self, factor=1.0):
        super().__init__(factor, own_priors=False)

    def prior(self):
        return Independent(Normal(torch.zeros(2, dtype=DTYPE), 1.0), 1)


@pytest.fixture(params=[PerClass, CommonPrior])
def kind(request):
    return request.param


def _model(inner):
    model = classes_summed_out(inner, 3, inner.joint, LOGITS)
    model.p_classes = LOGITS
    return model


def _data(model, count=20):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return model.decode(model.prior().sample((count,))).sample()


def test_the_sum_is_exact_where_q_is_the_posterior(kind):
    inner = kind()
    model = _model(inner)
    x = _data(model)
    found = gapkit.Iwae(num_samples=10)(model, x, model.encode(x))
    torch.testing.assert_close(found.value, inner.joint(x).logsumexp(1))
    assert float(found.std_error.max()) < 1e-6


@pytest.mark.slow
def test_gaps_in_the_encoders_own_family(kind):
    inner = kind(0.8)
    model = _model(inner)
    x = _data(model)
    result = gapkit.analyze(model, x, effort="quick")
    table = result.to_frame()
    assert result.run["families"]["split"] == "mixture"
    error = (table["log_px"] - inner.joint(x).logsumexp(1).numpy()) / table["log_px_se"].clip(lower=1e-3)
    assert float((error**2).mean() ** 0.5) < 2.0
    assert (table["elbo_star"] >= table["elbo"]).all()
    assert table["approximation_gap"].mean() < 0.05  # the exact posterior is in the family
    z, log_q = model.encode(x).rsample_and_log_prob((20_000,))
    parts = torch.stack(
        [
            inner.decode(z.flatten(0, 1), torch.full((z.shape[0] * 20,), k)).log_prob(x.repeat(len(z), 1))
            for k in range(3)
        ],
        -1,
    )
    if kind is PerClass:
        prior = torch.stack([inner.prior(torch.full((1,), k)).log_prob(z.flatten(0, 1)) for k in range(3)], -1)
    else:
        prior = inner.prior().log_prob(z.flatten(0, 1)).unsqueeze(-1)
    log_joint = (torch.log_softmax(LOGITS, 0) + prior + parts).logsumexp(-1).reshape(log_q.shape)
    elbo = (log_joint - log_q).mean(0).numpy()
    assert (abs(table["elbo"] - elbo) < 4 * table["elbo_se"] + 0.02).all()


class Overlapping(PerClass):
    """Five classes whose posteriors in four latents overlap; the best mixture is the posterior."""

    def __init__(self, seed, factor=0.8):
        super().__init__(factor)
        draw = torch.Generator().manual_seed(seed)
        self.weight = 1.5 * torch.linalg.qr(torch.randn(8, 4, generator=draw, dtype=DTYPE))[0]
        self.shifts = 0.7 * torch.randn(5, 8, generator=draw, dtype=DTYPE)
        self.centres = 0.7 * torch.randn(5, 4, generator=draw, dtype=DTYPE)
        self.precision = torch.eye(4, dtype=DTYPE) + self.weight.T @ self.weight

    def encode(self, x, y):
        mean = self.factor * torch.linalg.solve(
            self.precision, (self.centres[y] + (x - self.shifts[y]) @ self.weight).T
        )
        return Independent(Normal(mean.T, self.precision.diagonal().rsqrt().expand_as(mean.T)), 1)

    def decode(self, z, y):
        return Independent(Normal(z @ self.weight.T + self.shifts[y], 1.0), 1)

    def prior(self, y):
        return Independent(Normal(self.centres[y], 1.0), 1)

    def joint(self, x):
        cov = self.weight @ self.weight.T + torch.eye(8, dtype=DTYPE)
        return MultivariateNormal(self.centres @ self.weight.T + self.shifts, cov).log_prob(x.unsqueeze(1))


@pytest.mark.parametrize("effort", only(["quick", "standard"], "quick"))
@pytest.mark.parametrize("seed", only(list(range(3)), 0))
def test_what_a_mixture_falls_short_is_little_and_claimed(seed, effort):
    """Components that overlap part slowly: begun at copies of one Gaussian, q* was low by four thousandths of a nat."""
    inner = Overlapping(seed)
    model = classes_summed_out(inner, 5, inner.joint)
    x = _data(model)
    target, key, spec = Target(model, x), Key(0, tuple(range(20))), spec_for(effort)
    fits = fit_batch(target, model.encode(x).transport, None, key, spec.fit, spec.elbo)
    fit, exact = fits.found["mixture"], inner.joint(x).logsumexp(1) - torch.tensor(5.0, dtype=DTYPE).log()
    short = exact - Elbo(num_samples=4000, antithetic=True, stage="apart").on(target, fit.q, key).value
    claimed = torch.hypot(fit.elbo.std_error, fit.shortfall)
    assert float(short.mean()) < {"quick": 5e-3, "standard": 1e-3}[effort]
    assert float((short / claimed.clamp(min=1e-3)).square().mean().sqrt()) < 1.0
    off = fit.elbo.value - exact
    assert abs(float(off.mean())) < 2.0 * float(claimed.square().sum().sqrt()) / 20 + 5e-4


def test_reconstructions_and_draws_are_those_of_the_mixture():
    inner = PerClass()
    model = _model(inner)
    z = torch.tensor([[0.3, -0.2]], dtype=DTYPE)
    p = model.decode(z)
    draws = p.sample((40_000,))
    torch.testing.assert_close(draws.mean(0), p.mean, atol=0.05, rtol=0)
    assert draws.shape == (40_000, 1, 4)


@pytest.mark.parametrize("count", [1, 51])
def test_too_few_or_too_many_classes(count):
    with pytest.raises(InputError, match="classes to sum over"):
        classes_summed_out(PerClass(), count, lambda x: x)


def test_what_does_not_fit_is_said():
    class NoPlace:
        def encode(self, x): ...
        def decode(self, z): ...
        def prior(self): ...

    with pytest.raises(InputError, match="takes no class"):
        classes_summed_out(NoPlace(), 3, lambda x: x)
    with pytest.raises(InputError, match="p_classes of shape"):
        classes_summed_out(PerClass(), 3, lambda x: x, [0.0, 1.0])
    model = classes_summed_out(PerClass(), 3, lambda x: x[:, :2])
    with pytest.raises(InputError, match="q_classes"):
        model.encode(torch.zeros(2, 4, dtype=DTYPE))
