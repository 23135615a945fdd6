"""The exact values are exact: held against brute-force importance sampling, and closed forms of L[q] against draws."""

import functools
import math

import pytest
import torch
from scipy.integrate import quad
from torch.distributions import Gamma, Poisson

from benchmarks.exact import CASES, build
from benchmarks.exact.case import DOUBLE, noise
from benchmarks.exact.linear_gaussian import Linear
from benchmarks.exact.quadrature import line, log_normal, ordered, plane
from gapkit.models.priors import log_prob
from tests.yardsticks import GridModel

case = functools.cache(build)
LINEAR = [name for name in CASES if name.startswith(("linear", "process"))]
# Beyond the reach of draws from prior and encoder; made of the same parts as others, or tested by themselves below.
OUT_OF_REACH = {
    "sixteen_modes": "four_narrow_modes",
    "sixty_four_modes": "four_narrow_modes",
    "one_sign_of_15_wide_encoder": "one_sign_of_15_good_encoder",
    "needle_encoder_beside_it": "needle_encoder_on_it",
    "counts_of_1e5": "counts_of_1000",
    "counts_of_1e6": "test_counts_of_a_million",
    "box_prior": "test_box",
    "four_narrow_modes": "test_four_narrow_modes",
    "cauchy_noise": "test_cauchy_noise",
    "shrinkage_10_latents": "funnel",
    "wide_beside_narrow": "test_wide_beside_narrow",
    "one_sign_of_15_good_encoder": "test_one_sign",
    "log_gamma_20_latents": "test_log_gamma",
}
SAMPLED = [name for name in CASES if name not in LINEAR and name not in OUT_OF_REACH]


def importance(model, row, draws, seed):
    """log p(x) of a datapoint from draws of half prior, half encoder; its standard error; effective draws."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        prior, q = model.prior(), model.encode(row[None])
        z = torch.cat([prior.sample((draws,)), q.sample((draws,))[:, 0]])
        proposal = torch.logaddexp(log_prob(prior, z), q.log_prob(z[:, None])[:, 0]) - math.log(2)
        z, proposal = z[~torch.isnan(proposal)], proposal[~torch.isnan(proposal)]
        weights = (model.decode(z).log_prob(row.expand(len(z), -1)) + log_prob(prior, z) - proposal).double()
    mean = torch.logsumexp(weights, 0) - math.log(2 * draws)
    relative = (weights - mean).exp()
    error = math.sqrt(float((relative - 1).square().mean()) / (2 * draws))
    return float(mean), error, float(relative.sum() ** 2 / relative.square().sum())


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLED)
@torch.no_grad()
def test_against_importance_sampling(name):
    this, z = case(name), []
    for number in range(0, len(this.x), 4):
        value, error, effective = importance(this.model, this.x[number], 100_000, number)
        if effective > 200:  # with fewer, the error itself is not known
            z.append((value - float(this.exact[number])) / math.hypot(error, 1e-4))
    assert len(z) >= 3
    z = torch.tensor(z)
    print(f"\n{name}: {len(z)} datapoints, z rms {z.square().mean().sqrt():.2f}")
    assert z.abs().max() < 4.5
    assert z.square().mean() < 1 + 4 * math.sqrt(2 / len(z))


@pytest.mark.parametrize("name", LINEAR)
@torch.no_grad()
def test_elbo_of_linear_gaussian(name):
    """L[q] from antithetic draws, and L[q*] by the identity log p(x) - KL that it obeys."""
    this = case(name)
    draws = 100 if this.x.shape[1] > 1000 else 1000
    torch.manual_seed(0)
    q = this.model.encode(this.x[:5])
    z = q.sample((draws,))
    z = torch.cat([z, 2 * q.mean - z])
    flat = z.reshape(-1, z.shape[-1])
    likelihood = this.model.decode(flat).log_prob(this.x[:5].expand(2 * draws, 5, -1).reshape(len(flat), -1))
    values = likelihood.reshape(2 * draws, 5) + this.model.prior().log_prob(z) - q.log_prob(z)
    pairs = (values[:draws] + values[draws:]).double() / 2
    error = pairs.std(0) / math.sqrt(draws) + 1e-9 * this.elbo[:5].abs()
    error = error + (0.03 if this.x.dtype == torch.float32 else 0.0)  # sums of ten thousand terms
    assert ((pairs.mean(0) - this.elbo[:5]).abs() < 4.5 * error).all()
    assert (this.elbo <= this.elbo_star + 1e-9).all()
    assert (this.elbo_star <= this.exact + 1e-9).all()


def test_best_factorised_gaussian_is_a_stationary_point():
    """Means at the posterior's and precisions P_ii: nearby factorised Gaussians are no better."""
    weight = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    x = Linear(weight, 0.5).data(4, 0)
    best = Linear(weight, 0.5).loss(x)
    assert best.abs().max() < 1e-12
    for factor, width in ((0.99, 1.0), (1.01, 1.0), (1.0, 0.99), (1.0, 1.01)):
        assert (Linear(weight, 0.5, factor=factor, width=width).loss(x) > 0).all()


