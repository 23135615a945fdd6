"""Methods for a 95% interval of a mean, many samples at a time: each takes values of shape (R, N) to two ends."""

from collections.abc import Callable

import numpy as np
from scipy import special

from gapkit.core.intervals import likelihood_interval, mean_interval

__all__ = ["BOOTSTRAPS", "CHOSEN", "METHODS", "bootstraps"]

Ends = tuple[np.ndarray, np.ndarray]

CHOSEN = "empirical likelihood, transformed, Bartlett (gapkit)"
BOOTSTRAPS = (
    "percentile bootstrap",
    "bootstrap, BCa",
    "bootstrap-t (gapkit before)",
    "bootstrap-t on Hall's scale",
)
_Z = 1.96
_CHI_SQUARE = float(special.chdtri(1, 0.05))
_AT_ONCE = 500
_LEAST = 1e-3  # standard error of a resample, in those of the sample


def _moments(values: np.ndarray) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """N, mean, standard error of the mean, skewness and kurtosis; the last two are 0 where all values are equal."""
    count, mean = values.shape[1], values.mean(1)
    centred = values - mean[:, None]
    variance = (centred**2).mean(1)
    safe = np.where(variance > 0, variance, 1.0)
    skewness, kurtosis = (centred**3).mean(1) / safe**1.5, (centred**4).mean(1) / safe**2
    return count, mean, np.sqrt(variance / (count - 1)), skewness, kurtosis


def _quantile(count: int) -> float:
    return float(special.stdtrit(count - 1, 0.975))


def student(values: np.ndarray) -> Ends:
    """Student's t."""
    count, mean, error, _, _ = _moments(values)
    return mean - _quantile(count) * error, mean + _quantile(count) * error


def johnson(values: np.ndarray) -> Ends:
    """Student's t, moved by the skewness: Johnson (1978), equation 2.8."""
    count, mean, error, skewness, _ = _moments(values)
    shift, half = skewness * error / (6 * np.sqrt(count)), _quantile(count) * error
    return mean + shift - half, mean + shift + half


def edgeworth(values: np.ndarray) -> Ends:
    """One term of the Cornish-Fisher expansion of t: Hall (1992), section 3.5, here with quantiles of Student's t."""
    count, mean, error, skewness, _ = _moments(values)
    quantile = _quantile(count)
    shift = skewness * error * (1 + 2 * quantile**2) / (6 * np.sqrt(count))
    return mean + shift - quantile * error, mean + shift + quantile * error


def _halls_inverse(scores: np.ndarray, skew: np.ndarray) -> np.ndarray:
    """Scores without skewness back to those of t; skew is the skewness over sqrt(N)."""
    safe = np.where(np.abs(skew) < 1e-8, 1.0, skew)
    return np.where(safe == skew, 3 / safe * (np.cbrt(1 + safe * (scores - safe / 6)) - 1), scores)


def hall(values: np.ndarray, quantile: float | None = None) -> Ends:
    """Hall's monotone cubic transformation of t (1992), as in Zhou & Gao (2000)."""
    count, mean, error, skewness, _ = _moments(values)
    score = np.full(len(values), _quantile(count) if quantile is None else quantile)
    skew = skewness / np.sqrt(count)
    return mean - error * _halls_inverse(score, skew), mean - error * _halls_inverse(-score, skew)


def _bartlett(values: np.ndarray) -> np.ndarray:
    count, _, _, skewness, kurtosis = _moments(values)
    return 1 + (kurtosis / 2 - skewness**2 / 3) / count


def owen(values: np.ndarray) -> Ends:
    """Owen's empirical likelihood (1988)."""
    return likelihood_interval(values, _CHI_SQUARE)


def owen_f(values: np.ndarray) -> Ends:
    """The same with a quantile of F: Owen (2001), section 3.3."""
    return likelihood_interval(values, _quantile(values.shape[1]) ** 2)


def bartlett(values: np.ndarray) -> Ends:
    """The same with Bartlett's correction: DiCiccio, Hall & Romano (1991)."""
    return likelihood_interval(values, _CHI_SQUARE * _bartlett(values))


def bartlett_f(values: np.ndarray) -> Ends:
    """The same with both."""
    return likelihood_interval(values, _quantile(values.shape[1]) ** 2 * _bartlett(values))


