"""Intervals of a mean: they cover, they are not much longer than they must be, and nothing makes them explode."""

import json
import math

import numpy as np
import pytest
from scipy import optimize, special, stats

from benchmarks.interval_data import KINDS
from benchmarks.interval_methods import BOOTSTRAPS, METHODS, bootstraps
from benchmarks.readme import RESULTS
from benchmarks.readme_intervals import intervals
from gapkit.core.intervals import difference_interval, likelihood_interval, mean_interval
from gapkit.core.sample_size import FEWEST
from gapkit.results.summary import difference_of_means, summarise, summarise_values
from gapkit.results.verdict import verdict
from tests.results.by_hand import make, twelve

KIND = {kind.name.split(",")[0]: kind for kind in KINDS}
# Least coverage aimed for, by kind and n.
TARGETS = [
    *(("normal", n, 0.92) for n in (25, 50, 200)),
    *(("exponential", n, 0.92) for n in (25, 50, 200)),
    *(("log-normal", n, 0.88) for n in (25, 50, 200)),
    *(("9 in 10 zero", n, 0.88) for n in (100, 200)),
    *(("paired differences", n, 0.88) for n in (25, 50, 200)),
]
SKEWED = np.random.default_rng(3).lognormal(0.0, 1.6, 24)


def measured(kind, size, repeats, seed=0):
    """Coverage, and the median and 95th percentile of the length over that of the interval from the true spread."""
    values = KIND[kind].draw(np.random.default_rng([seed, size]), (repeats, size))
    low, high = mean_interval(values)
    length = (high - low) / (2 * 1.96 * KIND[kind].spread / np.sqrt(size))
    covered = ((low <= KIND[kind].mean) & (KIND[kind].mean <= high)).mean()
    return covered, *np.quantile(length, [0.5, 0.95])


def assert_target(kind, size, target, repeats):
    """Allow four standard errors; nominal coverage must not be left far behind on the other side either."""
    covered, median, largest = measured(kind, size, repeats)
    error = math.sqrt(target * (1 - target) / repeats)
    print(f"\n{kind}, n = {size}: {covered:.3f}, length {median:.2f}, 95th percentile {largest:.2f}")
    assert target - 4 * error < covered < 0.98
    assert 0.7 < median < 1.5
    assert largest < 4.0


@pytest.mark.parametrize(("kind", "size", "target"), TARGETS)
def test_coverage_and_length(kind, size, target):
    assert_target(kind, size, target, 3000)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "size", "target"), TARGETS)
def test_coverage_and_length_of_many(kind, size, target):
    assert_target(kind, size, target, 40_000)


@pytest.mark.parametrize(("kind", "least"), [("normal", 0.93), ("exponential", 0.92), ("log-normal", 0.87)])
def test_the_fewest_datapoints_with_an_interval(kind, least):
    covered, median, largest = measured(kind, FEWEST, 3000)
    assert covered > least - 4 * math.sqrt(least * (1 - least) / 3000)
    assert (median < 1.5, largest < 4.0) == (True, True)


@pytest.mark.parametrize("kind", KIND)
def test_the_distributions_have_the_mean_and_spread_that_coverage_is_measured_by(kind):
    values = KIND[kind].draw(np.random.default_rng(9), (1000, 1000))
    assert values.mean() == pytest.approx(KIND[kind].mean, abs=5 * KIND[kind].spread / 1000)
    fourth = ((values - values.mean()) ** 4).mean()
    assert values.var() == pytest.approx(KIND[kind].spread ** 2, abs=5 * math.sqrt(fourth / values.size))


def by_definition(values, mean):
    """-2 log of the empirical likelihood ratio of a mean, from its dual: Owen (2001), section 2.9."""
    gaps = values - mean

    def slope(multiplier):
        return (gaps / (1 + multiplier * gaps)).sum()

    ends = -1 / gaps.max(), -1 / gaps.min()
    inner = [end * (1 - 1e-12) for end in ends]
    return 2 * np.log1p(optimize.brentq(slope, *inner, xtol=1e-14) * gaps).sum()