def test_linear_gaussian_against_the_dense_marginal():
    this = case("process_prior_good_encoder")
    covariance = this.model.prior().covariance_matrix + torch.eye(30, dtype=DOUBLE)
    dense = torch.distributions.MultivariateNormal(torch.zeros(30, dtype=DOUBLE), covariance)
    torch.testing.assert_close(dense.log_prob(this.x), this.exact, rtol=1e-9, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["banana", "ring", "bits", "waiting_times", "product", "lattice"])
def test_two_latents_against_a_grid(name):
    """The integral over one latent, where the other was done by hand, against the whole plane."""
    this = case(name)
    value = GridModel(this.model, half_width=12.0 if name == "lattice" else 8.0, points=1600).log_px(this.x[:6])
    # float32 densities on a grid of spacing 0.01 to 0.015, a tenth of the noise
    torch.testing.assert_close(value, this.exact[:6], atol=2e-4, rtol=0)


def test_wide_beside_narrow():
    """Each latent has the two halves of a normal likelihood, whose integrals are distribution functions."""
    this = case("wide_beside_narrow")
    total = torch.zeros_like(this.x, dtype=DOUBLE)
    for scale in (1.5, 30.0):  # the decoded z is half-normal, of 1 and of 20 times the prior's scale
        precision = 1 / 0.3**2 + 1 / scale**2
        mean = this.x.double() / 0.3**2 / precision
        positive = torch.special.ndtr(mean * math.sqrt(precision))
        total += log_normal(this.x.double(), 0.0, math.hypot(0.3, scale)).exp() * positive
    torch.testing.assert_close(total.log().sum(-1), this.exact, atol=1e-4, rtol=0)


@pytest.mark.slow
@torch.no_grad()
def test_one_sign():
    """The posterior is the same on both sides of a mirror: draws of the encoder on both, with the mean of densities."""
    this = case("one_sign_of_15_good_encoder")
    torch.manual_seed(0)
    q = this.model.encode(this.x)
    z = q.sample((40_000,))
    mirrored = torch.cat([-z[..., :1], z[..., 1:]], -1)
    proposal = torch.logaddexp(q.log_prob(z), q.log_prob(mirrored)) - math.log(2)
    likelihood = this.model.decode(z.reshape(-1, 15)).log_prob(this.x.expand_as(z).reshape(-1, 15))
    weights = (likelihood.reshape(z.shape[:2]) + this.model.prior().log_prob(z) - proposal).double()
    mean = torch.logsumexp(weights, 0) - math.log(len(z))
    error = ((weights - mean).exp().var(0) / len(z)).sqrt()
    z = (mean - this.exact) / error
    assert z.abs().max() < 4.5
    assert error.max() < 0.02


def test_box():
    """A normal density cut off by the walls, by quadrature inside them."""
    this = case("box_prior")
    inside = line(lambda z, v: log_normal(v, z, 0.3) - math.log(2), this.x, -1, 1)
    torch.testing.assert_close(inside.sum(-1), this.exact, atol=1e-4, rtol=0)  # the ends count double


