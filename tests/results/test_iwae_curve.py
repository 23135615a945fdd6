"""The bound against the number of draws, on weights made by hand and against direct evaluation."""

import json
import math

import numpy as np
import pytest

from gapkit.results.iwae_curve import GroupedBounds, group_sizes, grouped_bounds, summarise_iwae_curve


def weights(draws=256, count=3, seed=0):
    return np.random.default_rng(seed).normal(-80.0, 2.0, (draws, count))


@pytest.mark.parametrize("draws", [1, 2, 3, 9, 10, 128, 256, 1000, 5000])
def test_sizes_rise_from_one_to_all(draws):
    sizes = group_sizes(draws)
    assert (sizes[0], sizes[-1]) == (1, draws)
    assert sorted(set(sizes)) == list(sizes)
    assert all(2 * size <= draws for size in sizes[:-1])
    assert all(str(size).rstrip("0") in ("1", "2", "5") for size in sizes[:-1])


def test_bounds_are_means_over_disjoint_groups():
    log_w = weights(130)
    bounds = grouped_bounds(log_w)
    for place, size in enumerate(group_sizes(130)):
        groups = [log_w[start : start + size] for start in range(0, 130 - size + 1, size)]
        direct = np.mean([np.log(np.exp(group + 80).mean(0)) - 80 for group in groups], 0)
        np.testing.assert_allclose(bounds.value[place], direct, rtol=1e-12)
        np.testing.assert_allclose(bounds.below[place], bounds.value[-1] - direct, atol=1e-9)
    np.testing.assert_allclose(bounds.value[0], log_w.mean(0), rtol=1e-12)
    assert (bounds.below_se[-1] == 0).all()


def test_each_point_is_unbiased():
    """Log-normal weights: the bound with two draws by quadrature."""
    many = grouped_bounds(weights(1000, 400))
    nodes, mass = np.polynomial.hermite_e.hermegauss(60)
    mass = mass / mass.sum()
    pairs = np.logaddexp(2 * nodes[:, None], 2 * nodes[None]) - math.log(2)
    exact = -80 + mass @ pairs @ mass
    place = group_sizes(1000).index(2)
    error = many.value[place].std(ddof=1) / 20
    assert error < 0.005
    assert many.value[place].mean() == pytest.approx(exact, abs=4 * error)


def test_the_error_of_a_difference_is_that_of_repeated_runs():
    """One datapoint in each column: the spread over columns is what the error of one of them should say."""
    bounds = grouped_bounds(weights(2000, 2000) / 4)  # weights that two thousand draws know well
    for place in (0, 1, 2, 4):
        assert np.median(bounds.below_se[place]) == pytest.approx(bounds.below[place].std(), rel=0.12)
    # Paired: far smaller than for draws of their own.
    apart = math.hypot(bounds.value[0].std(), bounds.value[-1].std())
    assert bounds.below[3].std() < 0.7 * apart


def test_far_smaller_weights_are_not_lost():
    """A weight e^-2000 of the largest: a product of all would underflow, and one draw's bound is its logarithm."""
    log_w = np.array([[0.0], [-2000.0], [-1000.0], [-3.0]])
    bounds = grouped_bounds(log_w)
    assert bounds.value[0, 0] == pytest.approx(-3003 / 4)
    assert bounds.value[1, 0] == pytest.approx((-math.log(2) - 3 - math.log(2)) / 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_undefined_weights_are_zero_and_such_datapoints_left_out(bad):
    log_w = weights(20)
    log_w[3, 1] = bad
    bounds = grouped_bounds(log_w)
    assert bounds.value[0, 1] == -np.inf
    kept = np.delete(log_w, 3, 0)[:, 1]
    assert bounds.value[-1, 1] == pytest.approx(np.log(np.exp(kept + 80).sum() / 20) - 80)
    values = summarise_iwae_curve(bounds, 20, np.full(3, -75.0), np.full(3, 0.1))
    assert (values.datapoints, values.left_out) == (2, 1)
    assert values.curve[0].bound == pytest.approx(log_w[:, [0, 2]].mean())
    json.dumps(values.to_dict(), allow_nan=False)


def test_the_summary_is_of_means_over_the_same_datapoints():
    log_w = weights(100, 40)
    bounds, log_px = grouped_bounds(log_w), np.linspace(-78, -70, 40)
    log_px[7] = np.nan
    keep = np.arange(40) != 7
    values = summarise_iwae_curve(bounds, 100, log_px, np.full(40, 0.2))
    assert [point.k for point in values.curve] == list(group_sizes(100))
    assert values.curve[2].bound == pytest.approx(bounds.value[2, keep].mean())
    assert values.curve[2].below.mean == pytest.approx(bounds.below[2, keep].mean())
    assert values.curve[2].below.se_monte_carlo == pytest.approx(np.sqrt((bounds.below_se[2, keep] ** 2).sum()) / 39)
    assert values.log_px == pytest.approx(log_px[keep].mean())
    assert values.left.mean == pytest.approx((log_px - bounds.value[-1])[keep].mean())
    assert values.curve[-1].below.mean == 0
    nothing = summarise_iwae_curve(bounds, 100, log_px * np.nan, np.full(40, 0.2))
    assert (nothing.datapoints, nothing.log_px, nothing.curve[0].bound) == (0, None, None)


def test_parts_join_to_the_whole():
    log_w = weights(50, 5)
    whole, parts = grouped_bounds(log_w), [grouped_bounds(log_w[:, :2]), grouped_bounds(log_w[:, 2:]).head(2)]
    joined = GroupedBounds.joined(parts)
    for name in ("value", "below", "below_se"):
        np.testing.assert_allclose(getattr(joined, name), getattr(whole.head(4), name), rtol=1e-12, atol=1e-12)
