"""Tensor atoms shared by all estimators: log-mean-exp, effective sample size, standard errors.

Axis legend, used in the whole package: S samples (or chains), B datapoints, D latent dimensions, K mixture components,
T temperatures. ``log_w`` has shape (S, B): samples first, as ``torch.distributions`` orders them.
"""

import math

import torch
from scipy import special
from torch import Tensor

__all__ = [
    "effective_sample_size",
    "exp_beyond_line",
    "log_mean_exp",
    "log_mean_exp_influence",
    "standard_error",
    "stirling_remainder",
]

_SERIES_FROM = 16.0
_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)  # Bernoulli numbers over 2n (2n - 1)


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


def stirling_remainder(a: Tensor) -> Tensor:
    """R(a) = log Gamma(a) - (a - 1/2) log a + a - log(2 pi) / 2, elementwise: about 1 / (12 a) where a is large.

    Log Gamma(a) itself is a large number of few digits there, as are the terms it cancels with in densities.
    Source: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov/5.11.E1.

    Example:
        >>> stirling_remainder(torch.tensor([1.0, 1e6]))
        tensor([8.1061e-02, 8.3333e-08])
    """
    few, many = a.clamp(max=_SERIES_FROM), a.clamp(min=_SERIES_FROM)
    direct = torch.lgamma(few) - (few - 0.5) * few.log() + few - 0.5 * math.log(2.0 * math.pi)
    square, series = many.pow(-2), torch.zeros_like(many)
    for term in reversed(_SERIES):
        series = series * square + term
    return torch.where(a < _SERIES_FROM, direct, series / many)


def exp_beyond_line(s: Tensor) -> Tensor:
    """exp(s) - 1 - s, elementwise: how far the exponential is above its tangent at zero, without cancellation.

    Example:
        >>> exp_beyond_line(torch.tensor([1e-4, -20.0]))
        tensor([5.0002e-09, 1.9000e+01])
    """
    near = s.clamp(-0.1, 0.1)
    series = near.square() * (0.5 + near / 6 * (1 + near / 4 * (1 + near / 5 * (1 + near / 6 * (1 + near / 7)))))
    return torch.where(s.abs() < 0.1, series, torch.expm1(s) - s)
