"""Gamma and beta variables as smooth functions of standard normal noise and of their concentrations.

    y = log G^-1(Phi(u); a)        y = logit I^-1(Phi(u); a, b)

with the distribution functions G of Gamma(a, 1) and I of Beta(a, b). Quantiles are SciPy's, in double precision, from
the nearer tail; below its smallest numbers the first term of the series is the whole: G(z; a) = z^a / Gamma(a + 1) and
I(z; a, b) = z^a / (a B(a, b)). Slopes in u are Phi' over the density of y; those in the concentrations come from
differences, since the distribution functions have no closed derivatives in them (Figurnov, Mohamed, Mnih, "Implicit
Reparameterization Gradients" (2018), https://arxiv.org/abs/1805.08498, section 4).
"""

import math
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor

__all__ = ["log_gamma_quantile", "logit_beta_quantile"]

_SMALLEST, _LOG_2 = 1e-250, math.log(2.0)
_STEP = 1e-4  # of the logarithm of a concentration


def log_gamma_quantile(noise: Tensor, concentration: Tensor) -> Tensor:
    """Log of Gamma(concentration, 1) variables, differentiable in both arguments, which broadcast.

    Args:
        noise: standard normal numbers.
        concentration: positive.

    Example:
        >>> log_gamma_quantile(torch.zeros(1), torch.ones(1)).exp()  # the median of an exponential is log 2
        tensor([0.6931])
    """
    noise, concentration = torch.broadcast_tensors(noise, concentration)
    result: Tensor = _Quantile.apply(_log_gamma, noise, concentration)
    return result


def logit_beta_quantile(noise: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Logit of Beta(a, b) variables, differentiable in all arguments, which broadcast.

    Args:
        noise: standard normal numbers.
        a: positive.
        b: positive.

    Example:
        >>> logit_beta_quantile(torch.zeros(1), torch.ones(1), torch.ones(1))
        tensor([0.])
    """
    noise, a, b = torch.broadcast_tensors(noise, a, b)
    result: Tensor = _Quantile.apply(_logit_beta, noise, a, b)
    return result


def _log_gamma(u: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The quantile and the log density of y there."""
    z = np.where(u < 0.0, special.gammaincinv(a, special.ndtr(u)), special.gammainccinv(a, special.ndtr(-u)))
    first = (special.log_ndtr(u) + special.gammaln(a + 1.0)) / a
    y = np.where(z > _SMALLEST, np.log(np.maximum(z, _SMALLEST)), first)
    return y, a * y - np.exp(y) - special.gammaln(a)


def _logit_beta(u: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same; of z and 1 - z the smaller one is taken, so that no digits are lost near 1."""
    logs = _log_small_beta(u, a, b)
    large = logs > -_LOG_2
    logs[large] = _log_small_beta(-u[large], b[large], a[large])
    y = logs - np.log1p(-np.exp(np.minimum(logs, -_LOG_2 / 2)))
    y = np.where(large, -y, y)
    return y, -a * np.logaddexp(0.0, -y) - b * np.logaddexp(0.0, y) - special.betaln(a, b)


def _log_small_beta(u: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Log of the quantile; as precise as a number can be where it is below a half."""
    z = np.where(u < 0.0, special.betaincinv(a, b, special.ndtr(u)), special.betainccinv(a, b, special.ndtr(-u)))
    first = (special.log_ndtr(u) + np.log(a) + special.betaln(a, b)) / a
    return np.where(z > _SMALLEST, np.log(np.maximum(z, _SMALLEST)), first)


class _Quantile(torch.autograd.Function):
    """A quantile by numpy; the derivatives in the concentrations are those of the quantile itself, by differences."""

    @staticmethod
    def forward(ctx: Any, quantile: Any, noise: Tensor, *concentrations: Tensor) -> Tensor:
        ctx.quantile = quantile
        ctx.save_for_backward(noise, *concentrations)
        with np.errstate(all="ignore"):
            return _tensor(quantile(*_arrays(noise, *concentrations))[0], noise)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        noise, *concentrations = ctx.saved_tensors
        u, *values = _arrays(noise, *concentrations)
        found: list[Tensor | None] = [None, None]
        with np.errstate(all="ignore"):
            if ctx.needs_input_grad[1]:
                _, log_density = ctx.quantile(u, *values)
                found[1] = grad * _tensor(np.exp(-0.5 * u**2 - 0.5 * math.log(2.0 * math.pi) - log_density), grad)
            for place, value in enumerate(values):
                if not ctx.needs_input_grad[place + 2]:
                    found.append(None)
                    continue
                ends = []
                for step in (_STEP, -_STEP):
                    moved = [part * math.exp(step) if other == place else part for other, part in enumerate(values)]
                    ends.append(ctx.quantile(u, *moved)[0])
                found.append(grad * _tensor((ends[0] - ends[1]) / (2.0 * _STEP * value), grad))
        return tuple(found)


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().cpu().double().numpy() for tensor in tensors]


def _tensor(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.asarray(values)).to(like)
