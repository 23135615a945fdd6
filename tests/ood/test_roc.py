"""Areas, intervals and false positives, held to scikit-learn, to plain loops and to known distributions."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_curve

from gapkit.ood.roc import auc, auc_difference, false_positives, placements, roc_curve

RNG = np.random.default_rng(0)
SAMPLES = {
    "continuous": (RNG.normal(size=70), RNG.normal(1, 2, 45)),
    "ties": (RNG.integers(0, 4, 60).astype(float), RNG.integers(1, 6, 33).astype(float)),
    "infinite": (np.array([-np.inf, 0.0, 1.0, np.inf]), np.array([0.0, 0.5, np.inf, np.inf, 2.0])),
    "separate": (RNG.normal(size=20), RNG.normal(50, 1, 25)),
    "reversed": (RNG.normal(50, 1, 20), RNG.normal(size=25)),
    "equal": (np.zeros(12), np.zeros(15)),
}
each_sample = pytest.mark.parametrize("name", SAMPLES)


def joined(reference, other):
    """Labels and ranks, which scikit-learn takes where scores are infinite."""
    labels = np.repeat([0, 1], [len(reference), len(other)])
    return labels, stats.rankdata(np.concatenate([reference, other]), method="dense")


@each_sample
def test_the_area_is_that_of_scikit_learn_and_of_counting_pairs(name):
    reference, other = SAMPLES[name]
    pairs = np.mean([(b > a) + 0.5 * (b == a) for a in reference for b in other])
    assert auc(reference, other).value == pytest.approx(pairs, abs=1e-12)
    assert auc(reference, other).value == pytest.approx(roc_auc_score(*joined(reference, other)), abs=1e-12)


@each_sample
def test_the_curve_is_that_of_scikit_learn(name):
    reference, other = SAMPLES[name]
    threshold, false, true = roc_curve(reference, other)
    theirs = sklearn_curve(*joined(reference, other), drop_intermediate=False)
    np.testing.assert_allclose(false, theirs[0])
    np.testing.assert_allclose(true, theirs[1])
    assert (np.diff(threshold[1:]) < 0).all()
    assert np.trapezoid(true, false) == pytest.approx(auc(reference, other).value)


@each_sample
def test_the_error_is_delongs(name):
    """As in the paper: the variances of the mean comparisons of each datapoint."""
    reference, other = SAMPLES[name]
    wins = np.array([[(b > a) + 0.5 * (b == a) for a in reference] for b in other])
    variance = wins.mean(1).var(ddof=1) / len(other) + wins.mean(0).var(ddof=1) / len(reference)
    assert auc(reference, other).std_error == pytest.approx(np.sqrt(variance), abs=1e-12)
    above, below = placements(reference, other)
    np.testing.assert_allclose(above, wins.mean(1), atol=1e-12)
    np.testing.assert_allclose(below, wins.mean(0), atol=1e-12)


@each_sample
def test_the_interval_holds_the_area_and_has_a_width(name):
    found = auc(*SAMPLES[name])
    low, high = found.ci95
    assert 0 <= low <= found.value <= high <= 1
    assert high - low > 0.01


@pytest.mark.parametrize(
    ("mean", "scale", "m", "n"),
    [(1.0, 1.0, 40, 60), (1.5, 2.0, 100, 30), (0.0, 1.0, 25, 25), (2.9, 1.0, 30, 30), (3.5, 1.5, 200, 40)],
)
def test_coverage_on_binormal_scores(mean, scale, m, n):
    """600 samples: their share of hits is known to 0.9 points; near 1 the interval is wide on purpose."""
    rng = np.random.default_rng(1)
    truth = stats.norm.cdf(mean / np.hypot(1, scale))
    found = [auc(rng.normal(size=m), rng.normal(mean, scale, n)).ci95 for _ in range(600)]
    share = np.mean([low <= truth <= high for low, high in found])
    assert 0.92 <= share <= (0.98 if truth < 0.95 else 1.0)


def test_separate_sets_are_not_called_certain():
    low, high = auc(np.arange(200.0), 1000 + np.arange(200.0)).ci95
    assert 0.985 < low < 0.995
    assert high == 1
    few = auc(np.arange(5.0), 1000 + np.arange(5.0)).ci95
    assert few[0] < 0.75
    mirrored = auc(1000 + np.arange(200.0), np.arange(200.0)).ci95
    np.testing.assert_allclose(mirrored, (1 - high, 1 - low), atol=1e-9)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (1, 50), (50, 1)])
def test_one_datapoint_says_next_to_nothing(m, n):
    found = auc(np.arange(float(m)), 1000 + np.arange(float(n)))
    assert found.value == 1
    assert found.std_error is None
    assert found.ci95[0] < 0.5
    assert false_positives(np.arange(float(m)), 1000 + np.arange(float(n))).ci95 is None


def test_nothing_gives_nothing():
    empty, some = np.array([]), np.arange(3.0)
    for pair in ((empty, some), (some, empty), (empty, empty)):
        assert auc(*pair).value is None
        assert false_positives(*pair).value is None
        assert auc_difference((pair[0], pair[0]), (pair[1], pair[1])).value is None


def test_scores_of_one_order_have_no_difference_and_no_error():
    reference, other = SAMPLES["continuous"]
    same = auc_difference((reference, 2 * reference), (other, 2 * other))
    assert (same.value, same.ci95) == (0.0, None)


def test_differences_are_paired():
    """Two scores with the same area that move together: the interval is narrow and covers 0 as often as it should."""
    rng, found, widths = np.random.default_rng(2), [], []
    for _ in range(400):
        common = [rng.normal(shift, 1, 50) for shift in (0.0, 1.0)]
        first, second = ([part + rng.normal(0, 0.3, 50) for part in common] for _ in range(2))
        difference = auc_difference((first[0], second[0]), (first[1], second[1]))
        assert difference.value == pytest.approx(auc(*first).value - auc(*second).value)
        found.append(difference.ci95[0] <= 0 <= difference.ci95[1])
        widths.append((difference.std_error, auc(*first).std_error))
    assert 0.92 <= np.mean(found) <= 0.98
    own, single = np.mean(widths, axis=0)
    assert own < 0.8 * single


def test_false_positives_are_counted_from_the_threshold_on():
    reference, other = np.arange(100.0), np.arange(60.0, 160.0)
    found = false_positives(reference, other)
    assert found.threshold == 65.0
    assert (other >= found.threshold).mean() == 0.95
    assert found.value == pytest.approx((reference >= found.threshold).mean())
    few = false_positives(reference, np.array([50.0, 70.0]))
    assert few.threshold == 50.0
    assert few.value == 0.5


def test_false_positives_match_the_curve_with_ties():
    reference, other = SAMPLES["ties"]
    found = false_positives(reference, other)
    threshold, false, true = roc_curve(reference, other)
    place = np.flatnonzero(true >= 0.95)[0]
    assert (found.threshold, found.value) == (threshold[place], pytest.approx(false[place]))


def test_coverage_of_false_positives():
    rng, truth = np.random.default_rng(3), stats.norm.sf(stats.norm.ppf(0.05) + 1.5)
    found = [false_positives(rng.normal(size=150), rng.normal(1.5, 1, 200), seed=s).ci95 for s in range(200)]
    assert 0.9 <= np.mean([low <= truth <= high for low, high in found]) <= 1.0
    assert np.mean([high - low for low, high in found]) < 0.35


def test_no_false_positive_is_not_called_never():
    low, high = false_positives(np.arange(100.0), 1000 + np.arange(100.0)).ci95
    assert low == 0
    assert 0.02 < high < 0.06


def test_the_seed_decides_the_interval():
    reference, other = SAMPLES["continuous"]
    first, again = (false_positives(reference, other, seed=5) for _ in range(2))
    assert first == again
