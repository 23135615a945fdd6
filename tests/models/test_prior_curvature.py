"""Curvatures of priors against Hessians, and what must hold where there is none."""

import pytest
import torch
from torch.autograd.functional import hessian
from torch.distributions import (
    Categorical,
    Cauchy,
    Gamma,
    Gumbel,
    Independent,
    Laplace,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    StudentT,
    Uniform,
)

from gapkit.models.prior_curvature import prior_curvature, typical_precision
from gapkit.models.priors import GaussianMixturePrior, VampPrior
from gapkit.models.unvalidated import unvalidated
from gapkit.target.observation import fisher_features

DOUBLE = torch.float64


@pytest.fixture(autouse=True)
def _unchecked():
    """As in a target: latents beyond the support are a datapoint's own affair."""
    with unvalidated():
        yield


def independent(dist):
    return Independent(dist, 1)


def tril(dim, *batch):
    generator = torch.Generator().manual_seed(dim)
    noise = torch.randn(*batch, dim, dim, generator=generator, dtype=DOUBLE)
    return noise.tril(-1) + torch.diag_embed(noise.diagonal(dim1=-2, dim2=-1).exp())


def latents(dim=3, size=1.0):
    return size * torch.randn(5, 4, dim, generator=torch.Generator().manual_seed(7), dtype=DOUBLE)


@pytest.mark.parametrize(
    "prior",
    [
        independent(Normal(torch.ones(3, dtype=DOUBLE), torch.tensor([0.1, 1.0, 7.0], dtype=DOUBLE))),
        MultivariateNormal(torch.ones(3, dtype=DOUBLE), scale_tril=tril(3)),
        LowRankMultivariateNormal(torch.zeros(3, dtype=DOUBLE), tril(3)[:, :1], torch.ones(3, dtype=DOUBLE)),
        Independent(Normal(torch.zeros(1, 3, dtype=DOUBLE), torch.tensor(2.0, dtype=DOUBLE)), 2),
    ],
    ids=["normal", "correlated", "low rank", "shaped"],
)
def test_normals_have_their_own_precision(prior):
    z = latents()
    exact = -hessian(lambda point: prior.log_prob(point.reshape(prior.event_shape)), z[0, 0])
    for found in prior_curvature(prior, z):
        torch.testing.assert_close(found, exact)


@pytest.mark.parametrize("correlated", [False, True])
def test_a_mixture_far_from_all_but_one_component_curves_like_it(correlated):
    centres = torch.tensor([[-50.0, 0.0, 0.0], [50.0, 0.0, 0.0]], dtype=DOUBLE)
    parts = MultivariateNormal(centres, scale_tril=tril(3, 2)) if correlated else None
    scale = torch.tensor([[1.0, 2.0, 3.0], [0.1, 0.2, 0.3]], dtype=DOUBLE)
    prior = MixtureSameFamily(Categorical(torch.ones(2)), parts or independent(Normal(centres, scale)))
    z = latents() + torch.where(torch.arange(4)[:, None] < 2, centres[0], centres[1])
    found = prior_curvature(prior, z)
    for number, curvature in enumerate(found):
        exact = -hessian(prior.log_prob, z[0, number])
        torch.testing.assert_close(curvature, exact, atol=1e-6, rtol=1e-6)


def test_mixtures_bound_the_hessian_from_above_and_learned_ones_are_read():
    torch.manual_seed(0)
    learned = GaussianMixturePrior(3, components=4).double()
    scale = torch.tensor([[1.0, 2.0, 0.5]] * 4, dtype=DOUBLE)
    vamp = VampPrior(lambda u: independent(Normal(u, scale)), torch.randn(4, 3, dtype=DOUBLE))
    z = latents()
    for prior in (learned(), vamp()):
        found = prior_curvature(prior, z)
        exact = -torch.stack(
            [torch.stack([hessian(prior.log_prob, z[s, b]) for s in range(5)]).mean(0) for b in range(4)]
        )
        assert float(torch.linalg.eigvalsh(found - exact.detach()).min()) > -1e-9  # the covariance of the gradients
        assert not found.requires_grad