@pytest.mark.parametrize("values", [SKEWED, -SKEWED, np.arange(11.0), np.repeat([0.0, 1.0], [20, 3])])
@pytest.mark.parametrize("limit", [0.5, 3.84, 9.0])
def test_both_ends_have_the_likelihood_that_was_asked_for(values, limit):
    for end in likelihood_interval(values, limit):
        assert by_definition(values, end) == pytest.approx(limit, rel=1e-6)


def test_the_limit_is_the_published_one():
    """c (1 + b / n) = l max(1 - l / n, 1 / 2), with b = kurtosis / 2 - skewness^2 / 3."""
    for values in (SKEWED, np.repeat([0.0, 1.0], [9, 1]), np.linspace(0, 1, 10)):
        count = len(values)
        bartlett = (stats.kurtosis(values, fisher=False) / 2 - stats.skew(values) ** 2 / 3) / count
        for end in mean_interval(values):
            found = by_definition(values, end)
            left = found * max(1 - found / count, 0.5)
            assert left == pytest.approx(special.chdtri(1, 0.05) * (1 + bartlett), rel=1e-6)


def test_many_normal_values_have_the_usual_interval():
    values = np.random.default_rng(0).normal(3.0, 2.0, 100_000)
    half = 1.96 * values.std(ddof=1) / math.sqrt(100_000)
    np.testing.assert_allclose(mean_interval(values), [values.mean() - half, values.mean() + half], atol=0.01 * half)


def test_shifting_scaling_and_mirroring_do_the_same_to_the_interval():
    low, high = mean_interval(SKEWED)
    for shift, scale in ((100.0, 1.0), (0.0, 1e-9), (-3.0, 1e12)):
        np.testing.assert_allclose(mean_interval(shift + scale * SKEWED), [shift + scale * low, shift + scale * high])
    np.testing.assert_allclose(mean_interval(-SKEWED), [-high, -low], rtol=1e-12)
    assert mean_interval(SKEWED[::-1]) == pytest.approx((low, high), rel=1e-12)
    both = mean_interval(np.stack([SKEWED, 2 * SKEWED]))
    np.testing.assert_allclose(both, [[low, 2 * low], [high, 2 * high]], rtol=1e-12)


def test_skewed_gaps_of_24_datapoints_do_not_explode():
    """A gap of 8.0 +- 5.0 had an interval from 1.47 to 128."""
    longest = 0.0
    for seed in range(300):
        gaps = np.random.default_rng(seed).lognormal(0.0, 2.0, 24)
        mean, error = gaps.mean(), gaps.std(ddof=1) / math.sqrt(24)
        low, high = mean_interval(gaps)
        assert gaps.min() < low < mean < high < gaps.max()
        longest = max(longest, (high - mean) / error)
    assert 2.0 < longest < 6.0  # standard errors above the mean: 24 in the example


def test_a_class_of_two_has_no_interval_but_its_range():
    """Its interval went from -4271 to 5369."""
    rng = np.random.default_rng(0)
    star = rng.normal(-90, 9, 42)
    gaps = np.where(np.arange(42) < 2, [1.0, 1097.0] * 21, rng.lognormal(0.5, 0.8, 42))
    frame = make(star - gaps, star, star + 0.1).to_frame().assign(label=["few"] * 2 + ["many"] * 40)
    few, many = summarise(frame).splits["test"].classes
    assert (few.label, few.quantities["amortization_gap"].ci95) == ("few", None)
    assert few.quantities["amortization_gap"].range == pytest.approx([1.0, 1097.0])
    assert many.quantities["amortization_gap"].ci95 is not None
    assert not any("stands out" in sentence for sentence in verdict(summarise(frame)))


@pytest.mark.parametrize("value", [0.0, -3.5, 0.1, 1e300])
def test_equal_values_have_a_point(value):
    assert mean_interval(np.full(12, value)) == (value, value)


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0],
        [0.0] * 99 + [1e12],
        [-1e12] + [0.0] * 99,
        [0.0] * 50 + [1.0] * 50,
        [*np.zeros(9), 1e-18, 1.0],
        1e9 + np.arange(10) * 1e-6,
        np.exp(np.linspace(-300, 300, 40)),
        np.arange(10) * 1e-300,
    ],
)
def test_odd_values_have_an_interval_inside_their_range(values):
    values = np.array(values)
    low, high = mean_interval(values)
    assert values.min() <= low <= values.mean() <= high <= values.max()
    assert low < high


