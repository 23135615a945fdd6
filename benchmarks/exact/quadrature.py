"""Dense quadrature in float64: the exact values of cases without a closed form."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.exact.case import DOUBLE

__all__ = ["around", "line", "log_normal", "ordered", "plane"]

_CHUNK = 16  # values at a time on a line: 16 x 400,001 numbers are 51 MB


def log_normal(x: Tensor, loc: Tensor | float, scale: Tensor | float) -> Tensor:
    """Log density of N(loc, scale^2) at x, broadcast."""
    scale = torch.as_tensor(scale, dtype=x.dtype)
    return -0.5 * ((x - loc) / scale).square() - scale.log() - 0.5 * math.log(2 * math.pi)


def line(
    log_f: Callable[[Tensor, Tensor], Tensor], values: Tensor, low: float, high: float, points: int = 200_001
) -> Tensor:
    """Log of the integral of exp(log_f(z, value)) over z in (low, high), by the trapezoidal rule.

    For a smooth integrand that vanishes at both ends the rule converges faster than any power of the spacing, once
    that is below the narrowest feature.

    Args:
        log_f: maps z of shape (P,) and values of shape (V, 1) to (V, P), in nats.
        values: any shape; one integral each.
        low: lower end.
        high: upper end.
        points: P.

    Returns:
        The shape of ``values``, float64.
    """
    z = torch.linspace(low, high, points, dtype=DOUBLE)
    cell = math.log((high - low) / (points - 1))
    parts = [torch.logsumexp(log_f(z, part[:, None]), 1) for part in values.to(DOUBLE).flatten().split(_CHUNK)]
    return (torch.cat(parts) + cell).reshape(values.shape)


def plane(log_f: Callable[[Tensor, Tensor], Tensor], x: Tensor, low: float, high: float, points: int = 401) -> Tensor:
    """Log of the integral over the square (low, high)^2 for each datapoint, by the trapezoidal rule.

    A coarse grid finds the rectangle outside of which the integrand is below e^-45 of its largest value; the fine one
    lies there.

    Args:
        log_f: maps z of shape (P, 2) and one datapoint to (P,), in nats; no feature narrower than a few hundredths of
            the square.
        x: data, shape (B, *x_shape).
        low: lower end of both axes.
        high: upper end.
        points: of the fine grid on each axis.

    Returns:
        Shape (B,), float64.
    """
    axis = torch.linspace(low, high, 301, dtype=DOUBLE)
    coarse, margin = torch.cartesian_prod(axis, axis), float(axis[1] - axis[0])
    totals = []
    for row in x.to(DOUBLE):
        height = log_f(coarse, row)
        inside = coarse[height > height.max() - 45]
        ends = (inside.amin(0) - margin).clamp_min(low), (inside.amax(0) + margin).clamp_max(high)
        sides = [
            torch.linspace(float(one), float(other), points, dtype=DOUBLE) for one, other in zip(*ends, strict=True)
        ]
        cell = sum(math.log(float(side[1] - side[0])) for side in sides)
        totals.append(torch.logsumexp(log_f(torch.cartesian_prod(*sides), row), 0) + cell)
    return torch.stack(totals)


def around(log_f: Callable[[Tensor, Tensor], Tensor], x: Tensor, dim: int, points: int = 401) -> Tensor:
    """Log of the integral of a function with one narrow peak in one or two dimensions, on a grid around the peak.

    Newton's method finds the peak; the grid spans ten standard deviations of its Gaussian on each side, along the
    principal axes.

    Args:
        log_f: maps z of shape (P, dim) and one datapoint to (P,), twice differentiable, concave.
        x: data, shape (B, *x_shape).
        dim: of z, 1 or 2.
        points: on each axis.

    Returns:
        Shape (B,), float64.
    """
    axis = torch.linspace(-10, 10, points, dtype=DOUBLE)
    unit = torch.cartesian_prod(*[axis] * dim).reshape(-1, dim)
    cell = dim * math.log(20 / (points - 1))
    totals = []
    for row in x.to(DOUBLE):

        def at(z: Tensor, row: Tensor = row) -> Tensor:
            return log_f(z[None], row)[0]

        mode = torch.zeros(dim, dtype=DOUBLE)
        for _ in range(100):
            step = torch.linalg.solve(
                torch.autograd.functional.hessian(at, mode), torch.autograd.functional.jacobian(at, mode)
            )
            mode = mode - step / max(1.0, float(step.abs().max()))
            if float(step.abs().max()) < 1e-10:
                break
        root = torch.linalg.cholesky(torch.linalg.inv(-torch.autograd.functional.hessian(at, mode)))
        totals.append(torch.logsumexp(log_f(mode + unit @ root.T, row), 0) + cell + root.diagonal().log().sum())
    return torch.stack(totals)


def ordered(log_f: Callable[[Tensor, Tensor], Tensor], x: Tensor, low: float, high: float, points: int) -> Tensor:
    """Log of the integral of prod_k f(z_k, x_k) over z_1 < z_2 < ... < z_K: cumulative integrals within each other.

    Args:
        log_f: maps z of shape (P,) and values of shape (B, 1) to (B, P), in nats.
        x: data, shape (B, K).
        low: lower end.
        high: upper end.
        points: P.

    Returns:
        Shape (B,), float64.
    """
    z = torch.linspace(low, high, points, dtype=DOUBLE)
    cell = math.log((high - low) / (points - 1) / 2)
    inner = torch.zeros(len(x), points, dtype=DOUBLE)
    for k in range(x.shape[1]):
        height = log_f(z, x[:, k : k + 1].to(DOUBLE)) + inner
        trapezoids = torch.logaddexp(height[:, 1:], height[:, :-1]) + cell
        inner = torch.cat([torch.full((len(x), 1), -torch.inf, dtype=DOUBLE), trapezoids.logcumsumexp(1)], 1)
    return inner[:, -1]
