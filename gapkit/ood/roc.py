"""How well a score tells two sets apart: ROC curve, area under it with its interval, and false positives.

A datapoint of the other set should have the larger score. Everything depends on the order of the scores alone, so that
infinite ones are fine; scores that are not numbers have to be left out before.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

__all__ = ["Auc", "Share", "auc", "auc_difference", "false_positives", "roc_curve"]

_Z = float(special.ndtri(0.975))
_FEW = 10
_TINY = 1e-12
_RESAMPLES, _AT_ONCE = 1000, 100


@dataclass(frozen=True)
class Auc:
    """The area under a ROC curve: how often a datapoint of the other set has the larger score, ties counted half.

    Attributes:
        value: from 0 to 1; None where one of the sets is empty.
        std_error: by DeLong's method; None where a set has fewer than two datapoints.
        ci95: its 95% interval.
    """

    value: float | None
    std_error: float | None
    ci95: tuple[float, float] | None


@dataclass(frozen=True)
class Share:
    """A share of the reference, and the threshold that makes it.

    Attributes:
        value: from 0 to 1; None where one of the sets is empty.
        ci95: its 95% interval; None where a set has fewer than two datapoints.
        threshold: scores from here on count as found.
    """

    value: float | None
    ci95: tuple[float, float] | None
    threshold: float | None


def auc(reference: np.ndarray, other: np.ndarray) -> Auc:
    """The area under the ROC curve, with a 95% interval.

    The interval is that of DeLong's variance on the logit scale, which keeps it inside 0 and 1. Where fewer than ten
    datapoints of a set lie among those of the other (the sets hardly overlap, or are tiny), their variance rests on
    next to nothing; the interval is then widened to Newcombe's score interval, which does not vanish for separate sets.

    Sources: DeLong, DeLong & Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
    characteristic curves" (1988); Newcombe, "Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2" (2006), method 5.

    Args:
        reference: scores of the reference, shape (M,), without NaN.
        other: scores of the other set, shape (N,), without NaN.

    Example:
        >>> auc(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])).value
        0.75
    """
    if min(len(reference), len(other)) == 0:
        return Auc(None, None, None)
    above, below = placements(reference, other)
    value = float(above.mean())
    error = _error(above, below)
    overlap = min(int(((part > 0) & (part < 1)).sum()) for part in (above, below))
    if error is None or error < _TINY or not _TINY < value < 1 - _TINY:
        return Auc(value, error, _newcombe(value, len(reference), len(other)))
    half = _Z * error / (value * (1 - value))
    low, high = (float(special.expit(special.logit(value) + sign * half)) for sign in (-1, 1))
    if overlap < _FEW:
        wide = _newcombe(value, len(reference), len(other))
        low, high = min(low, wide[0]), max(high, wide[1])
    return Auc(value, error, (low, high))


def auc_difference(reference: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> Auc:
    """The area of a first score minus that of a second one on the same datapoints, with DeLong's 95% interval.

    Args:
        reference: both scores of the reference, shape (M,) each.
        other: both scores of the other set, shape (N,) each.

    Returns:
        The difference, from -1 to 1. Its interval is None where a set has fewer than two datapoints, or where both
        scores order all datapoints alike.
    """
    if min(len(reference[0]), len(other[0])) == 0:
        return Auc(None, None, None)
    first, second = (placements(*pair) for pair in zip(reference, other, strict=True))
    value = float(first[0].mean() - second[0].mean())
    error = _error(first[0] - second[0], first[1] - second[1])
    if error is None or error < _TINY:  # without any spread there is nothing to tell the error by
        return Auc(value, error, None)
    return Auc(value, error, (value - _Z * error, value + _Z * error))


def placements(reference: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each datapoint of the other set the share of the reference below it; for each of the reference, above it.

    Returns:
        Shares of shapes (N,) and (M,), ties counted half; both have the area under the curve as their mean.
    """
    ranks = stats.rankdata(np.concatenate([reference, other]))
    above = (ranks[len(reference) :] - stats.rankdata(other)) / len(reference)
    below = 1.0 - (ranks[: len(reference)] - stats.rankdata(reference)) / len(other)
    return above, below


def roc_curve(reference: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ROC curve: a point for every threshold, from none found to all.

    Returns:
        Thresholds in descending order, the share of the reference with a score from there on, and that of the other
        set. The first threshold lies above all scores; with ties the curve runs aslant.
    """
    levels = np.unique(np.concatenate([reference, other]))[::-1]
    shares = (1.0 - np.searchsorted(np.sort(part), levels, side="left") / len(part) for part in (reference, other))
    false, true = (np.concatenate([[0.0], share]) for share in shares)
    return np.concatenate([[np.inf], levels]), false, true


def false_positives(reference: np.ndarray, other: np.ndarray, caught: float = 0.95, seed: int = 0) -> Share:
    """How much of the reference is found as well by the highest threshold that finds so much of the other set.

    The interval is by bootstrap over the datapoints of both sets, widened to Wilson's interval at this threshold, so
    that it does not vanish where no datapoint or each one is found.

    Args:
        reference: scores of the reference, shape (M,), without NaN.
        other: scores of the other set, shape (N,), without NaN.
        caught: share of the other set to find.
        seed: of the bootstrap.

    Example:
        >>> false_positives(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 5.0, 6.0])).value
        0.5
    """
    m, n = len(reference), len(other)
    if min(m, n) == 0:
        return Share(None, None, None)
    place = int(np.floor((1.0 - caught) * n + 1e-9))
    ordered, background = np.sort(other), np.sort(reference)
    threshold = float(ordered[place])
    value = 1.0 - float(np.searchsorted(background, threshold, side="left")) / m
    if min(m, n) < 2:
        return Share(value, None, threshold)
    rng = np.random.default_rng([seed, m, n])
    drawn = []
    for _ in range(0, _RESAMPLES, _AT_ONCE):
        places = np.partition(rng.integers(0, n, (_AT_ONCE, n), dtype=np.int32), place, axis=1)[:, place]
        shares = 1.0 - np.searchsorted(background, ordered[places], side="left") / m
        drawn.append(rng.binomial(m, shares) / m)  # so many of a resampled reference lie from there on
    low, high = np.quantile(np.concatenate(drawn), [0.025, 0.975])
    wilson = _wilson(value, m)
    return Share(value, (min(float(low), wilson[0]), max(float(high), wilson[1])), threshold)


def _error(above: np.ndarray, below: np.ndarray) -> float | None:
    if min(len(above), len(below)) < 2:
        return None
    return float(np.sqrt(above.var(ddof=1) / len(above) + below.var(ddof=1) / len(below)))


def _newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    """All areas from which the one found is within 1.96 of their own standard errors."""
    average = (m + n) / 2 - 1

    def excess(area: float) -> float:
        shape = 1 + average * ((1 - area) / (2 - area) + area / (1 + area))
        return (area - value) ** 2 - _Z**2 * area * (1 - area) * shape / (m * n)

    low = 0.0 if value <= _TINY else optimize.brentq(excess, 0.0, min(value, 1 - _TINY))
    high = 1.0 if value >= 1 - _TINY else optimize.brentq(excess, max(value, _TINY), 1.0)
    return float(low), float(high)


def _wilson(share: float, count: int) -> tuple[float, float]:
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z * np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
