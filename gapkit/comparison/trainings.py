"""The mean of a contrast over trainings and datapoints, with an error that has the variation of both.

A contrast y of training t on datapoint i is taken as mu + a_t + b_i + e_ti: trainings differ, datapoints differ and are
the same in all trainings, and the rest is neither's (noise included). The variance of the mean over T trainings and N
datapoints is

    var(a) / T + var(b) / N + var(e) / (T N) = V_t / T + (V_i / N - V_e / (T N))

where V_t is the variance of the means of trainings, V_i that of the means of datapoints and V_e that of what is left.
The interval adds the two parts as intervals are added (in quadrature, each with its own quantile of Student's t): a few
trainings that differ much give a wide one. Degrees of freedom that are estimated, as Satterthwaite does it, gave 91%
for three trainings where both parts are alike, because V_t is often small by chance.

Sources: Searle, Casella & McCulloch, "Variance Components" (1992), chapter 4; Graybill & Wang, "Confidence intervals
on nonnegative linear combinations of variances" (1980); Zou & Donner, "Construction of confidence limits about effect
measures: a general approach" (2008).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gapkit.core.means import Interval

__all__ = ["OverTrainings", "mean_over_trainings"]


@dataclass(frozen=True)
class OverTrainings:
    """A mean over trainings; see :class:`gapkit.comparison.claims.Judged` for the fields."""

    mean: float
    se_trainings: float | None
    se_datapoints: float | None
    ci95: Interval | None


def mean_over_trainings(values: np.ndarray) -> OverTrainings:
    """The mean, its errors and its interval.

    Args:
        values: finite, (T, N) of T trainings on the same N datapoints, or (T, 1) where only means are known.

    Returns:
        Errors are None where there is nothing to estimate them from, and so is the interval of a single training: what
        one training gives says nothing of another.

    Example:
        >>> found = mean_over_trainings(np.array([[1.0, 2.0], [1.5, 2.5], [0.5, 1.5]]))
        >>> print(f"{found.mean:.2f} {found.se_trainings:.2f} {found.se_datapoints:.2f}")
        1.50 0.29 0.50
    """
    trainings, datapoints = values.shape
    mean = float(values.mean())
    of_trainings = float(values.mean(1).var(ddof=1)) / trainings if trainings > 1 else None
    of_datapoints = float(values.mean(0).var(ddof=1)) / datapoints if datapoints > 1 else None
    roots = _root(of_trainings), _root(of_datapoints)
    if of_trainings is None:
        return OverTrainings(mean, *roots, ci95=None)
    half = _quantile(trainings) * math.sqrt(of_trainings)
    if of_datapoints is not None:
        alone = max(of_datapoints - _rest(values), 0.0)  # the rest is in the part of the trainings already
        wide = _quantile(datapoints)
        half = max(math.hypot(half, wide * math.sqrt(alone)), wide * math.sqrt(of_datapoints))
    return OverTrainings(mean, *roots, ci95=(mean - half, mean + half))


def _quantile(count: int) -> float:
    return float(stats.t.ppf(0.975, count - 1))


def _root(variance: float | None) -> float | None:
    return None if variance is None else math.sqrt(variance)


def _rest(values: np.ndarray) -> float:
    """Estimate of var(e) / (T N)."""
    trainings, datapoints = values.shape
    rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    return float((rest**2).sum()) / ((trainings - 1) * (datapoints - 1)) / (trainings * datapoints)
