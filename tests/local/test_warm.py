"""Warm starts reach the mode from anywhere: far and narrow posteriors, correlated priors, priors without one centre."""

import math

import pytest
import torch
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
)

from gapkit.core.randomness import Key
from gapkit.engine import EFFORTS
from gapkit.local import FitStatus, fit_batch
from gapkit.local.ascent import ascend_points
from gapkit.local.curvature import available, hessian
from gapkit.local.natural import Moments, warm_start
from gapkit.target import Target, as_proposal

DOUBLE = torch.float64


class Linear:
    """x ~ N(W z, noise^2) under any normal prior, and an encoder that is a share of the posterior mean away from it."""

    def __init__(self, dim, size, noise, covariance=None, share=0.5, width=1.0):
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.randn(size, dim, generator=generator, dtype=DOUBLE)
        self.noise, self.share = noise, share
        self.covariance = torch.eye(dim, dtype=DOUBLE) if covariance is None else covariance
        self.precision = torch.linalg.inv(self.covariance) + self.weight.T @ self.weight / noise**2
        self.scale = width * self.precision.diagonal().rsqrt()

    def mean(self, x):
        return torch.linalg.solve(self.precision, self.weight.T @ x.T / self.noise**2).T

    def encode(self, x):
        return Independent(Normal(self.share * self.mean(x), self.scale.expand(len(x), -1)), 1)

    def decode(self, z):
        return Independent(Normal(z @ self.weight.T, torch.tensor(self.noise, dtype=DOUBLE)), 1)

    def prior(self):
        return MultivariateNormal(torch.zeros(len(self.covariance), dtype=DOUBLE), self.covariance)

    def draw(self, count):
        generator = torch.Generator().manual_seed(1)
        size, dim = self.weight.shape
        root = torch.linalg.cholesky(self.covariance)
        z = torch.randn(count, dim, generator=generator, dtype=DOUBLE) @ root.T
        return z @ self.weight.T + self.noise * torch.randn(count, size, generator=generator, dtype=DOUBLE)

    def log_px(self, x):
        inner = self.weight @ self.covariance @ self.weight.T + self.noise**2 * torch.eye(x.shape[1], dtype=DOUBLE)
        return MultivariateNormal(torch.zeros(x.shape[1], dtype=DOUBLE), inner).log_prob(x)

    def approximation_gap(self):
        return 0.5 * float(self.precision.diagonal().log().sum() - torch.logdet(self.precision))


def smooth(dim=30, length=10.0):
    grid = torch.arange(dim, dtype=DOUBLE)
    return torch.exp(-0.5 * ((grid[:, None] - grid) / length) ** 2) + 1e-4 * torch.eye(dim, dtype=DOUBLE)


def climbed(target, loc, scale, steps=4, samples=2, curvature=None):
    streams = Key(0, tuple(range(len(loc)))).streams("warm", target.dtype)
    start = Moments(loc, torch.diag_embed(scale.pow(-2)))
    with torch.no_grad():
        curvature = curvature or available(target)
        return warm_start(
            target, start, curvature, lambda count: streams.normal(count, target.dim), range(steps), samples
        )


@pytest.mark.parametrize("curvature", [None, hessian], ids=["gauss newton", "hessian"])
@pytest.mark.parametrize(
    ("noise", "size", "covariance", "offset", "width"),
    [
        (0.01, 784, None, 1.0, 1e-3),
        (0.001, 100, None, 1e3, 1e3),
        (0.01, 100, None, 1e-3, 10.0),
        (1.0, 30, smooth(), 1.0, 1.0),
        (1e3, 30, smooth(), 100.0, 0.01),
        (1e-2, 40, 1e8 * torch.eye(30, dtype=DOUBLE), 1e6, 1e4),
    ],
)
def test_a_linear_gaussian_posterior_is_hit_in_two_steps_from_anywhere(
    noise, size, covariance, offset, width, curvature
):
    model = Linear(10 if covariance is None else 30, size, noise, covariance)
    x = model.draw(4)
    target = Target(model, x)
    loc = model.mean(x) + offset * torch.tensor([1.0, -1.0, 1.0, 1.0], dtype=DOUBLE)[:, None]
    with torch.no_grad():
        found = climbed(target, loc, torch.full_like(loc, width), steps=2, curvature=curvature)
    for precision in found.precision:
        torch.testing.assert_close(precision, model.precision, rtol=1e-6, atol=1e-6 * float(model.precision.max()))
    apart = found.mean - model.mean(x)
    assert float(torch.einsum("bi,ij,bj->b", apart, model.precision, apart).max()) < 1e-3


