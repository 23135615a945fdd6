"""Tensor atoms shared by all estimators: log-mean-exp, effective sample size, Pareto k-hat, standard errors.

Axis legend, used in the whole package: S samples (or chains), B datapoints, D latent dimensions, K mixture components,
T temperatures. ``log_w`` has shape (S, B): samples first, as ``torch.distributions`` orders them.
"""

import math

import numpy as np
import torch
from scipy import stats
from torch import Tensor

__all__ = ["effective_sample_size", "good_k", "log_mean_exp", "log_mean_exp_influence", "pareto_k", "standard_error"]


def log_mean_exp(log_w: Tensor, dim: int = 0) -> Tensor:
    """Return log of the mean of exp(log_w) along ``dim``, in nats; -inf entries are zero weights.

    Args:
        log_w: log weights, shape (S, B).
        dim: the axis to average over.

    Returns:
        Shape (B,).

    Example:
        >>> log_mean_exp(torch.log(torch.tensor([[1.0], [3.0]]))).exp()
        tensor([2.])
    """
    return torch.logsumexp(log_w, dim) - math.log(log_w.shape[dim])


def log_mean_exp_influence(log_w: Tensor) -> Tensor:
    """Return per-sample values whose mean is log-mean-exp and whose standard error is its first-order error.

    With w the weights, log(mean w + d) = log(mean w) + d / mean w + ..., so sample s contributes
    ``log mean w + w_s / mean w - 1`` (the delta method).

    Args:
        log_w: log weights, shape (S, B), in nats.

    Returns:
        Shape (S, B).
    """
    level = log_mean_exp(log_w)
    return level + torch.exp(log_w - level) - 1.0


def standard_error(draws: Tensor) -> Tensor:
    """Standard error of the mean over the first axis, scaled so that value +- 1.96 errors is a 95% interval.

    The scale is Student's t over the normal quantile: 1.09 for 16 draws (chains of AIS, say), 1.00 for hundreds.

    Args:
        draws: shape (S, ...), independent draws.

    Returns:
        Shape (...); NaN for a single draw.

    Example:
        >>> standard_error(torch.tensor([[1.0], [1.0], [4.0], [4.0]]))
        tensor([1.4062])
    """
    count = draws.shape[0]
    if count < 2:
        return torch.full_like(draws[0], math.nan)
    small_sample = float(stats.t.ppf(0.975, count - 1) / stats.norm.ppf(0.975))
    return draws.std(0) * (small_sample / math.sqrt(count))


def effective_sample_size(log_w: Tensor) -> Tensor:
    """Kish's effective sample size (sum w)^2 / sum w^2, between 1 and S.

    It is optimistic at small S because the largest weights have not been seen yet: read it beside :func:`pareto_k`.

    Args:
        log_w: log weights, shape (S, B).

    Returns:
        Shape (B,).

    Example:
        >>> effective_sample_size(torch.zeros(10, 1))
        tensor([10.])
    """
    return torch.exp(2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0))


def good_k(num_samples: int) -> float:
    """Largest Pareto k-hat at which S importance weights can be trusted: min(1 - 1/log10 S, 0.7).

    Source: Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling" (2024),
    https://arxiv.org/abs/1507.02646, section 3.2.4.

    Example:
        >>> round(good_k(100), 3), round(good_k(100_000), 3)
        (0.5, 0.7)
    """
    return min(1.0 - 1.0 / math.log10(max(num_samples, 2)), 0.7)


def pareto_k(log_w: Tensor) -> Tensor:
    """Shape of the generalised Pareto distribution fitted to the largest weights, by ``arviz_stats``.

    Above :func:`good_k` neither the estimate nor its standard error can be trusted. Below it they usually can, but
    k-hat sees only what was drawn: a tail, or a mode, that no draw reached is not in it. Above about 1 the weights
    have no mean that this many samples could show. Constant weights have no tail and give 0; fewer than 25 samples, or
    a weight that is NaN, give NaN.

    Args:
        log_w: log weights, shape (S, B).

    Returns:
        Shape (B,), float64.
    """
    from arviz_stats.base import array_stats  # a second of import time: only where it is used

    columns = log_w.detach().double().cpu().numpy().T
    result = np.full(len(columns), np.nan)
    if columns.shape[1] < 25:
        return torch.from_numpy(result)
    for row, column in enumerate(columns):
        if np.isnan(column).any() or np.isposinf(column).any() or np.isneginf(column).all():
            continue
        if np.ptp(column) < 1e-9:
            result[row] = 0.0
            continue
        # psislw expects log likelihoods, whose negatives are the log weights; zero weights become tiny ones.
        finite = np.maximum(column, column.max() - 700.0)
        try:
            with np.errstate(all="ignore"):
                _, result[row] = array_stats.psislw(-finite)
        except ValueError:  # a tail of equal values: bounded weights
            result[row] = 0.0
    return torch.from_numpy(result)
