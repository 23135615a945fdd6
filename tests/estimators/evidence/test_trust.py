"""What heavy-tailed weights have not shown is in the claimed error: held to weights whose mean is known."""

import math

import pytest
import torch

from gapkit.core.numerics import log_mean_exp, log_mean_exp_influence, standard_error
from gapkit.core.pareto import pareto_k
from gapkit.estimators.evidence.trust import body, healthy, khat_error, tail_error
from tests.fast import only

DOUBLE, MANY = torch.float64, 2000


def pareto(k, count, generator):
    """Weights with a Pareto tail of shape k and mean one."""
    uniform = torch.rand(count, MANY, generator=generator, dtype=DOUBLE)
    return -k * uniform.log() + math.log(1 - k)


def log_normal(scale, count, generator):
    return scale * torch.randn(count, MANY, generator=generator, dtype=DOUBLE) - 0.5 * scale**2


def scores(log_w):
    """Errors over claimed errors, with and without the tail's, where the weights look healthy."""
    khat, noise = pareto_k(log_w), standard_error(log_mean_exp_influence(log_w))
    sound = healthy(khat, torch.full((MANY,), len(log_w)))
    error = log_mean_exp(log_w)
    claimed = torch.maximum(noise, tail_error(log_w, khat))
    return (error / claimed)[sound], (error / noise)[sound], (claimed / noise)[sound]


@pytest.mark.parametrize("count", only([1000, 5000], 1000))
@pytest.mark.parametrize("k", [0.4, 0.5, 0.6])
def test_errors_of_heavy_tailed_weights_are_covered(k, count):
    with_tail, without, _ = scores(pareto(k, count, torch.Generator().manual_seed(0)))
    assert float(with_tail.square().mean().sqrt()) < 1.15
    assert float((with_tail.abs() > 2).double().mean()) < 0.08
    assert float(without.square().mean().sqrt()) > float(with_tail.square().mean().sqrt())


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_light_tails_pay_next_to_nothing(scale):
    with_tail, _, ratio = scores(log_normal(scale, 1000, torch.Generator().manual_seed(0)))
    assert float(ratio.median()) < 1.1
    assert 0.85 < float(with_tail.square().mean().sqrt()) < 1.1


@pytest.mark.slow
def test_the_error_of_k_is_its_spread_over_samples():
    generator = torch.Generator().manual_seed(0)
    for k in (0.3, 0.6):
        khat = pareto_k(pareto(k, 5000, generator))
        claimed = khat_error(khat, torch.full((MANY,), 5000)).mean()
        assert 0.8 < float(claimed / khat.std()) < 1.25


def test_the_body_of_the_weights_does_not_see_one_heavy_draw():
    generator = torch.Generator().manual_seed(0)
    log_w = log_normal(0.5, 1000, generator)
    heavier = log_w.clone()
    heavier[0] += 20.0
    torch.testing.assert_close(body(heavier), body(log_w), rtol=0.02, atol=0)
    assert 0.7 < float(body(log_w).mean()) < 0.9


def test_constant_weights_have_no_tail_and_too_few_give_no_error():
    flat = torch.zeros(100, 3, dtype=DOUBLE)
    assert torch.equal(tail_error(flat, pareto_k(flat)), torch.zeros(3, dtype=DOUBLE))
    assert bool(tail_error(flat[:5], pareto_k(flat[:5])).isnan().all())
