"""Tensor atoms shared by all estimators: log-mean-exp, effective sample size, standard errors.

Axis legend, used in the whole package: S samples (or chains), B datapoints, D latent dimensions, K mixture components,
T temperatures. ``log_w`` has shape (S, B): samples first, as ``torch.distributions`` orders them.
"""

import math

import torch
from scipy import special
from torch import Tensor

__all__ = ["effective_sample_size", "log_mean_exp", "log_mean_exp_influence", "standard_error"]


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
    small_sample = float(special.stdtrit(count - 1, 0.975) / special.ndtri(0.975))
    return draws.std(0) * (small_sample / math.sqrt(count))


def effective_sample_size(log_w: Tensor) -> Tensor:
    """Kish's effective sample size (sum w)^2 / sum w^2, between 1 and S.

    It is optimistic at small S because the largest weights have not been seen yet: read it beside
    :func:`gapkit.core.pareto.pareto_k`.

    Args:
        log_w: log weights, shape (S, B).

    Returns:
        Shape (B,).

    Example:
        >>> effective_sample_size(torch.zeros(10, 1))
        tensor([10.])
    """
    return torch.exp(2 * torch.logsumexp(log_w, 0) - torch.logsumexp(2 * log_w, 0))
