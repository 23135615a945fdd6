"""AIS says when it has not arrived."""

from dataclasses import replace

import pytest
import torch

from gapkit.core.randomness import Key
from gapkit.estimators import Ais, Iwae
from gapkit.estimators.evidence import Policy, estimate_evidence
from gapkit.estimators.evidence.annealed import starting
from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.models.freeze import frozen
from gapkit.target import Target
from tests.estimators.evidence.shapes import banana, evidence
from tests.yardsticks import ppca


def test_an_encoder_that_chains_cannot_reach_does_not_lift_the_upper_bound():
    model = ppca()
    x = model.sample(40, 0)
    tril = torch.linalg.cholesky(model.covariance).expand(40, -1, -1)
    mode = FullRankGaussian(model.posterior_mean(x), tril)
    away = DiagonalGaussian(mode.loc + 1000.0, torch.ones_like(mode.loc))
    mixture = Mixture(torch.tensor([[0.95], [0.05]], dtype=x.dtype).log().expand(2, 40), (mode, away))
    policy = Policy(method="ais", ais=Ais(num_chains=16, num_temperatures=10))
    with torch.no_grad(), frozen(model):
        found = estimate_evidence(Target(model, x), mixture, Key(0, tuple(range(40))), policy)
    torch.testing.assert_close(found.upper.value, model.log_px(x), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.ais.value, model.log_px(x), atol=1e-6, rtol=0)


def test_the_encoder_alone_is_a_start_where_there_is_no_mode():
    log_weights = torch.tensor([[0.95, 0.0], [0.0, 0.0], [0.05, 1.0]]).log()
    gaussian = DiagonalGaussian(torch.zeros(2, 1), torch.ones(2, 1))
    start = starting(Mixture(log_weights, (gaussian,) * 3)).exp()
    torch.testing.assert_close(start, torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]))
    alone = Mixture(torch.zeros(1, 2), (gaussian,))
    assert torch.equal(starting(alone), alone.log_weights)


def test_a_gap_between_both_bounds_is_in_the_error_or_the_datapoint_is_weak():
    model, x, q, _ = banana()
    away = DiagonalGaussian(q.loc, 0.3 * q.scale)
    for temperatures in (3, 10):
        policy = Policy(
            pooled=Iwae(num_samples=200, stage="pooled"),
            refinements=0,
            control=0.0,
            ais=Ais(num_chains=16, num_temperatures=temperatures),
        )
        found, _ = evidence(model, x, away, policy)
        apart = found.upper.value - found.ais.value
        noise = 4 * torch.hypot(found.upper.std_error, found.ais.std_error)
        far = (found.source == 1) & (apart > torch.clamp(noise, min=0.5))
        assert bool(found.weak[far].all())
        assert bool(found.upper.value[found.source == 1].isfinite().all())


@pytest.mark.slow
def test_rounds_go_on_until_bounds_close_and_no_further():
    model = ppca()
    x = model.sample(30, 0)
    mean = model.posterior_mean(x)
    wide = DiagonalGaussian(mean, 3.0 * model.covariance.diagonal().sqrt().expand_as(mean))
    encoder = DiagonalGaussian(mean, torch.ones_like(mean))
    mixture = Mixture(torch.tensor([[0.95], [0.05]], dtype=x.dtype).log().expand(2, 30), (wide, encoder))
    policy = Policy(method="ais", ais=Ais(num_chains=16, num_temperatures=4), target_se=0.1)
    with torch.no_grad(), frozen(model):
        found = estimate_evidence(Target(model, x), mixture, Key(0, tuple(range(30))), policy)
        easy = estimate_evidence(Target(model, x), mixture, Key(0, tuple(range(30))), replace(policy, target_se=100.0))
    assert set(easy.ais.diagnostics["temperatures"].tolist()) == {4.0}
    assert max(found.ais.diagnostics["temperatures"].tolist()) > 4.0
    score = (found.log_px.value - model.log_px(x)) / found.log_px.std_error
    assert float(score.square().mean().sqrt()) < 1.6
