"""Pareto k-hat against the library whose estimator it is, and where a library has nothing to say."""

import math

import numpy as np
import pytest
import torch
from arviz_stats.base import array_stats
from scipy import stats

from gapkit.core.khat_limit import good_k
from gapkit.core.pareto import pareto_k


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_pareto_k_recovers_the_tail(shape):
    draws = stats.genpareto(shape).rvs(size=(20_000, 4), random_state=1)
    found = pareto_k(torch.from_numpy(np.log(draws)))
    assert float((found - shape).abs().max()) < 0.15


def test_pareto_k_edge_cases():
    assert pareto_k(torch.zeros(100, 1)).item() == 0.0
    assert math.isnan(pareto_k(torch.zeros(10, 1)).item())
    assert math.isnan(pareto_k(torch.full((100, 1), math.nan)).item())
    assert math.isnan(pareto_k(torch.full((100, 1), -math.inf)).item())


@pytest.mark.parametrize("count", [25, 26, 100, 300, 1000, 5000])
@pytest.mark.parametrize("spread", [0.01, 0.3, 1.0, 3.0, 10.0])
def test_it_is_the_estimator_of_arviz_stats(count, spread):
    log_w = spread * torch.randn(count, 20, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    if count == 300:
        log_w[::3] = -math.inf
    expected = []
    for column in log_w.T.numpy():
        _, k = array_stats.psislw(-np.maximum(column, column.max() - 700.0))
        expected.append(float(k))
    np.testing.assert_allclose(pareto_k(log_w).numpy(), expected, rtol=1e-9, atol=1e-9)


def test_one_weight_above_all_others_is_as_bad_as_can_be():
    log_w = torch.full((100, 1), -1000.0, dtype=torch.float64)
    log_w[0] = 0.0
    assert pareto_k(log_w).item() == math.inf > good_k(100)


def test_columns_do_not_touch_each_other():
    log_w = torch.randn(200, 9, dtype=torch.float64)
    log_w[:, 3] = math.nan
    log_w[:, 4] = 0.0
    whole = pareto_k(log_w)
    alone = torch.cat([pareto_k(log_w[:, i : i + 1]) for i in range(9)])
    torch.testing.assert_close(whole, alone, equal_nan=True)
