"""Pareto k-hat of importance weights: how heavy their tail is, for many datapoints at once.

The estimator is that of Pareto smoothed importance sampling, as ``arviz_stats`` has it, and a test holds this file to
that; one datapoint after the other it takes a large part of the time of the weights themselves.
Sources: Zhang & Stephens, "A new and efficient estimation method for the generalized Pareto distribution" (2009);
Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling" (2024), https://arxiv.org/abs/1507.02646.
"""

import math

import numpy as np
import torch
from torch import Tensor

__all__ = ["pareto_k", "tail_length"]

_FEWEST_DRAWS, _SHORTEST_TAIL = 25, 5
_VALUES_AT_ONCE = 2_000_000
# A weakly informative prior: ten draws' worth of k = 1/2, which steadies short tails.
_PRIOR_DRAWS, _PRIOR_K = 10, 0.5


def tail_length(num_samples: int) -> int:
    """How many of S weights count as the tail: the smaller of a fifth of them and three times their root.

    Example:
        >>> tail_length(100), tail_length(1000)
        (20, 94)
    """
    return int(min(0.2 * num_samples, 3.0 * math.sqrt(num_samples)))


def pareto_k(log_w: Tensor) -> Tensor:
    """Shape of the generalised Pareto distribution fitted to the largest weights of each datapoint.

    Above :func:`gapkit.core.khat_limit.good_k` neither the estimate nor its standard error can be trusted. Below it
    they usually can, but k-hat sees only what was drawn: a tail, or a mode, that no draw reached is not in it. Above
    about 1 the weights have no mean that this many samples could show. Constant weights have no tail and give 0; fewer
    than 25 samples, or a weight that is NaN, give NaN; a single weight that outweighs all others by far gives infinity.

    Args:
        log_w: log weights, shape (S, B); -inf is a weight of zero.

    Returns:
        Shape (B,), float64.
    """
    values = log_w.detach().double().cpu().numpy()
    count = len(values)
    result = np.full(values.shape[1], np.nan)
    if count < _FEWEST_DRAWS:
        return torch.from_numpy(result)
    top = values.max(0)
    usable = ~np.isnan(values).any(0) & np.isfinite(top)
    flat = np.zeros(len(top), bool)
    flat[usable] = np.ptp(np.maximum(values[:, usable], top[usable] - 700.0), axis=0) < 1e-9
    result[flat] = 0.0
    columns = np.flatnonzero(usable & ~flat)
    length = tail_length(count)
    # The draws of the tail and the one below it, in rising order.
    ranked = np.sort(np.partition(values[:, columns] - top[columns], count - length - 1, axis=0)[-length - 1 :], axis=0)
    cutoff = np.maximum(ranked[0], math.log(np.finfo(float).tiny))
    in_tail = (ranked[1:] > cutoff).sum(0)  # fewer where draws are equal to the cutoff
    for tail in np.unique(in_tail):
        same = in_tail == tail
        if tail < _SHORTEST_TAIL:
            result[columns[same]] = 0.0 if tail == 0 else np.inf
            continue
        excess = np.exp(ranked[-tail:, same]) - np.exp(cutoff[same])
        result[columns[same]] = _shape(excess.T)
    return torch.from_numpy(result)


def _shape(excess: np.ndarray) -> np.ndarray:
    """Posterior mean of k for rising positive excesses, shape (B, n): (B,)."""
    tail = excess.shape[1]
    grid = 30 + int(math.sqrt(tail))
    rows = max(1, _VALUES_AT_ONCE // (grid * tail))
    return np.concatenate([_shape_of_some(excess[i : i + rows], grid) for i in range(0, len(excess), rows)])


def _shape_of_some(excess: np.ndarray, grid: int) -> np.ndarray:
    tail = excess.shape[1]
    quartile = excess[:, int(tail / 4 + 0.5) - 1]
    spread = 1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    with np.errstate(all="ignore"):
        theta = spread / (3.0 * quartile[:, None]) + 1.0 / excess[:, -1:]  # (B, grid)
        k = np.log1p(-theta[:, :, None] * excess[:, None, :]).mean(2)
        log_lik = tail * (np.log(-theta / k) - k - 1.0)
        weights = np.exp(log_lik - np.max(log_lik, axis=1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        weights[weights < 10 * np.finfo(float).eps] = 0.0
        weights /= weights.sum(1, keepdims=True)
        best = (theta * weights).sum(1)
        k = np.log1p(-best[:, None] * excess).mean(1)
    return (tail * k + _PRIOR_DRAWS * _PRIOR_K) / (tail + _PRIOR_DRAWS)
