"""Amortized posteriors of sbi: the same densities as sbi's own, and exact answers."""

import numpy as np
import pytest
import torch
from sbi.inference.posteriors import DirectPosterior
from torch import nn

import gapkit
from gapkit.families.truncated import measure
from gapkit.models import from_sbi
from gapkit.target import recognise
from tests.fast import only
from tests.models.simulators import (
    BOX,
    GAUSSIAN,
    estimator,
    evidence,
    evidence_of_box,
    learned,
    likelihood,
    log_likelihood,
    simulated,
    trained,
)

# nflows, whose last release is of 2020, calls a function of torch that has another name by now.
pytestmark = [
    pytest.mark.filterwarnings("ignore:torch.triangular_solve is deprecated"),
    pytest.mark.filterwarnings("ignore:of . of . observations the posterior estimator:gapkit.GapkitWarning"),
]
KINDS = ("maf", "nsf", "zuko_maf", "zuko_nsf", "mdn")


def _posterior(kind, prior):
    return DirectPosterior(estimator(kind, z_score_x="independent", z_score_theta="independent"), prior)


@pytest.mark.parametrize("kind", KINDS)
def test_densities_are_sbis_own(kind):
    posterior = _posterior(kind, GAUSSIAN)
    model, x = from_sbi(posterior, likelihood), simulated(GAUSSIAN, 5, 1)[1]
    q = model.encode(x)
    torch.manual_seed(0)
    theta, log_q = q.rsample_and_log_prob((4,))
    own = posterior.log_prob_batched(theta, x, norm_posterior=False)
    torch.testing.assert_close(q.log_prob(theta), own, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(log_q, own, rtol=1e-4, atol=1e-3)
    cut = recognise(q).select(torch.tensor([3, 1]))
    torch.testing.assert_close(cut.log_prob(theta[:, [3, 1]]), own[:, [3, 1]], rtol=1e-4, atol=1e-4)
    if kind != "mdn":
        u = torch.randn(4, 5, 2)
        transport = recognise(q)
        torch.testing.assert_close(transport.inverse(transport.forward(u)), u, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", only(KINDS, "maf", "mdn"))
def test_what_leaks_from_a_box_is_cut_off_as_by_sbi(kind):
    """Mass and moments against sbi's own rejection."""
    posterior = _posterior(kind, BOX)
    model, x = from_sbi(posterior, likelihood), simulated(BOX, 4, 1)[1]
    transport = recognise(model.encode(x))
    theta = torch.rand(6, 4, 2) * torch.tensor([1.8, 3.6]) - torch.tensor([0.9, 1.8])
    y = model.bijection.inv(theta)
    ladj = model.bijection.log_abs_det_jacobian(y, theta)
    cut = posterior.log_prob_batched(theta, x, norm_posterior=False)
    torch.testing.assert_close(transport.log_prob(y) + transport.known.log_mass, cut + ladj, rtol=1e-4, atol=1e-3)
    torch.manual_seed(0)
    raw = posterior.posterior_estimator.sample(torch.Size([6_000]), condition=x)
    inside = BOX.support.check(raw).double().mean(0)
    error = (inside * (1 - inside) / 6_000).sqrt() + 1e-4
    assert bool(((transport.known.log_mass.exp() - inside).abs() < 4.0 * error).all())
    drawn = model.bijection(model.encode(x).sample((6_000,)))
    own = posterior.sample_batched((6_000,), x, max_sampling_batch_size=4000, show_progress_bars=False)
    spread = (own.var(0) / 6_000).sqrt()
    assert bool(((drawn.mean(0) - own.mean(0)).abs() < 6.0 * spread).all())
    assert bool(((drawn.var(0) / own.var(0)).log().abs() < 0.15).all())


def test_draws_and_density_belong_together():
    """E_q[r / q] = 1 for a density r inside q."""
    model, x = from_sbi(_posterior("zuko_maf", BOX), likelihood), simulated(BOX, 3, 2)[1]
    torch.manual_seed(0)
    q = model.encode(x)
    y, log_q = q.rsample_and_log_prob((6_000,))
    torch.testing.assert_close(log_q, q.log_prob(y), rtol=1e-3, atol=1e-3)
    inner = torch.distributions.Normal(y.mean(0), 0.4 * y.std(0))
    weight = (inner.log_prob(y).sum(-1) - log_q).exp()
    assert bool(((weight.mean(0) - 1.0).abs() < 4.0 * weight.std(0) / 6_000**0.5).all())


def test_a_row_does_not_depend_on_its_neighbours():
    model, x = from_sbi(_posterior("maf", BOX), likelihood), simulated(BOX, 6, 2)[1]
    y = torch.randn(3, 6, 2, generator=torch.Generator().manual_seed(0))
    alone = from_sbi(model.estimator, likelihood, BOX)
    single = torch.cat([alone.encode(x[row : row + 1]).log_prob(y[:, row : row + 1]) for row in range(6)], 1)
    torch.testing.assert_close(model.encode(x).log_prob(y), single, rtol=1e-4, atol=1e-4)


def test_a_posterior_far_outside_is_told_and_finite():
    posterior = _posterior("mdn", BOX)
    x = torch.tensor([[30.0, -30.0, 10.0], [0.0, 0.0, 0.0]])
    model = from_sbi(posterior, likelihood)
    with pytest.warns(gapkit.GapkitWarning, match="beyond the prior's support"):
        q = model.encode(x)
    y, log_q = q.rsample_and_log_prob((10,))
    assert bool(y.isfinite().all())
    assert bool(log_q.isfinite().all())
    inner = recognise(q).inner
    assert float(measure(inner, model.bijection, BOX.support.check).log_mass[1]) > -1.5


def test_an_estimator_on_the_real_line_needs_no_cut():
    posterior = trained(BOX, "mdn", count=300, epochs=1, z_score_theta="transform_to_unconstrained", x_dist=BOX)
    model, x = from_sbi(posterior, likelihood), simulated(BOX, 4, 1)[1]
    q = model.encode(x)
    theta = torch.tensor([[0.2, -0.7]]).expand(4, -1)
    y = model.bijection.inv(theta)
    own = posterior.log_prob_batched(theta.unsqueeze(0), x, norm_posterior=False)[0]
    torch.testing.assert_close(
        q.log_prob(y) - model.bijection.log_abs_det_jacobian(y, theta), own, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("given", [likelihood, log_likelihood])
@pytest.mark.slow
def test_evidence_and_gap_of_a_linear_simulator_are_exact(given):
    posterior, x = trained(GAUSSIAN, epochs=20), simulated(GAUSSIAN, 24, 3)[1]
    result = gapkit.analyze(from_sbi(posterior, given), x, effort="quick", family="full_rank")
    table, exact = result.to_frame(), evidence(x).numpy()
    error = (table["log_px"] - exact) / table["log_px_se"]
    assert float(np.sqrt((error**2).mean())) < 1.7
    with torch.no_grad():
        theta = posterior.sample_batched((4000,), x, max_sampling_batch_size=4000, show_progress_bars=False)
        own = GAUSSIAN.log_prob(theta) + likelihood(theta).log_prob(x) - posterior.log_prob_batched(theta, x)
    spread = np.hypot(table["elbo_se"], (own.std(0) / 4000**0.5).numpy())
    assert float(np.sqrt((((table["elbo"] - own.mean(0).numpy()) / spread) ** 2).mean())) < 1.7
    assert float(table["approximation_gap"].abs().mean()) < 0.02  # the posterior is a full-rank Gaussian


@pytest.mark.slow
def test_a_bounded_prior_is_held_to_quadrature():
    posterior, x = trained(BOX, "zuko_nsf", epochs=20), simulated(BOX, 24, 3)[1]
    result = gapkit.analyze(from_sbi(posterior, likelihood), x, effort="quick", family="full_rank")
    table, exact = result.to_frame(), evidence_of_box(x).numpy()
    error = (table["log_px"] - exact) / table["log_px_se"]
    assert float(np.sqrt((error**2).mean())) < 1.7
    theta = posterior.sample_batched((4000,), x, max_sampling_batch_size=4000, show_progress_bars=False)
    with torch.no_grad():
        density = posterior.log_prob_batched(theta, x)  # divided by its own estimate of the mass
        own = BOX.log_prob(theta) + likelihood(theta).log_prob(x) - density
    spread = np.sqrt(table["elbo_se"] ** 2 + (own.std(0) / 4000**0.5).numpy() ** 2 + 0.01**2)
    assert float(np.sqrt((((table["elbo"] - own.mean(0).numpy()) / spread) ** 2).mean())) < 1.7
    assert bool((table["total_gap"] > -4.0 * table["total_gap_se"]).all())


@pytest.mark.slow
def test_a_learned_likelihood_is_taken_as_it_is():
    """Log p(x) of the learned likelihood by quadrature over the parameters."""
    density, x = learned(GAUSSIAN, epochs=20), simulated(GAUSSIAN, 12, 3)[1]
    result = gapkit.analyze(from_sbi(trained(GAUSSIAN, epochs=20), density), x, effort="quick", family="full_rank")
    table = result.to_frame()
    side = torch.linspace(-4.0, 4.0, 121)
    grid = torch.cartesian_prod(side, side)
    with torch.no_grad():
        rows = [density.log_prob(row.expand(1, len(grid), 3), condition=grid)[0] for row in x]
    values = torch.stack(rows).double() + GAUSSIAN.log_prob(grid).double()
    exact = (torch.logsumexp(values, 1) + 2.0 * (side[1] - side[0]).double().log()).numpy()
    error = (table["log_px"] - exact) / np.hypot(table["log_px_se"], 1e-3)
    assert float(np.sqrt((error**2).mean())) < 1.7
    assert not result.summary_values.search.skipped  # it can be simulated from


def test_what_is_refused():
    posterior = _posterior("maf", GAUSSIAN)
    with pytest.raises(gapkit.InputError, match="flow of Gaussian noise"):
        from_sbi(_Ratio(), likelihood, GAUSSIAN)
    with pytest.raises(gapkit.InputError, match="give it: prior="):
        from_sbi(posterior.posterior_estimator, likelihood)
    with pytest.raises(gapkit.InputError, match="give a function of the parameters"):
        from_sbi(posterior, 3)
    with pytest.raises(gapkit.InputError, match=r"what NPE\.build_posterior returned"):
        from_sbi(likelihood, likelihood, GAUSSIAN)
    with pytest.raises(gapkit.InputError, match="event shape"):
        from_sbi(posterior, likelihood, torch.distributions.Normal(torch.zeros(2), 1.0))
    model = from_sbi(posterior, lambda theta: torch.distributions.Normal(theta, 1.0))
    with pytest.raises(gapkit.InputError, match="batch shape"):
        model.decode(torch.zeros(3, 2))


class _Ratio(nn.Module):
    def log_prob(self, theta):
        return theta
