"""Atoms against their definitions."""

import math

import pytest
import torch
from scipy import stats

from gapkit.core import numerics
from gapkit.core.randomness import Key, as_key, seeded
from gapkit.estimators import Bound, Estimate
from gapkit.ladder.arithmetic import gap


def test_log_mean_exp_and_ess_by_definition():
    log_w = torch.randn(50, 3, dtype=torch.float64)
    w = log_w.exp()
    torch.testing.assert_close(numerics.log_mean_exp(log_w), w.mean(0).log())
    torch.testing.assert_close(numerics.effective_sample_size(log_w), w.sum(0) ** 2 / w.square().sum(0))
    torch.testing.assert_close(numerics.log_mean_exp(log_w - 2000), w.mean(0).log() - 2000)


def test_zero_weights_count_as_samples():
    """log n must be that of the samples asked for and drawn, also when some have no weight."""
    log_w = torch.tensor([[0.0], [-math.inf]])
    assert numerics.log_mean_exp(log_w).item() == pytest.approx(-math.log(2))


def test_influence_has_the_value_as_mean():
    log_w = torch.randn(100, 2, dtype=torch.float64)
    torch.testing.assert_close(numerics.log_mean_exp_influence(log_w).mean(0), numerics.log_mean_exp(log_w))


def test_standard_error_covers_for_few_draws():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(8, 20_000, generator=generator, dtype=torch.float64)
    covered = (draws.mean(0).abs() < 1.96 * numerics.standard_error(draws)).double().mean()
    assert abs(float(covered) - 0.95) < 0.006


def test_streams_are_independent_of_company_and_chunks():
    whole = Key(3, (5, 6, 7)).streams("a").normal(10, 4)
    assert torch.equal(whole[:, 1], Key(3, (6,)).streams("a").normal(10, 4)[:, 0])
    streams = Key(3, (5, 6, 7)).streams("a")
    assert torch.equal(whole, torch.cat([streams.normal(3, 4), streams.normal(7, 4)]))
    assert not torch.equal(whole, Key(3, (5, 6, 7)).streams("b").normal(10, 4))
    assert not torch.equal(whole, Key(4, (5, 6, 7)).streams("a").normal(10, 4))
    assert torch.equal(
        Key(3, (5, 6)).select(torch.tensor([1, 1])).streams("a").normal(2, 1)[:, 0],
        Key(3, (6,)).streams("a").normal(2, 1)[:, 0],
    )
    uniform = Key(0, (0,)).streams("u").uniform(10_000)
    assert 0.49 < float(uniform.mean()) < 0.51
    with pytest.raises(ValueError, match="names 3"):
        as_key(Key(0, (1, 2, 3)), 2)


def test_seeded_repeats_and_restores():
    state = torch.random.get_rng_state()
    with seeded(1, "x"):
        first = torch.randn(3)
    with seeded(1, "x"):
        assert torch.equal(first, torch.randn(3))
    assert torch.equal(state, torch.random.get_rng_state())


def rung(values, noise=None, bound=Bound.LOWER):
    draws = torch.tensor(values, dtype=torch.float64).reshape(-1, 1)
    return Estimate.from_draws(draws.mean(0), draws, bound, noise)


def test_gaps_are_differences_with_paired_or_independent_errors():
    upper, lower = rung([1.0, 2.0, 3.0], ("n",)), rung([0.5, 1.5, 2.5], ("n",))
    assert gap(upper, lower).value.item() == 0.5
    assert gap(upper, lower).std_error.item() == 0.0
    apart = gap(upper, rung([0.5, 1.5, 2.5], ("other",)))
    assert apart.std_error.item() == pytest.approx(math.hypot(upper.std_error.item(), lower.std_error.item()))


def test_a_negative_gap_is_reported_not_clipped():
    assert gap(rung([0.0, 0.0]), rung([1.0, 1.0])).value.item() == -1.0


def test_an_upper_bound_cannot_be_the_lower_rung():
    with pytest.raises(ValueError, match="lower bound"):
        gap(rung([2.0, 2.0]), rung([1.0, 1.0], bound=Bound.UPPER))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_is_standard_normal_in_body_and_tails(dtype):
    draws = Key(5, tuple(range(20))).streams("noise", dtype).normal(4000, 5).double()
    assert stats.kstest(draws.flatten().numpy(), "norm").pvalue > 1e-4
    assert stats.kstest(draws.square().sum(-1).flatten().numpy(), "chi2", (5,)).pvalue > 1e-4
    far = float((draws.abs() > 3.5).double().mean())
    assert 0.7 < far / float(2 * stats.norm.sf(3.5)) < 1.3
    columns = draws.permute(1, 2, 0).reshape(100, -1)
    correlations = torch.corrcoef(columns) - torch.eye(100, dtype=torch.float64)
    assert float(correlations.abs().max()) < 5.5 / 4000**0.5
