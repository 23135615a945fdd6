"""Mixtures adapted to their weights: right on curved and heavy-tailed posteriors, and harmless elsewhere."""

from dataclasses import replace

import pytest
import torch

from gapkit.core.randomness import Key
from gapkit.estimators import Iwae
from gapkit.estimators.evidence import Policy
from gapkit.estimators.evidence.blend import Blend, log_density, shrunk, tempered
from gapkit.families import DiagonalGaussian
from tests.estimators.evidence.shapes import DOUBLE, banana, cauchy, evidence, funnel, log_gamma, ring
from tests.fast import only

POLICY = Policy(control=0.0)


def z_scores(found, exact):
    return (found.log_px.value - exact) / found.log_px.std_error


SHAPES = {"ring": ring, "banana": banana, "funnel": funnel, "cauchy": cauchy, "log_gamma": lambda: log_gamma(3, 6)}


@pytest.mark.parametrize("shape", only(SHAPES, "cauchy"))
def test_curved_skewed_and_heavy_tailed_posteriors_need_no_annealing(shape):
    model, x, q, exact = SHAPES[shape]()
    found, target = evidence(model, x, q, POLICY)
    before, _ = evidence(model, x, q, replace(POLICY, refinements=0, max_samples=1000))
    error = found.log_px.value - exact
    trusted = ~found.weak
    assert float(trusted.double().mean()) >= 5 / 6
    assert float(error[trusted].abs().max()) < 0.15
    assert float(error.square().mean()) <= float((before.mixture.value - exact).square().mean())
    assert float(z_scores(found, exact)[trusted].square().mean()) < 2.0**2
    assert target.work.gradients < 0.5 * target.work.values


@pytest.mark.slow
def test_the_company_of_others_moves_a_refined_datapoint_by_rounding_alone():
    model, x, q, _ = ring()
    whole, _ = evidence(model, x, q, POLICY)
    alone, _ = evidence(model, x[:2], q.select(torch.arange(2)), POLICY)
    refined = whole.refined[:2] & (whole.source[:2] == 0)
    assert bool(refined.any())
    torch.testing.assert_close(whole.log_px.value[:2], alone.log_px.value, atol=1e-6, rtol=0)


def test_the_proposal_covers_the_posterior_that_it_was_adapted_to():
    model, x, q, _ = ring()
    found, target = evidence(model, x, q, POLICY)
    angle = torch.linspace(0.0, 6.28, 100, dtype=DOUBLE).unsqueeze(1)
    z = torch.stack([x[:, 0] * angle.cos(), x[:, 0] * angle.sin()], -1)
    with torch.no_grad():
        excess = target.log_joint(z) - found.log_px.value - found.proposal.log_prob(z)
    before = target.log_joint(z) - found.log_px.value - q.log_prob(z)
    assert float(excess[:, found.refined].max()) < 3.0 < 20.0 < float(before.max())


def test_a_good_proposal_is_left_alone():
    model, x, q, _ = log_gamma(3, 6)
    wide = DiagonalGaussian(q.loc, 1.3 * q.scale)
    found, target = evidence(model, x, wide, replace(POLICY, target_se=0.5))
    assert not bool(found.refined.any())
    assert len(found.proposal.components) == 5  # the Gaussian, the encoder's q and three wider copies
    assert target.work.values == 6 * 1000


@pytest.mark.slow
def test_many_latents_are_beyond_pieces_and_come_to_no_harm():
    model, x, q, exact = log_gamma(20, 8)
    found, _ = evidence(model, x, q, POLICY)
    assert not bool(found.refined.any())
    assert float(z_scores(found, exact).square().mean()) < 2.0**2
    policy = replace(POLICY, pooled=Iwae(num_samples=256, stage="pooled"))
    model, x, q, _ = log_gamma(50, 4)
    assert not bool(evidence(model, x, q, policy)[0].refined.any())


@pytest.mark.slow
def test_estimates_of_refined_mixtures_are_right_over_seeds():
    model, x, q, exact = banana()
    scores = torch.cat([z_scores(evidence(model, x, q, POLICY, seed)[0], exact) for seed in range(5)])
    assert float((scores.abs() > 2).double().mean()) < 0.25
    assert float(scores.median().abs()) < 1.2


def test_shrinkage_keeps_the_known_covariance_without_draws_and_the_new_one_with_many():
    generator = torch.Generator().manual_seed(0)
    old = torch.randn(2, 4, 4, generator=generator, dtype=DOUBLE).tril() + 3 * torch.eye(4, dtype=DOUBLE)
    new = 2.0 * torch.eye(4, dtype=DOUBLE).expand(2, 4, 4)
    tril = shrunk(new, old, torch.tensor([5.0, 1e9], dtype=DOUBLE))
    torch.testing.assert_close(tril[0] @ tril[0].mT, old[0] @ old[0].mT)
    torch.testing.assert_close(tril[1] @ tril[1].mT, new[1], rtol=1e-6, atol=1e-6)
    # Half way between a variance of 1 and one of 0.0001 is 0.01, not 0.5.
    half = shrunk(torch.full((1, 1, 1), 1e-4, dtype=DOUBLE), torch.ones(1, 1, 1, dtype=DOUBLE), torch.tensor([4.0]))
    assert float(half) == pytest.approx(0.1)


def test_a_fit_to_weighted_draws_finds_the_gaussian_that_they_come_from():
    z = 3.0 * Key(0, (0,)).streams("test", DOUBLE).normal(4000, 2)[:, 0]
    log_w = log_density(z, torch.tensor([[1.0, -1.0]], dtype=DOUBLE), 0.5 * torch.eye(2, dtype=DOUBLE).unsqueeze(0))[0]
    log_w -= log_density(z, torch.zeros(1, 2, dtype=DOUBLE), 3.0 * torch.eye(2, dtype=DOUBLE).unsqueeze(0))[0]
    unit = torch.eye(2, dtype=DOUBLE).unsqueeze(0)
    blend = Blend(torch.tensor([0.1, 0.9], dtype=DOUBLE), torch.zeros(1, 2, dtype=DOUBLE), unit, torch.tensor([False]))
    for _ in range(20):
        blend = blend.updated(z, torch.full((4000,), -10.0, dtype=DOUBLE), torch.softmax(log_w, 0))
    torch.testing.assert_close(blend.loc[0], torch.tensor([1.0, -1.0], dtype=DOUBLE), atol=0.15, rtol=0)
    torch.testing.assert_close(blend.tril[0], 0.5 * unit[0], atol=0.1, rtol=0)
    assert float(blend.shares[1]) > 0.99


def test_tempered_weights_are_worth_what_is_asked_for():
    log_w = 10.0 * torch.randn(1000, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    for least in (5.0, 100.0):
        assert float(1.0 / tempered(log_w, least).square().sum()) == pytest.approx(least, rel=0.05)