@pytest.mark.parametrize("effort", ["quick", "standard"])
@pytest.mark.parametrize(
    "model",
    [
        Linear(10, 784, 0.01),
        Linear(10, 100, 0.001, width=1e3),
        Linear(30, 30, 1.0, smooth(), width=0.5),
    ],
    ids=["tiny noise", "tinier noise", "correlated prior"],
)
def test_optima_of_far_linear_gaussian_posteriors_are_those_of_the_closed_form(model, effort):
    x = model.draw(6)
    spec = EFFORTS[effort]()
    with torch.no_grad():
        target = Target(model, x)
        found = fit_batch(target, as_proposal(model.encode(x)), None, Key(0, tuple(range(6))), spec.fit, spec.elbo)
    best = model.log_px(x)
    for name, lost in (("mean_field", model.approximation_gap()), ("full_rank", 0.0)):
        one = found.family(name)
        assert bool((one.status == FitStatus.CONVERGED).all()), name
        error = 4 * one.elbo.std_error + 1e-3 + (0.05 if effort == "quick" and name == "mean_field" else 0.0)
        assert bool(((best - lost - one.elbo.value).abs() < error).all()), name


class Exponential:
    """x ~ N(exp(z), 0.1^2) with a prior of sd 3: a gradient that explodes on one side and vanishes on the other."""

    def encode(self, x):
        return Independent(Normal(torch.zeros(len(x), 2), torch.ones(len(x), 2)), 1)

    def decode(self, z):
        return Independent(Normal(z.exp(), 0.1), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(2), 3.0), 1)


@pytest.mark.parametrize("offset", [-5.0, 5.0, 20.0])
@pytest.mark.parametrize("width", [0.01, 1.0])
def test_an_exponential_is_climbed_from_both_sides(offset, width):
    x = torch.tensor([[2.0, 9.0], [30.0, 4.0]])
    target = Target(Exponential(), x)
    loc = x.log() + offset
    found = climbed(target, loc, torch.full_like(loc, width))
    torch.testing.assert_close(found.mean, x.log(), atol=0.1, rtol=0.0)


class Robust:
    """x = W z + Student noise with outliers."""

    def __init__(self):
        self.weight = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)

    def encode(self, x):
        return Independent(Normal(torch.zeros(len(x), 5, dtype=DOUBLE), torch.ones(len(x), 5, dtype=DOUBLE)), 1)

    def decode(self, z):
        return Independent(StudentT(2.0, z @ self.weight.T, 0.05), 1)

    def prior(self):
        return Independent(StudentT(3.0, torch.zeros(5, dtype=DOUBLE), torch.ones(5, dtype=DOUBLE)), 1)


def test_student_likelihoods_under_a_student_prior():
    model = Robust()
    torch.manual_seed(0)
    z = 3 * torch.randn(20, 5, dtype=DOUBLE)
    x = model.decode(z).sample()
    with torch.no_grad():
        found = fit_batch(Target(model, x), as_proposal(model.encode(x)), None, Key(0, tuple(range(20))))
    for one in found.found.values():
        assert float((one.status == FitStatus.CONVERGED).double().mean()) > 0.9
    apart = (found.full_rank.q.loc - z) / found.full_rank.q.marginal_scale()
    assert float(apart.square().mean()) < 2.0


def test_a_narrow_component_of_a_mixture_prior_is_entered():
    centres = torch.tensor([[5.0, -5.0], [-5.0, 5.0]])
    prior = MixtureSameFamily(Categorical(torch.ones(2)), Independent(Normal(centres, 0.1 * torch.ones(2, 2)), 1))

    class Model(Exponential):
        def decode(self, z):
            return Independent(Normal(z.sum(-1, keepdim=True), 1.0), 1)

        def prior(self):
            return prior

    x = torch.tensor([[0.5], [-0.5]])
    found = climbed(Target(Model(), x), torch.tensor([[4.0, -2.0], [1.0, 2.0]]), torch.ones(2, 2))
    torch.testing.assert_close(found.mean, torch.tensor([[5.0, -5.0], [-5.0, 5.0]]), atol=0.1, rtol=0.0)
    covariance = torch.linalg.inv(found.precision).float()
    torch.testing.assert_close(covariance.diagonal(dim1=1, dim2=2), torch.full((2, 2), 0.01), rtol=0.1, atol=0.0)


