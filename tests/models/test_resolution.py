"""Log-likelihoods of more digits than float32 has are taken in float64, where and only where it matters."""

import math

import torch
from torch.distributions import Independent, MultivariateNormal, Normal, Poisson

from gapkit.engine import spec_for
from gapkit.estimators import Ais, Elbo
from gapkit.families import DiagonalGaussian
from gapkit.models.freeze import frozen
from gapkit.target import Target
from tests.yardsticks import ppca

WEIGHT = torch.tensor([[1.0, 0.2, -0.5], [0.5, 1.0, 0.3]]) * 0.1


class Counts:
    """x ~ Poisson(level exp(W z)): terms of the size level * log(level) cancel."""

    def __init__(self, level):
        self.level = level

    def log_rate(self, z):
        return math.log(self.level) + z @ WEIGHT.to(z)

    def encode(self, x):
        loc = (x.log() - math.log(self.level)) @ torch.linalg.pinv(WEIGHT.to(x))
        return Independent(Normal(loc, torch.full_like(loc, 10.0 * self.level**-0.5)), 1)

    def decode(self, z):
        return Independent(Poisson(self.log_rate(z).exp()), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    def sample(self, count):
        z = torch.randn(count, 2, generator=torch.Generator().manual_seed(0))
        return torch.poisson(self.log_rate(z).exp(), generator=torch.Generator().manual_seed(1))


class Pixels:
    """x ~ N(z_1, 1) for very many pixels."""

    def encode(self, x):
        return Independent(Normal(x.mean(1, keepdim=True), x.shape[1] ** -0.5), 1)

    def decode(self, z):
        return Independent(Normal(z.expand(-1, 100_000), 1.0), 1)

    def prior(self):
        return Independent(Normal(torch.zeros(1), torch.ones(1)), 1)


def targets(model, x):
    return Target(model, x), Target(model, x.double())


def test_counts_of_a_million_are_right_to_a_hundredth_of_a_nat():
    model = Counts(1e6)
    x = model.sample(10)
    coarse, exact = targets(model, x)
    z = model.encode(x).sample(torch.Size([20]))
    assert coarse.in_double
    assert not exact.in_double
    value, gradient = coarse.log_joint_and_grad(z)
    assert (value.dtype, gradient.dtype) == (torch.float64, torch.float32)
    close = exact.log_joint(z.double())
    plain = coarse.decode(z.reshape(-1, 2)).log_prob(x.repeat(20, 1)).reshape(20, 10).double() + coarse.log_prior(z)
    assert float((value - close).abs().max()) < 0.01 < 0.5 < float((plain - close).abs().max())
    assert coarse.select(torch.tensor([1])).log_joint(z[:, 1:2]).dtype == torch.float64


def test_sums_over_very_many_pixels_keep_their_digits():
    x = torch.randn(4, 100_000, generator=torch.Generator().manual_seed(0))
    coarse, exact = targets(Pixels(), x)
    assert coarse.in_double
    z = torch.zeros(2, 4, 1)
    assert float((coarse.log_joint(z) - exact.log_joint(z.double())).abs().max()) < 0.01


def test_ordinary_models_keep_their_type_and_their_written_out_derivatives():
    model = ppca(dtype=torch.float32) if "dtype" in ppca.__code__.co_varnames else Counts(10.0)
    x = Counts(10.0).sample(10) if isinstance(model, Counts) else model.sample(10, 0)
    target = Target(model, x)
    assert not target.in_double
    assert target.log_joint(torch.zeros(1, 10, target.dim)).dtype == torch.float32


def test_a_distribution_that_knows_one_type_only_is_left_as_it_is():
    class Single(Poisson):
        def log_prob(self, value):
            if value.dtype == torch.float64:
                raise RuntimeError("single precision only")
            return super().log_prob(value)

    model = Counts(1e6)
    model.decode = lambda z: Independent(Single(model.log_rate(z).exp()), 1)
    assert not Target(model, model.sample(10)).in_double


def test_bounds_of_such_a_model_meet_those_of_float64():
    model = Counts(1e6)
    x = model.sample(6)
    q = model.encode(x).base_dist
    for estimator in (Elbo(num_samples=50), Ais(num_chains=8, num_temperatures=8)):
        with frozen(model):
            found = [
                estimator(model, data, DiagonalGaussian(q.loc.to(data), q.scale.to(data)), 1)
                for data in (x, x.double())
            ]
        noise = torch.hypot(found[0].std_error, found[1].std_error)
        assert bool(((found[0].value - found[1].value).abs() < 5 * noise + 0.02).all())


def test_a_whole_analysis_of_counts_of_a_million_is_right():
    import gapkit

    model = Counts(1e6)
    x = model.sample(12)
    frame = gapkit.analyze(model, x, spec_for("quick")).to_frame()
    z = model.encode(x).base_dist.loc.double()
    for _ in range(30):
        gradient = (x.double() - model.log_rate(z).exp()) @ WEIGHT.T.double() - z
        curvature = torch.einsum("dx,bx,ex->bde", *(WEIGHT.double(), model.log_rate(z).exp(), WEIGHT.double()))
        curvature = curvature + torch.eye(2, dtype=torch.float64)
        z = z + torch.linalg.solve(curvature, gradient)
    # So many counts leave a Gaussian posterior: Laplace's formula is exact to 1e-5 here.
    posterior = MultivariateNormal(z, precision_matrix=curvature)
    exact = Target(model, x.double()).log_joint(z.unsqueeze(0))[0] - posterior.log_prob(z)
    error = torch.tensor(frame["log_px"].to_numpy()) - exact
    assert float(error.abs().max()) < 0.1
    assert float((error / torch.tensor(frame["log_px_se"].to_numpy())).square().mean()) < 2.0**2
    assert (frame["status"] == "ok").all()