def extended(values: np.ndarray) -> Ends:
    """Extended empirical likelihood of the first order: Tsao & Wu (2013)."""
    low, high = owen(values)
    mean, more = values.mean(1), 1 + _CHI_SQUARE / (2 * values.shape[1])
    return mean - more * (mean - low), mean + more * (high - mean)


def transformed(values: np.ndarray) -> Ends:
    """Transformed empirical likelihood: Jing, Tsao & Zhou (2017)."""
    count = values.shape[1]
    root = np.sqrt(max(1 - 4 * _CHI_SQUARE / count, 0.0))
    limit = 0.5 * count * (1 - root) if count >= 4 * _CHI_SQUARE else 2 * _CHI_SQUARE
    return likelihood_interval(values, limit)


METHODS: dict[str, Callable[[np.ndarray], Ends]] = {
    "Student's t": student,
    "Johnson's t": johnson,
    "Edgeworth, one term": edgeworth,
    "Hall's cubic, normal quantiles": lambda values: hall(values, _Z),
    "Hall's cubic, t quantiles": hall,
    "empirical likelihood": owen,
    "empirical likelihood, F": owen_f,
    "empirical likelihood, Bartlett": bartlett,
    "empirical likelihood, F, Bartlett": bartlett_f,
    "empirical likelihood, extended": extended,
    "empirical likelihood, transformed": transformed,
    CHOSEN: mean_interval,
}


def bootstraps(values: np.ndarray, rng: np.random.Generator, resamples: int) -> dict[str, Ends]:
    """The methods that resample, on the same resamples: Efron & Tibshirani (1993), chapters 12 to 14; Hall (1992).

    Up to 500 samples at a time share the places that are drawn, so that sums over resamples are matrix products.
    """
    parts = [_bootstraps(values[start : start + _AT_ONCE], rng, resamples) for start in range(0, len(values), _AT_ONCE)]
    return {
        name: tuple(np.concatenate(ends) for ends in zip(*(p[name] for p in parts), strict=True)) for name in parts[0]
    }


def _bootstraps(values: np.ndarray, rng: np.random.Generator, resamples: int) -> dict[str, Ends]:
    count, mean, error, skewness, _ = _moments(values)
    spread = error * np.sqrt(count - 1)
    unit = (values - mean[:, None]) / np.where(spread > 0, spread, 1.0)[:, None]
    drawn = rng.multinomial(count, np.full(count, 1 / count), resamples).T / count
    first, second, third = (unit**power @ drawn for power in (1, 2, 3))
    deviation = np.sqrt(np.maximum(second - first**2, _LEAST**2))
    scores = first / deviation * np.sqrt(count - 1)
    skew = (third - 3 * first * second + 2 * first**3) / deviation**3 / np.sqrt(count)
    straight = scores + skew * scores**2 / 3 + skew**2 * scores**3 / 27 + skew / 6

    def ends(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.quantile(scores, [0.025, 0.975], axis=1)
        return low, high

    low, high = ends(first)
    t_low, t_high = ends(scores)
    back = [_halls_inverse(score, skewness / np.sqrt(count)) for score in ends(straight)]
    bca = [mean + spread * end for end in _bca(first, skewness / (6 * np.sqrt(count)))]
    found = (
        (mean + spread * low, mean + spread * high),
        (bca[0], bca[1]),
        (mean - error * t_high, mean - error * t_low),
        (mean - error * back[1], mean - error * back[0]),
    )
    return dict(zip(BOOTSTRAPS, found, strict=True))


def _bca(means: np.ndarray, acceleration: np.ndarray) -> list[np.ndarray]:
    resamples = means.shape[1]
    below = (means < 0).mean(1) + 0.5 * (means == 0).mean(1)
    bias = special.ndtri(np.clip(below, 0.5 / resamples, 1 - 0.5 / resamples))
    ordered, ends = np.sort(means, axis=1), []
    for score in (-_Z, _Z):
        level = special.ndtr(bias + (bias + score) / (1 - acceleration * (bias + score)))
        place = np.clip((level * resamples).astype(int), 0, resamples - 1)
        ends.append(ordered[np.arange(len(means)), place])
    return ends