def test_units_of_the_latents_change_nothing():
    """A Hessian was raised to one half, whatever the units of z."""

    class Scaled:
        def __init__(self, unit):
            self.unit = unit

        def encode(self, x):
            shape = torch.zeros(len(x), 3, dtype=DOUBLE)
            return Independent(Normal(shape, self.unit * torch.ones_like(shape)), 1)

        def decode(self, z):
            return Independent(Normal((z / self.unit).sin() + z / self.unit, 0.5), 1)

        def prior(self):
            return Independent(Normal(torch.zeros(3, dtype=DOUBLE), self.unit * torch.ones(3, dtype=DOUBLE)), 1)

    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    found = {}
    for unit in (1.0, 1e3):
        target = Target(Scaled(unit), x)
        loc = torch.zeros(5, 3, dtype=DOUBLE)
        found[unit] = climbed(target, loc, torch.full_like(loc, unit), curvature=hessian)
    torch.testing.assert_close(found[1e3].mean, 1e3 * found[1.0].mean, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found[1e3].precision, 1e-6 * found[1.0].precision, rtol=1e-6, atol=1e-12)
    assert math.isfinite(float(found[1.0].mean.sum()))


def test_a_start_beyond_numbers_narrows_until_there_is_a_gradient():
    class Steep(Exponential):
        def decode(self, z):
            return Independent(Normal((10 * z).exp(), 0.1), 1)

    x = torch.tensor([[2.0, 9.0]])
    found = climbed(Target(Steep(), x), torch.zeros(1, 2), torch.full((1, 2), 100.0))
    torch.testing.assert_close(found.mean, x.log() / 10, atol=0.02, rtol=0.0)


@pytest.mark.parametrize(("latents", "outputs"), [(2, 1), (20, 5)])
def test_directions_that_the_data_do_not_fix_are_no_hindrance_in_single_precision(latents, outputs):
    """The precision's smallest eigenvalue is one, and less than the rounding of the largest."""
    case = Linear(latents, outputs, 1e-4)
    x = case.draw(4)
    weight = case.weight.float()

    class Single:
        def encode(self, x):
            return Independent(Normal(torch.zeros(len(x), latents), torch.ones(len(x), latents)), 1)

        def decode(self, z):
            return Independent(Normal(z @ weight.T, torch.tensor(1e-4)), 1)

        def prior(self):
            return Independent(Normal(torch.zeros(latents), torch.ones(latents)), 1)

    target = Target(Single(), x.float())
    found = ascend_points(target, torch.zeros(4, latents), available(target), 3)
    off = found.mean.double() - case.mean(x)
    assert (off.norm(dim=-1) < 0.01).all()  # of the prior's deviation, in the directions that are not fixed
    assert (((off @ case.weight.T) / 1e-4).abs() < 0.3).all()  # of the noise, in the others
    assert (found.gaussian().scale_tril.diagonal(dim1=1, dim2=2) > 0).all()


def test_a_start_that_still_gains_is_climbed_further():
    """A curved valley: x = exp(2 a) b with x far beyond what the prior makes likely."""
    x = torch.full((3, 1), 420.0)

    class Funnel:
        def encode(self, x):
            return Independent(Normal(torch.zeros(len(x), 2), torch.ones(len(x), 2)), 1)

        def decode(self, z):
            return Independent(Normal((2 * z[:, :1]).exp() * z[:, 1:], torch.tensor(0.1)), 1)

        def prior(self):
            return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    target = Target(Funnel(), x)
    start = torch.tensor([[0.6, 0.6], [2.7, 1.8], [1.7, 2.9]])
    few = ascend_points(target, start, available(target), 4).mean
    more = ascend_points(target, start, available(target), 4, 60).mean
    level = [target.log_joint(z.unsqueeze(0))[0] for z in (few, more)]
    assert (level[0] < -1000.0).all()
    assert (level[1] > -6.5).all()  # the mode is at -5.48, and climbing stops where a step gains less than a nat
