"""Newton steps for Gaussians whose natural coordinates are badly scaled: along the ridge of a banana, say.

There the curvature under a narrow q is a small share of that of the mode, and a natural-gradient step covers as small
a share of the way. The curvature is therefore estimated from the gradients themselves: conjugate gradients need only
its products with a few directions, which are differences of gradients on the same draws.
Source: Steihaug, "The conjugate gradient method and trust regions in large scale optimization" (1983); Nocedal &
Wright, "Numerical Optimization" (2006), algorithms 4.1 and 7.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gapkit.local.chart import Chart

__all__ = ["climb", "curvature_along"]

_APART = 0.05  # of two gradients whose difference gives the curvature, in natural units
_PRODUCTS = 6  # products with the curvature in a step
_ENOUGH = 0.1  # of the gradient left, below which a step counts as solved
_FLAT = 1e-3  # curvature below which a direction counts as having none
_FIRST_RADIUS, _LARGEST_RADIUS = 2.0, 20.0  # of the trust region, in natural units


def curvature_along(chart: Chart, direction: Tensor, u: Tensor, gradient: Tensor) -> Tensor:
    """How strongly L[q] curves downward along a direction, shape (B,): one where the coordinates are right.

    Args:
        chart: around q.
        direction: shape (B, N), of any length.
        u: noise, shape (S, B, D).
        gradient: at q, on the same noise.
    """
    length = torch.linalg.vector_norm(direction, dim=-1, keepdim=True).clamp(min=1e-30)
    unit = direction / length
    return -(unit * (chart.gradient(_APART * unit, u) - gradient)).sum(-1) / _APART


def climb(
    make: Callable[[Any], Chart], q: Any, u: Tensor, steps: int, tolerance: float, wanted: Tensor | None = None
) -> Any:
    """Take Newton steps in a trust region on fixed draws; a step that does not gain is not taken.

    Args:
        make: the chart around a member.
        q: where to begin, B datapoints.
        u: antithetic noise, shape (S, B, D).
        steps: at most.
        tolerance: a datapoint from which a step promises less, in nats, has converged.
        wanted: for whom, shape (B,); None is for all. The others stay where they are.

    Returns:
        The member where it ended.
    """
    radius = torch.full_like(q.loc[:, 0], _FIRST_RADIUS)
    active = q.loc.isfinite().all(-1) & (True if wanted is None else wanted)
    for _ in range(steps):
        chart = make(q)
        zero = torch.zeros(len(radius), chart.size, dtype=radius.dtype, device=radius.device)
        value, gradient = chart.value_and_gradient(zero, u)
        active &= value.isfinite() & gradient.isfinite().all(-1)
        move = _step(chart, u, torch.where(active[:, None], gradient, 0.0), radius)
        active &= move.promise > tolerance
        if not bool(active.any()):
            break
        v = torch.where(active[:, None], move.v, 0.0)
        reached, _ = chart.value_and_gradient(v, u)
        gained = torch.where(reached.isfinite(), reached - value, -torch.inf)
        share = gained / move.promise.clamp(min=1e-30).double()
        taken = active & (gained > 0)
        radius = torch.where(share < 0.25, 0.25 * radius, torch.where((share > 0.75) & move.bound, 2 * radius, radius))
        radius = radius.clamp(max=_LARGEST_RADIUS)
        there = chart.member(torch.where(taken[:, None], v, 0.0)).tensors()
        q = type(q).of(**{name: _where(taken, there[name], tensor) for name, tensor in q.tensors().items()})
    return q


@dataclass(frozen=True)
class _Move:
    """A step (B, N), what the quadratic model promises of it in nats (B,), and whether the region bounds it (B,)."""

    v: Tensor
    promise: Tensor
    bound: Tensor


def _step(chart: Chart, u: Tensor, gradient: Tensor, radius: Tensor) -> _Move:
    """Conjugate gradients until solved, bounded, or in a direction without curvature, which is then followed."""
    v, curved = torch.zeros_like(gradient), torch.zeros_like(gradient)
    rest, direction = gradient, gradient
    squared = rest.square().sum(-1)
    goal = _ENOUGH**2 * squared
    going, bound = squared > 0, torch.zeros_like(squared, dtype=torch.bool)
    for _ in range(min(_PRODUCTS, chart.size)):
        if not bool(going.any()):
            break
        length = torch.linalg.vector_norm(direction, dim=-1, keepdim=True).clamp(min=1e-30)
        apart = _APART * direction / length
        product = -(chart.gradient(apart, u) - gradient) * (length / _APART)
        going &= product.isfinite().all(-1)
        product = torch.where(going[:, None], product, 0.0)
        bend = (direction * product).sum(-1)
        flat = bend <= _FLAT * direction.square().sum(-1)
        size = squared / torch.where(flat, 1.0, bend)
        outside = flat | (torch.linalg.vector_norm(v + size[:, None] * direction, dim=-1) >= radius)
        size = torch.where(outside, _to_boundary(v, direction, radius), size)
        size = torch.where(going, size, 0.0)
        v, curved = v + size[:, None] * direction, curved + size[:, None] * product
        bound |= going & outside
        going &= ~outside
        rest = rest - size[:, None] * product
        new = rest.square().sum(-1)
        direction = torch.where(going[:, None], rest + (new / squared.clamp(min=1e-30))[:, None] * direction, direction)
        squared = torch.where(going, new, squared)
        going &= squared > goal
    return _Move(v, ((gradient - 0.5 * curved) * v).sum(-1), bound)


def _to_boundary(v: Tensor, direction: Tensor, radius: Tensor) -> Tensor:
    """How far to go from v along the direction until its length is the radius, shape (B,)."""
    a, b = direction.square().sum(-1).clamp(min=1e-30), (v * direction).sum(-1)
    c = (radius.square() - v.square().sum(-1)).clamp(min=0.0)
    return (-b + (b.square() + a * c).sqrt()) / a


def _where(mask: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    return torch.where(mask.reshape(-1, *[1] * (ours.dim() - 1)), ours, theirs)
