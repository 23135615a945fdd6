"""The training objectives against each other and against the exact answer of a linear-Gaussian model."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from gapkit.families import AuxiliaryFlow, DiagonalGaussian, FullRankGaussian, TransportDistribution
from gapkit.models.reference import mlp_vae
from gapkit.training import elbo, iwae
from tests.families.members import member


class LinearGaussian:
    """z ~ N(0, I), x|z ~ N(W z, s^2 I), with a diagonal q that may be the posterior (orthogonal columns of W)."""

    def __init__(self, exact=False, scale=0.5):
        self.w = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]], dtype=torch.float64)
        self.scale, self.exact = scale, exact

    def prior(self):
        zero = torch.zeros(2, dtype=torch.float64)
        return Independent(Normal(zero, torch.ones_like(zero)), 1)

    def decode(self, z):
        return Independent(Normal(z @ self.w.T, self.scale), 1)

    def encode(self, x):
        precision = 1 + (self.w**2).sum(0) / self.scale**2
        mean = (x @ self.w) / self.scale**2 / precision
        if not self.exact:
            mean, precision = mean + 0.1, precision / 2
        return Independent(Normal(mean, precision.rsqrt().expand(mean.shape)), 1)

    def log_evidence(self, x):
        covariance = self.w @ self.w.T + self.scale**2 * torch.eye(3, dtype=torch.float64)
        return MultivariateNormal(torch.zeros(3, dtype=torch.float64), covariance).log_prob(x)


@pytest.fixture
def x():
    return torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def again(function, *args, **options):
    torch.manual_seed(1)
    return function(*args, **options)


def test_iwae_with_one_sample_is_the_sampled_elbo(x):
    model = LinearGaussian()
    for weights in ({}, {"kl_weight": 0.3}, {"entropy_weight": 0.3}):
        sampled = again(elbo, model, x, analytic_kl=False, **weights)
        torch.testing.assert_close(again(iwae, model, x, 1, **weights), sampled)


def test_all_bounds_are_tight_at_the_posterior(x):
    model = LinearGaussian(exact=True)
    torch.testing.assert_close(elbo(model, x, 5, analytic_kl=False), model.log_evidence(x))
    torch.testing.assert_close(iwae(model, x, 5), model.log_evidence(x))


def test_analytic_and_sampled_kl_agree(x):
    model, n = LinearGaussian(), 20_000
    analytic, sampled = elbo(model, x, n), elbo(model, x, n, analytic_kl=False)
    torch.testing.assert_close(analytic, sampled, rtol=0, atol=0.1)
    assert (analytic < model.log_evidence(x)).all()


def test_iwae_rises_with_k_towards_the_evidence(x):
    model = LinearGaussian()
    low, high = iwae(model, x.repeat(500, 1), 1).mean(), iwae(model, x.repeat(500, 1), 50).mean()
    exact = model.log_evidence(x).mean()
    assert low < high < exact + 0.05
    assert exact - high < 0.2 * (exact - low)


def test_annealing_weights_what_it_says(x):
    model = LinearGaussian()
    q, z = model.encode(x), again(lambda: model.encode(x).rsample((1,)))
    log_px = model.decode(z[0]).log_prob(x)
    log_pz, log_qz = model.prior().log_prob(z[0]), q.log_prob(z[0])
    torch.testing.assert_close(again(elbo, model, x, kl_weight=0.0), log_px)
    torch.testing.assert_close(again(elbo, model, x, entropy_weight=0.25), log_px + log_pz - 0.25 * log_qz)


def test_without_a_closed_kl_draws_are_used(x):
    model = LinearGaussian()
    one = MultivariateNormal(torch.zeros(1, 2).double(), torch.eye(2).double())
    # Not even libraries that add closed forms to torch's have one of a mixture, also where it is of one part.
    model.prior = lambda: MixtureSameFamily(Categorical(torch.ones(1).double()), one)
    torch.testing.assert_close(again(elbo, model, x), again(elbo, model, x, analytic_kl=False))
    assert math.isfinite(elbo(model, x).sum())


def transported(model, transport_of):
    """The same model whose encoder returns a TransportDistribution made of its normal's means and scales."""
    encode = model.encode
    model.encode = lambda x: TransportDistribution(transport_of(encode(x).base_dist.loc, encode(x).base_dist.scale))
    return model


