"""Simple models of the data, fitted in closed form: what log p(x) is worth is seen beside theirs.

A density is on the same measure as the likelihood it is held against: probabilities of values for discrete data,
densities in the units of the data for real ones. Arrays have shape (N, D), one datapoint a row; all values in nats.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

__all__ = [
    "ContinuousBernoulli",
    "Density",
    "FactorisedBernoulli",
    "FactorisedCategorical",
    "FactorisedCounts",
    "FactorisedGaussian",
    "ProbabilisticPca",
    "cross_fitted",
]

_FOLDS = 10
_NEARLY_CONSTANT = 0.05  # a standard deviation so small beside that of all dimensions together
_STEEPEST = 1e4  # logits of the continuous Bernoulli that a bisection looks at
_LEAST = 1e-8  # of a variance beside the mean one


class Density(Protocol):
    """A fitted model of the data."""

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Log probability or density of each row of x, shape (N, D), in nats: shape (N,)."""
        ...


@dataclass(frozen=True)
class FactorisedBernoulli:
    """One probability for each dimension, for values in {0, 1}.

    Example:
        >>> fitted = FactorisedBernoulli.fit(np.array([[1.0], [1.0], [0.0]]))
        >>> fitted.log_prob(np.array([[1.0]])).round(4)  # log of (2 + 1/2) / (3 + 1)
        array([-0.47])
    """

    probs: np.ndarray

    @staticmethod
    def fit(x: np.ndarray) -> "FactorisedBernoulli":
        """The shares of ones, with half a datapoint added to either side (Krichevsky & Trofimov, 1981)."""
        return FactorisedBernoulli((x.sum(0) + 0.5) / (len(x) + 1.0))

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """See :class:`Density`."""
        return np.asarray(special.xlogy(x, self.probs) + special.xlogy(1.0 - x, 1.0 - self.probs)).sum(1)


@dataclass(frozen=True)
class FactorisedCategorical:
    """A table of probabilities for each dimension, for values 0, ..., K - 1."""

    log_probs: np.ndarray

    @staticmethod
    def fit(x: np.ndarray, num_values: int) -> "FactorisedCategorical":
        """Shares of the values, with K / 2 datapoints added that follow the shares in all dimensions together."""
        count, dim = x.shape
        place = x.astype(np.int64) + num_values * np.arange(dim)
        counts = np.bincount(place.ravel(), minlength=dim * num_values).reshape(dim, num_values)
        together = (counts.sum(0) + 0.5) / (counts.sum() + 0.5 * num_values)
        added = 0.5 * num_values
        return FactorisedCategorical(np.log((counts + added * together) / (count + added)))

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """See :class:`Density`."""
        return np.asarray(self.log_probs[np.arange(x.shape[1]), x.astype(np.int64)]).sum(1)


@dataclass(frozen=True)
class FactorisedCounts:
    """A negative binomial distribution for each dimension, Poisson where counts vary no more than that.

    ``size`` is the inverse dispersion r of a variance m + m^2 / r, infinite for Poisson.
    """

    mean: np.ndarray
    size: np.ndarray

    @staticmethod
    def fit(x: np.ndarray) -> "FactorisedCounts":
        """Mean and variance of each dimension, with half a count in one datapoint added to the mean."""
        mean = (x.sum(0) + 0.5) / (len(x) + 1.0)
        excess = x.var(0, ddof=1) - mean if len(x) > 1 else np.zeros_like(mean)
        more = excess > 1e-6 * mean
        return FactorisedCounts(mean, np.where(more, mean**2 / np.where(more, excess, 1.0), np.inf))

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """See :class:`Density`."""
        poisson = special.xlogy(x, self.mean) - self.mean
        over = np.isfinite(self.size)
        size = np.where(over, self.size, 1.0)
        rate = self.mean / (self.mean + size)
        binomial = special.gammaln(x + size) - special.gammaln(size) + size * np.log1p(-rate) + special.xlogy(x, rate)
        return np.asarray(np.where(over, binomial, poisson) - special.gammaln(x + 1.0)).sum(1)


@dataclass(frozen=True)
class FactorisedGaussian:
    """A normal distribution for each dimension, for real values."""

    loc: np.ndarray
    scale: np.ndarray

    @staticmethod
    def fit(x: np.ndarray, least_scale: np.ndarray | float = 0.0) -> "FactorisedGaussian":
        """Mean and standard deviation of each dimension.

        Args:
            x: shape (N, D).
            least_scale: of dimensions that hardly vary (less than 0.05 of the root mean square deviation), whose
                density would have no bound: the model's own noise, say.
        """
        loc, scale = x.mean(0), x.std(0)
        whole = math.sqrt(float((scale**2).mean())) or 1.0
        scale = np.where(scale < _NEARLY_CONSTANT * whole, np.maximum(scale, least_scale), scale)
        return FactorisedGaussian(loc, np.maximum(scale, math.sqrt(_LEAST) * whole))

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """See :class:`Density`."""
        return (-0.5 * ((x - self.loc) / self.scale) ** 2 - np.log(self.scale) - 0.5 * math.log(2 * math.pi)).sum(1)


