"""Exact numbers of models with Gaussian posteriors, against dense linear algebra and against known values."""

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from gapkit.core.errors import InputError
from gapkit.joint import HierarchicalModel, Polynomial, Window, expected_gap, fit, posterior_of
from gapkit.joint.models import GaussianProcess, Linear, Nonlinear, Saw
from tests.joint.data import CHAIN, HERE, exact, hidden_chain, linear_gap


def test_the_seeded_sample_of_a_hidden_markov_model():
    objective = exact(CHAIN, hidden_chain(), 1)
    posterior = objective.posterior
    assert posterior.log_evidence == pytest.approx(-376.3720, abs=5e-5)
    assert posterior.elbo(posterior.factors()) == pytest.approx(-388.8618, abs=5e-5)
    assert posterior.approximation_gap == pytest.approx(12.4897, abs=5e-5)
    gaps = [linear_gap(objective, Window.around(half_width)) for half_width in range(4)]
    # Of the last datapoint the optimal variance is another. One for all costs this much of the first gap:
    variances = 1 / posterior.diagonal[1:]
    shared = 0.5 * (200 * np.log((1 / variances).mean()) + np.log(variances).sum())
    assert shared == pytest.approx(0.0258, abs=1e-4)
    assert [gaps[0] - shared, *gaps[1:]] == pytest.approx([90.04, 6.39, 0.748, 0.099], abs=1e-3)


@pytest.mark.parametrize(
    ("kernel", "length", "gap", "by_half_width"),
    [
        ("ou", 0.2, 0.512, (5.60, 0.138, 0.004)),
        ("ou", 1.0, 2.72, (27.4, 2.35, 0.349)),
        ("matern32", 0.2, 11.7, (77.2, 3.74, 0.149)),
        ("matern32", 1.0, 27.4, (148.8, 121, 55)),
    ],
)
def test_gaussian_processes_on_thirty_points(kernel, length, gap, by_half_width):
    model = GaussianProcess(np.linspace(0, 1, 30), kernel, length)
    covariance = model.covariance + model.noise * np.eye(30)
    found = posterior_of(model, torch.zeros(30, 1).double(), None)
    assert found.approximation_gap == pytest.approx(gap, rel=5e-3)
    means = [expected_gap(model, covariance, Window.around(k)).means for k in range(3)]
    assert means == pytest.approx(by_half_width, rel=1e-2, abs=5e-4)


def test_an_expected_gap_is_the_mean_over_data_with_weights_of_their_own():
    """Weights fitted to each data set lose a little less than those that all share."""
    model = GaussianProcess(np.linspace(0, 1, 30), "ou", 0.2)
    expected = expected_gap(model, model.covariance + model.noise * np.eye(30), HERE).total
    found = [linear_gap(exact(model, model.simulate(seed), None), HERE) for seed in range(40)]
    error = np.std(found, ddof=1) / 40**0.5
    assert expected - 2.5 < np.mean(found) < expected + 4 * error


class Regression(HierarchicalModel):
    """theta: two numbers; z_n: two numbers, which meet in their prior; x_n: two."""

    global_size, local_size = 2, 2
    prior = MultivariateNormal(torch.zeros(2).double(), torch.tensor([[1.0, 0.6], [0.6, 2.0]]).double())

    def log_prior(self, theta):
        return Normal(0.5, 2.0).log_prob(theta).sum(-1)

    def log_local(self, theta, z, x):
        seen = Normal(theta[:, None] + z * torch.tensor([1.0, -0.5]), 0.7).log_prob(x).sum(-1)
        return self.prior.log_prob(z) + seen


def _dense(model, x):
    """P, mu and log p(x) by autograd's Hessian of all latents at once."""
    total = model.global_size + len(x) * model.local_size

    def log_joint(flat):
        z = flat[model.global_size :].reshape(1, len(x), model.local_size)
        return model.log_joint(flat[None, : model.global_size], z, x)[0]

    zero = torch.zeros(total).double()
    precision = -torch.autograd.functional.hessian(log_joint, zero)
    gradient = torch.func.grad(log_joint)(zero)
    mean = torch.linalg.solve(precision, gradient)
    evidence = log_joint(mean) + 0.5 * (total * np.log(2 * np.pi) - torch.logdet(precision))
    return precision, mean, float(evidence)


@pytest.mark.parametrize(
    ("model", "reach", "x"),
    [
        (Regression(), 0, torch.randn(7, 2, generator=torch.Generator().manual_seed(0)).double()),
        (Saw(), 0, Saw().simulate(9, 0)),
        (CHAIN, 1, hidden_chain(11)),
        (CHAIN, None, hidden_chain(6)),
        (GaussianProcess(np.linspace(0, 1, 8), "matern32"), None, hidden_chain(8)),
    ],
    ids=["regression", "saw", "chain", "chain, dense", "process"],
)
def test_the_sparse_posterior_is_the_dense_one(model, reach, x):
    precision, mean, evidence = _dense(model, x)
    found = posterior_of(model, x, reach)
    scale = float(precision.abs().max())
    np.testing.assert_allclose(found.precision.toarray(), precision.numpy(), atol=1e-10 * scale)
    np.testing.assert_allclose(found.mean, mean.numpy(), atol=1e-8)
    assert found.log_evidence == pytest.approx(evidence, abs=1e-8)
    assert found.log_evidence == pytest.approx(found.elbo(found.factors()) + found.approximation_gap, abs=1e-9)


def test_log_evidence_is_that_of_the_marginal():
    x = hidden_chain(12)
    lag = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    covariance = torch.from_numpy(0.9**lag / 0.19 + np.eye(12))
    marginal = MultivariateNormal(torch.zeros(12).double(), covariance).log_prob(x[:, 0])
    assert posterior_of(CHAIN, x, 1).log_evidence == pytest.approx(float(marginal), abs=1e-9)


def test_an_elbo_is_log_p_minus_the_divergence():
    x = hidden_chain(10)
    found = posterior_of(CHAIN, x, 1)
    q = fit(Polynomial(1), exact(CHAIN, x, 1)).factors
    mean, log_sd = q.flat()
    apart = torch.distributions.kl_divergence(
        MultivariateNormal(mean, (2 * log_sd).exp().diag()),
        MultivariateNormal(torch.from_numpy(found.mean), precision_matrix=torch.from_numpy(found.precision.toarray())),
    )
    assert found.elbo(q) == pytest.approx(found.log_evidence - float(apart), abs=1e-8)


def test_a_model_that_is_not_quadratic_has_no_exact_posterior():
    assert posterior_of(Nonlinear(), Nonlinear().simulate(20, 0), 0) is None


def test_a_reach_that_is_too_short_is_noticed():
    """A precision read with too few colours does not foretell gradients."""
    assert posterior_of(CHAIN, hidden_chain(20), 0) is None


class Improper(Linear):
    def log_local(self, theta, z, x):
        return Normal(theta + z[..., 0], 1.0).log_prob(x[:, 0])


def test_a_quadratic_without_a_maximum_is_refused():
    with pytest.raises(InputError, match="without a maximum") as refused:
        posterior_of(Improper(), torch.zeros(3, 1).double(), 0)
    assert "prior" in refused.value.do