def test_draws_come_with_their_densities(x):
    """One pass gives both, and gives what the separate calls would."""
    model = LinearGaussian()
    q, prior = model.encode(x).base_dist, model.prior()
    passes = []

    class Counted(DiagonalGaussian):
        def push(self, u):
            passes.append(u.shape)
            return super().push(u)

        def log_prob(self, z):
            raise AssertionError("the density was asked for again")

    transported(model, Counted)
    value = again(elbo, model, x, 3, entropy_weight=0.5)
    assert passes == [(3, 4, 2)]
    torch.manual_seed(1)
    z = q.loc + q.scale * torch.randn(3, 4, 2, dtype=torch.float64)
    log_q = Independent(Normal(q.loc, q.scale), 1).log_prob(z)
    torch.testing.assert_close(value, (model.decode(z).log_prob(x) + prior.log_prob(z) - 0.5 * log_q).mean(0))


def test_bounds_are_tight_at_the_posterior_of_any_form(x):
    model = transported(LinearGaussian(exact=True), lambda m, s: FullRankGaussian(m, s.diag_embed()))
    torch.testing.assert_close(elbo(model, x, 5), model.log_evidence(x))
    torch.testing.assert_close(iwae(model, x, 5), model.log_evidence(x))


def test_auxiliary_posteriors_bound_the_evidence_from_below(x):
    tensors = member("auxiliary", dim=2, wiggle=0.1).tensors()

    def auxiliary(mean, scale):
        loc, spread = torch.cat([mean, 0 * mean], 1), torch.cat([scale, torch.full_like(scale, 1.3)], 1)
        return AuxiliaryFlow.of(**{**tensors, "loc": loc, "scale": spread})

    model = transported(LinearGaussian(), auxiliary)
    exact, low, high = model.log_evidence(x), elbo(model, x, 20_000), iwae(model, x, 20_000)
    assert bool((low < exact - 0.1).all())
    torch.testing.assert_close(high, exact, rtol=0, atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("posterior", "options", "most"),
    [
        ("mean_field", {}, 0.45),
        ("full_rank", {}, 0.05),
        ("low_rank", {"rank": 1}, 0.05),
        ("flow", {"num_layers": 2, "num_hidden": 8}, 0.05),
        ("auxiliary", {"num_layers": 2, "num_hidden": 8}, 0.12),
    ],
)
def test_training_closes_the_gap_that_the_family_can_close(posterior, options, most):
    """A linear-Gaussian model with correlated posteriors: log p(x) - L[q], in nats, from what a mean-field q leaves."""
    weight = torch.tensor([[1.5, 1.2], [0.5, 1.5], [1.0, 0.5]])
    precision = torch.eye(2) + weight.T @ weight / 0.49
    best_mean_field = float(0.5 * (precision.diagonal().log().sum() - precision.logdet()))
    assert 0.37 < best_mean_field < 0.38
    config = {"hidden": (16,), "decoder_hidden": (), "likelihood": "gaussian:sigma=0.7"}
    model = mlp_vae((3,), 2, posterior=posterior, posterior_options=options, **config)
    with torch.no_grad():
        model.decoder.net[0].weight.copy_(weight)
        model.decoder.net[0].bias.zero_()
    marginal = MultivariateNormal(torch.zeros(3), weight @ weight.T + 0.49 * torch.eye(3))
    optimizer = torch.optim.Adam(model.encoder.parameters(), 0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    for _ in range(400):
        optimizer.zero_grad()
        (-elbo(model, marginal.sample((100,))).mean()).backward()
        optimizer.step()
        schedule.step()
    x = marginal.sample((500,))
    with torch.no_grad():
        gaps = marginal.log_prob(x) - elbo(model, x, 100, analytic_kl=False)
    error = float(gaps.std()) / len(x) ** 0.5
    least = best_mean_field if posterior == "mean_field" else 0.0
    assert error < 0.02
    assert least - 4 * error < float(gaps.mean()) < most