@dataclass(frozen=True)
class ProbabilisticPca:
    """A normal distribution of covariance W W' + s I with W of low rank, at its maximum likelihood.

    Source: Tipping & Bishop, "Probabilistic Principal Component Analysis" (1999), equations 3 to 8.

    Attributes:
        loc: shape (D,).
        axes: unit vectors of the largest eigenvalues of the sample covariance, shape (D, K).
        along: those eigenvalues, shape (K,).
        across: the variance s in every other direction, the mean of the other eigenvalues.
    """

    loc: np.ndarray
    axes: np.ndarray
    along: np.ndarray
    across: float

    @staticmethod
    def fit(x: np.ndarray, rank: int) -> "ProbabilisticPca":
        """Fit in closed form: x of shape (N, D), N at least 2, rank below D (and made smaller than N - 1)."""
        count, dim = x.shape
        loc = x.mean(0)
        centred = (x - loc) / math.sqrt(count)
        if count < dim:  # the smaller of the two matrices of products has all eigenvalues that are not zero
            values, left = np.linalg.eigh(centred @ centred.T)
            vectors = centred.T @ left / np.sqrt(np.maximum(values, 1e-300))
        else:
            values, vectors = np.linalg.eigh(centred.T @ centred)
        rank = max(0, min(rank, count - 2, dim - 1))
        along, axes = values[::-1][:rank], vectors[:, ::-1][:, :rank]
        whole = float((centred**2).sum())
        least = _LEAST * (whole / dim or 1.0)
        across = max(float(whole - along.sum()) / (dim - rank), least)
        return ProbabilisticPca(loc, axes, np.maximum(along, across), across)

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """See :class:`Density`."""
        centred = x - self.loc
        parts = (centred @ self.axes) ** 2
        others = (len(self.loc) - len(self.along)) * math.log(self.across)
        log_det = float(np.log(self.along).sum()) + others
        rest = np.maximum((centred**2).sum(1) - parts.sum(1), 0.0)
        quadratic = (parts / self.along).sum(1) + rest / self.across
        return np.asarray(-0.5 * (quadratic + log_det + len(self.loc) * math.log(2 * math.pi)))


@dataclass(frozen=True)
class ContinuousBernoulli:
    """A continuous Bernoulli density for each dimension, for values in [0, 1].

    Source: Loaiza-Ganem & Cunningham (2019), https://arxiv.org/abs/1907.06845, equations 3 to 6.
    """

    logits: np.ndarray

    @staticmethod
    def fit(x: np.ndarray) -> "ContinuousBernoulli":
        """The logits at which the mean of each dimension is that of the data (half a datapoint at either end)."""
        wanted = (x.sum(0) + 0.5) / (len(x) + 1.0)
        low, high = np.full_like(wanted, -_STEEPEST), np.full_like(wanted, _STEEPEST)
        for _ in range(80):
            middle = 0.5 * (low + high)
            below = _mean(middle) < wanted
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return ContinuousBernoulli(0.5 * (low + high))

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """See :class:`Density`."""
        size = np.abs(self.logits)
        small = size < 1e-3
        safe = np.where(small, 1.0, size)
        log_norm = np.where(small, size**2 / 24.0, safe / 2 + np.log(-np.expm1(-safe)) - np.log(safe))
        return np.asarray(self.logits * (x - 0.5) - log_norm).sum(1)


def _mean(logits: np.ndarray) -> np.ndarray:
    small = np.abs(logits) < 1e-3
    safe = np.where(small, 1.0, logits)
    return np.where(small, 0.5 + logits / 12.0, 0.5 + 0.5 / np.tanh(safe / 2) - 1.0 / safe)


def cross_fitted(fit: Callable[[np.ndarray], Density], x: np.ndarray, seed: int = 0) -> np.ndarray:
    """Log densities of data of which each tenth is left out of the fit that it is judged by.

    With fewer than ten datapoints, each one is left out in turn.

    Args:
        fit: from data of shape (M, D) to a density.
        x: shape (N, D), N at least 2.
        seed: of the cut into tenths.

    Returns:
        Shape (N,), in nats.

    Example:
        >>> cross_fitted(FactorisedBernoulli.fit, np.array([[1.0], [1.0], [0.0]])).round(3)  # 1.5 / 3 and 0.5 / 3
        array([-0.693, -0.693, -1.792])
    """
    order = np.random.default_rng(seed).permutation(len(x))
    found = np.empty(len(x))
    for part in np.array_split(order, min(_FOLDS, len(x))):
        rest = np.ones(len(x), bool)
        rest[part] = False
        found[part] = fit(x[rest]).log_prob(x[part])
    return found