def test_too_few_have_a_range_and_infinities_are_left_out():
    values = np.array([np.inf, *SKEWED[:9], -np.inf, np.nan])
    found = summarise_values(values, np.full(12, 0.1))
    assert (found.count, found.left_out, found.ci95) == (9, 3, None)
    assert found.range == (SKEWED[:9].min(), SKEWED[:9].max())
    enough = summarise_values(np.append(values, SKEWED[9]), np.full(13, 0.1))
    assert enough.ci95 == tuple(mean_interval(SKEWED[:10]))
    assert enough.range == (SKEWED[:10].min(), SKEWED[:10].max())


def test_an_infinite_monte_carlo_error_does_not_hide_the_interval():
    found = summarise_values(SKEWED, np.full(24, np.inf))
    assert (found.se_monte_carlo, found.ci95) == (None, tuple(mean_interval(SKEWED)))


def test_a_difference_of_symmetric_intervals_is_the_usual_one():
    low, high = difference_interval(5.0, (2.0, 8.0), 1.0, (-3.0, 5.0))
    assert (low, high) == (4.0 - 5.0, 4.0 + 5.0)


@pytest.mark.parametrize(("kind", "sizes"), [("exponential", (25, 60)), ("log-normal", (40, 40)), ("normal", (25, 25))])
def test_coverage_of_differences_of_means(kind, sizes):
    """Of one mean minus another over different datapoints, where the second set is three times as wide."""
    rng, repeats = np.random.default_rng(4), 3000
    one, other = (KIND[kind].draw(rng, (repeats, size)) * scale for size, scale in zip(sizes, (1, 3), strict=True))
    ends = [np.stack(mean_interval(part), 1) for part in (one, other)]
    truth, covered = -2 * KIND[kind].mean, 0
    for a, a_ends, b, b_ends in zip(one.mean(1), ends[0], other.mean(1), ends[1], strict=True):
        low, high = difference_interval(a, a_ends, b, b_ends)
        covered += low <= truth <= high
    least = 0.88 if kind == "log-normal" else 0.92
    assert least - 4 * math.sqrt(least * (1 - least) / repeats) < covered / repeats < 0.98


def test_a_difference_with_too_few_datapoints_has_no_interval():
    enough, few = (summarise_values(part, np.full(len(part), 0.1)) for part in (SKEWED, SKEWED[:9]))
    found = difference_of_means(enough, few)
    assert found.mean == enough.mean - few.mean
    assert found.ci95 is None


def test_nothing_is_advised_from_fewer_datapoints_than_an_interval_needs():
    said = " ".join(verdict(summarise(twelve().to_frame().head(FEWEST - 1))))
    assert not any(word in said for word in ("Fix the encoder", "Fix the posterior family"))
    assert "there are only 9 datapoints, whose total gaps range from" in said


def test_every_method_of_the_table_is_the_usual_interval_of_many_normal_values():
    rng = np.random.default_rng(6)
    values = rng.normal(3.0, 2.0, (3, 2000))
    half = 1.96 * values.std(1) / math.sqrt(2000)
    found = {name: method(values) for name, method in METHODS.items()} | bootstraps(values, rng, 4000)
    assert set(found) == {*METHODS, *BOOTSTRAPS}
    for name, (low, high) in found.items():
        sides = np.stack([values.mean(1) - low, high - values.mean(1)]) / half
        assert np.abs(sides - 1).max() < 0.12, name


def test_the_table_of_coverage_is_that_of_the_results():
    found = json.loads((RESULTS / "intervals.json").read_text("utf-8"))
    assert found["arguments"]["repeats"] >= 10_000
    assert intervals(found) in (RESULTS.parent / "README.md").read_text("utf-8")
