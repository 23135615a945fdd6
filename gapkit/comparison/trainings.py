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
    """A mean over trainings; see :class:`gapkit.comparison.claims.Judged` for the fields.

    Attributes:
        se: the error of the mean from all that is known: the two parts without what both of them hold.
    """

    mean: float
    se_trainings: float | None
    se_datapoints: float | None
    se: float | None
    ci95: Interval | None


def mean_over_trainings(values: np.ndarray, minus: np.ndarray | None = None) -> OverTrainings:
    """The mean, its errors and its interval.

    Args:
        values: finite, (T, N) of T trainings on the same N datapoints, or (T, 1) where only means are known.
        minus: finite, (T, M) of the same trainings on M other datapoints, whose mean is subtracted.

    Returns:
        Errors are None where there is nothing to estimate them from, and so is the interval of a single training: what
        one training gives says nothing of another.

    Example:
        >>> found = mean_over_trainings(np.array([[1.0, 2.0], [1.5, 2.5], [0.5, 1.5]]))
        >>> print(f"{found.mean:.2f} {found.se_trainings:.2f} {found.se_datapoints:.2f}")
        1.50 0.29 0.50
    """
    samples = [values] if minus is None else [values, minus]
    means = values.mean(1) - (0.0 if minus is None else minus.mean(1))
    trainings, mean = len(means), float(means.mean())
    of_trainings = float(means.var(ddof=1)) / trainings if trainings > 1 else None
    parts = [(float(part.mean(0).var(ddof=1)) / part.shape[1], part) for part in samples if part.shape[1] > 1]
    of_datapoints = sum(variance for variance, _ in parts) if parts else None
    if of_trainings is None:
        error = _root(of_datapoints)
        return OverTrainings(mean, None, error, error, None)
    # What is left beside trainings and datapoints is in the part of the trainings already.
    alone = [(max(variance - _rest(part), 0.0), _quantile(part.shape[1])) for variance, part in parts]
    half = math.sqrt(sum(wide**2 * variance for variance, wide in [*alone, (of_trainings, _quantile(trainings))]))
    whole = math.sqrt(sum(_quantile(part.shape[1]) ** 2 * variance for variance, part in parts))
    half, error = max(half, whole), math.sqrt(max(of_trainings + sum(part for part, _ in alone), of_datapoints or 0.0))
    return OverTrainings(mean, _root(of_trainings), _root(of_datapoints), error, (mean - half, mean + half))


def _quantile(count: int) -> float:
    return float(stats.t.ppf(0.975, count - 1))


def _root(variance: float | None) -> float | None:
    return None if variance is None else math.sqrt(variance)


def _rest(values: np.ndarray) -> float:
    """Estimate of var(e) / (T N)."""
    trainings, datapoints = values.shape
    rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    return float((rest**2).sum()) / ((trainings - 1) * (datapoints - 1)) / (trainings * datapoints)
