"""95% intervals of a mean over datapoints, and of a difference of two, that stay sane on skewed data.

``python -m benchmarks.intervals`` measures their coverage and length beside those of other methods.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

__all__ = ["difference_interval", "likelihood_interval", "mean_interval"]

_CHI_SQUARE = float(special.chdtri(1, 0.05))
_STEPS, _LONGEST_STEP, _CLOSE = 60, 4.0, 1e-12


def mean_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95% intervals of means by empirical likelihood; every one lies within the range of its values.

    Weights w on the values, which sum to 1, make a mean likely if l = -2 sum log(n w) can be small with it. The
    interval holds all means with l max(1 - l / n, 1 / 2) <= c (1 + b / n): c is the quantile of a chi-square, the left
    side mends what the chi-square misses of few values, and b, the estimate of Bartlett's correction, what it misses of
    skewed ones. No random numbers are drawn. Shifting, scaling or mirroring the values does the same to the interval.

    Sources: Owen, "Empirical likelihood ratio confidence intervals for a single functional" (1988); DiCiccio, Hall &
    Romano, "Empirical likelihood is Bartlett-correctable" (1991); Jing, Tsao & Zhou, "Transforming the empirical
    likelihood towards better accuracy" (2017).

    Args:
        values: finite numbers, shape (..., N), N >= 2. Coverage is known to be poor for N below
            ``gapkit.core.sample_size.FEWEST``.

    Returns:
        Lower and upper ends, each of shape (...); both are the mean where all values are equal.

    Example:
        >>> gaps = np.array([0.1, 0.1, 0.2, 0.2, 0.3, 0.4, 0.5, 0.8, 1.5, 4.0])
        >>> low, high = mean_interval(gaps)
        >>> print(f"{gaps.mean():.2f}, from {low:.2f} to {high:.2f}")
        0.81, from 0.26 to 2.40
    """
    values = np.asarray(values, float)
    return likelihood_interval(values, _limit(values))


def likelihood_interval(values: np.ndarray, limit: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All means whose weights on the values have l = -2 sum log(n w) <= limit.

    Args:
        values: finite numbers, shape (..., N), N >= 2.
        limit: positive, shape (...) or a number.

    Returns:
        Lower and upper ends, each of shape (...).

    Example:
        >>> low, high = likelihood_interval(np.array([1.0, 2.0, 3.0]), 3.84)
        >>> print(f"{low:.3f} {high:.3f}")
        1.229 2.771
    """
    limit = np.broadcast_to(limit, values.shape[:-1])
    unit, least, width = _to_unit(values)
    return least + width * (1.0 - _upper(1.0 - unit, limit)), least + width * _upper(unit, limit)


def difference_interval(
    one: float, one_ends: Sequence[float], other: float, other_ends: Sequence[float]
) -> tuple[float, float]:
    """95% interval of one mean minus another over different datapoints, from their own intervals.

    Source: Zou & Donner, "Construction of confidence limits about effect measures: a general approach" (2008),
    equation 5; for symmetric intervals it is the usual sum of variances.

    Args:
        one: a mean.
        one_ends: its interval.
        other: the mean that is subtracted.
        other_ends: its interval.

    Example:
        >>> difference_interval(3.0, (0.0, 5.0), 1.0, (0.0, 5.0))
        (-3.0, 4.23606797749979)
    """
    difference = one - other
    down = math.hypot(one - one_ends[0], other_ends[1] - other)
    up = math.hypot(one_ends[1] - one, other - other_ends[0])
    return difference - down, difference + up


def _to_unit(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values from 0 to 1, in which nothing overflows, and where from and how wide they were."""
    least, width = values.min(-1), np.ptp(values, axis=-1)
    return (values - least[..., None]) / np.where(width > 0, width, 1.0)[..., None], least, width


def _limit(values: np.ndarray) -> np.ndarray:
    """The largest l inside the interval, shape (...)."""
    count, (unit, _, _) = values.shape[-1], _to_unit(values)
    centred = unit - unit.mean(-1, keepdims=True)
    variance, third, fourth = ((centred**power).mean(-1) for power in (2, 3, 4))
    variance = np.where(variance > 0, variance, 1.0)
    bartlett = fourth / variance**2 / 2 - third**2 / variance**3 / 3
    aim = _CHI_SQUARE * (1.0 + bartlett / count)
    root = np.sqrt(np.maximum(1.0 - 4.0 * aim / count, 0.0))
    return np.where(4.0 * aim <= count, 0.5 * count * (1.0 - root), 2.0 * aim)


def _upper(values: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """The largest mean with l = limit, of values from 0 to 1.

    The weights of the means at the ends are w ~ 1 / (below + d), where below is how far a value is below the largest
    one. Newton's method finds log d for log l, which is nearly linear in it.
    """
    count = values.shape[-1]
    below = 1.0 - values
    deviation = below.std(-1, keepdims=True)
    some = deviation > 0
    aim = np.log(limit)[..., None]
    log_d = np.log(np.where(some, deviation, 1.0)) + 0.5 * (math.log(count) - aim)  # exact to first order
    for _ in range(_STEPS):
        d = np.exp(log_d)
        weights = d / (below + d)
        total, squares = weights.sum(-1, keepdims=True), (weights**2).sum(-1, keepdims=True)
        likelihood = 2.0 * (count * np.log(total / count) - np.log(weights).sum(-1, keepdims=True))
        slope = np.where(some, 2.0 * (total - count * squares / total), -1.0)
        step = (np.log(np.where(some, likelihood, 1.0)) - aim) * likelihood / slope
        step = np.clip(np.where(some, step, 0.0), -_LONGEST_STEP, _LONGEST_STEP)
        log_d = log_d - step
        if np.abs(step).max(initial=0.0) < _CLOSE:
            break
    weights = 1.0 / (below + np.exp(log_d))
    return 1.0 - (weights * below).sum(-1) / weights.sum(-1)