def test_four_narrow_modes():
    """Over |z|, by an adaptive rule."""
    this = case("four_narrow_modes")
    for value, exact in zip(this.x[:4].double(), this.exact[:4].tolist(), strict=True):
        total = 0.0
        for one in value.tolist():

            def density(u, one=one):
                chi = math.exp(-u * u / 8) / math.sqrt(2 * math.pi)  # of u = |z|, both signs of it together
                return chi * math.exp(-0.5 * ((one - u * u) / 0.05) ** 2) / (0.05 * math.sqrt(2 * math.pi))

            root = math.sqrt(max(one, 0.0))
            total += math.log(quad(density, 0, 12, points=[root], limit=500, epsabs=0, epsrel=1e-9)[0])
        assert abs(total - exact) < 1e-6


def test_log_gamma():
    """Poisson counts of an exponential rate, by quadrature over its logarithm."""
    this = case("log_gamma_20_latents")

    def log_f(z, count):
        rate = z.exp()
        return Gamma(1.0, 0.5).log_prob(rate) + z + Poisson(rate).log_prob(count)

    quadrature = line(log_f, this.x[:5].double(), -40, 6).sum(-1)
    torch.testing.assert_close(quadrature, this.exact[:5], atol=1e-6, rtol=0)


@pytest.mark.slow
def test_counts_of_a_million():
    """With twenty million counts the posterior is normal to better than one part in a million: Laplace's formula."""
    this, weight = case("counts_of_1e6"), (0.3 * noise(70, 20, 2)).double()
    for row, exact in zip(this.x.double(), this.exact, strict=True):
        z = torch.linalg.lstsq(weight, row.log() - math.log(1e6)).solution
        for _ in range(20):
            rate = 1e6 * (weight @ z).exp()
            precision = torch.eye(2, dtype=DOUBLE) + weight.T * rate @ weight
            z = z + torch.linalg.solve(precision, weight.T @ (row - rate) - z)
        rate = 1e6 * (weight @ z).exp()
        joint = Poisson(rate).log_prob(row).sum() - 0.5 * z.square().sum()  # the two log 2 pi cancel
        assert abs(float(joint - 0.5 * torch.logdet(precision) - exact)) < 1e-5


@pytest.mark.slow
def test_cauchy_noise():
    """The whole line in one variable that compresses both tails, by an adaptive rule."""
    this = case("cauchy_noise")
    for value, exact in zip(this.x[:, 0].tolist(), this.exact.tolist(), strict=True):

        def density(u, value=value):
            z = math.tan(u)
            prior = 2 / (math.pi * math.sqrt(3) * (1 + z * z / 3) ** 2)
            noise = 0.2 / (math.pi * (0.04 + (z - value) ** 2))
            return prior * noise * (1 + z * z)

        points = [0.0, math.atan(value)]
        found = quad(density, -math.pi / 2, math.pi / 2, points=points, limit=500, epsabs=0, epsrel=1e-10)[0]
        assert abs(math.log(found) - exact) < 1e-6


def test_rules_of_quadrature_on_a_gaussian():
    values = torch.tensor([[0.5, -1.0]], dtype=DOUBLE)
    exact = log_normal(values, 0.0, math.sqrt(1.01))
    one = line(lambda z, v: log_normal(z, 0.0, 1.0) + log_normal(v, z, 0.1), values, -10, 10)
    torch.testing.assert_close(one, exact, atol=1e-12, rtol=0)
    both = plane(lambda z, row: (log_normal(z, 0.0, 1.0) + log_normal(row, z, 0.1)).sum(-1), values, -8, 8)
    torch.testing.assert_close(both, exact.sum(-1), atol=1e-9, rtol=0)
    third = ordered(lambda z, v: log_normal(z, 0.0, 1.0) + 0 * v, torch.zeros(1, 3), -9, 9, 20_001)
    torch.testing.assert_close(third, torch.tensor([-math.log(6)], dtype=DOUBLE), atol=1e-6, rtol=0)


def test_every_case_is_out_of_reach_for_a_reason():
    assert all(name in CASES for name in OUT_OF_REACH)
    tests = set(globals())
    assert all(where in tests or where in CASES for where in OUT_OF_REACH.values())