def test_far_beyond_a_mixture_its_curvature_is_still_a_number():
    prior = MixtureSameFamily(Categorical(torch.ones(2)), independent(Normal(torch.zeros(2, 3), torch.ones(2, 3))))
    z = torch.tensor([1.0, 1e25, float("nan")]).reshape(1, 3, 1).expand(1, 3, 3)
    torch.testing.assert_close(prior_curvature(prior, z), torch.eye(3).expand(3, 3, 3))


@pytest.mark.parametrize("df", [1.0, 3.0])
def test_heavy_tails_are_reweighted(df):
    zero, one = torch.zeros(3, dtype=DOUBLE), 2 * torch.ones(3, dtype=DOUBLE)
    prior = independent(Cauchy(zero, one) if df == 1.0 else StudentT(df, zero, one))
    z = latents(size=20.0)
    found = prior_curvature(prior, z).diagonal(dim1=-2, dim2=-1)
    # The weights are gradient over residual: what makes the reweighted step a descent.
    leaf = z.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(prior.log_prob(leaf).sum(), leaf)
    torch.testing.assert_close(found, (-gradient / z).mean(0))


def test_other_priors_are_differentiated_twice_and_piecewise_linear_ones_keep_their_variance():
    zero, one = torch.zeros(3, dtype=DOUBLE), torch.ones(3, dtype=DOUBLE)
    gumbel, z = independent(Gumbel(zero, one)), latents(size=0.5)
    exact = torch.stack([torch.stack([-hessian(gumbel.log_prob, z[s, b]) for s in range(5)]).mean(0) for b in range(4)])
    torch.testing.assert_close(prior_curvature(gumbel, z), exact)
    laplace = independent(Laplace(zero, 3.0 * one))
    torch.testing.assert_close(prior_curvature(laplace, z), torch.eye(3, dtype=DOUBLE).expand(4, 3, 3) / 18.0)
    uniform = independent(Uniform(-one, one))
    torch.testing.assert_close(prior_curvature(uniform, z)[0], torch.eye(3, dtype=DOUBLE) * 3.0)
    gamma = independent(Gamma(0.5 * one, one))  # its Hessian is of the wrong sign
    assert float(torch.linalg.eigvalsh(prior_curvature(gamma, z.abs() + 0.1)).min()) > 0.0
    assert bool(prior_curvature(gamma, -z.abs()).isfinite().all())


def test_a_typical_precision_has_the_units_of_the_latents():
    cauchy = independent(Cauchy(torch.zeros(2), torch.tensor([1.0, 1000.0])))
    found = typical_precision(cauchy, 2)
    assert 0.5e-6 < float(found[1] / found[0]) < 2e-6
    torch.testing.assert_close(typical_precision(independent(Normal(torch.zeros(2), 0.5)), 2), torch.full((2,), 4.0))


@pytest.mark.parametrize("family", ["student", "cauchy", "laplace"])
def test_expected_information_of_likelihoods(family):
    """The mean square of the score of location and of log scale, by draws."""
    made = {
        "student": lambda loc, scale: StudentT(4.0, loc, scale),
        "cauchy": Cauchy,
        "laplace": Laplace,
    }[family]
    loc, log_scale = torch.tensor([[0.7]], dtype=DOUBLE), torch.tensor([[-0.5]], dtype=DOUBLE)
    torch.manual_seed(0)
    x = made(loc, log_scale.exp()).sample((200_000,))[:, 0]
    leaf = torch.cat([loc, log_scale], 1).expand(len(x), 2).clone().requires_grad_(True)
    (score,) = torch.autograd.grad(made(leaf[:, :1], leaf[:, 1:].exp()).log_prob(x).sum(), leaf)
    phi, weights = fisher_features(independent(made(loc, log_scale.exp())))
    torch.testing.assert_close(phi, torch.cat([loc, log_scale], 1))
    torch.testing.assert_close(weights[0], score.square().mean(0), rtol=0.03, atol=0.0)
