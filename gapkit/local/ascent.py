"""Climb log p(x, z) from a point to the mode above it, for many starts at once, by damped Newton steps.

A start gives a place and no width, so the climb treats it as a point: the scale of the encoder's q, which may be wrong
by any factor, is not used, and draws that are too wide cannot mix two modes. A step is the curvature's Newton step
times a length that a line search chooses; where it is exact, as for a linear decoder with Gaussian noise, one step
reaches the mode from any distance. Source: Nocedal & Wright, "Numerical Optimization" (2006), sections 3.1 and 10.3
(line search, Gauss-Newton).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.local.blocks import blocks_with
from gapkit.local.curvature import Curvature, precision_dtype
from gapkit.local.natural import Moments
from gapkit.target import Target

__all__ = ["ascend_points"]

_LENGTHS = (1.0, 0.25, 0.0625)
_STUCK = 1.0 / 64.0
_MATTERS = 1.0  # nats


def ascend_points(target: Target, z: Tensor, curvature: Curvature, steps: int, further: int = 0) -> Moments:
    """Newton steps with a line search; costs one gradient, D columns and three values a step.

    A problem whose value, gradient or curvature is not finite stays where it is.

    Args:
        target: P problems.
        z: where they begin, shape (P, D).
        curvature: -hess log p(x, z), positive definite.
        steps: how many.
        further: how many more those may take whose last step still gained more than a nat.

    Returns:
        The points reached, and the curvature of the step that led there.
    """
    precision = torch.eye(z.shape[-1], dtype=precision_dtype(target), device=z.device).repeat(len(z), 1, 1)
    state = _State(z, precision, torch.ones_like(z[:, 0]), torch.full_like(z[:, 0], torch.inf))
    for _ in range(steps):
        state = _step(target, state, curvature)
    for _ in range(further if steps else 0):
        climbing = state.gained > _MATTERS
        if not bool(climbing.any()):
            break
        for block, places in blocks_with(climbing):
            part = _step(target.select(block), state.select(block), curvature)
            state.put(block[places], part.select(places))
    return Moments(state.z, state.precision)


@dataclass(frozen=True)
class _State:
    """Points (P, D), the curvature that led there, the longest step to try next, and what the last one gained (P,)."""

    z: Tensor
    precision: Tensor
    reach: Tensor
    gained: Tensor

    def select(self, rows: Tensor) -> "_State":
        return _State(*(tensor[rows] for tensor in vars(self).values()))

    def put(self, rows: Tensor, part: "_State") -> None:
        for mine, theirs in zip(vars(self).values(), vars(part).values(), strict=True):
            mine.index_copy_(0, rows, theirs)


def _step(target: Target, now: _State, curvature: Curvature) -> _State:
    value, gradient = (part[0] for part in target.log_joint_and_grad(now.z.unsqueeze(0)))
    precision = curvature(target, now.z.unsqueeze(0)).to(now.precision)
    factor, failed = torch.linalg.cholesky_ex(precision)
    step = torch.cholesky_solve(gradient.unsqueeze(-1).to(factor), factor).squeeze(-1).to(now.z)
    sound = (failed == 0) & step.isfinite().all(-1)
    lengths = torch.tensor(_LENGTHS, dtype=step.dtype, device=step.device).unsqueeze(1)
    tried = lengths * now.reach  # (3, P)
    ends = torch.addcmul(now.z, tried.unsqueeze(-1), torch.where(sound.unsqueeze(-1), step, 0.0))
    levels = target.log_joint(ends).nan_to_num(nan=-torch.inf, posinf=-torch.inf)
    best, number = levels.max(0)
    before = torch.where(value.isfinite(), value, -torch.inf)
    better = sound & (best > before)
    rows = torch.arange(len(step), device=step.device)
    return _State(
        torch.where(better.unsqueeze(-1), ends[number, rows], now.z),
        precision,
        torch.where(better, (4.0 * tried[number, rows]).clamp(max=1.0), now.reach * _STUCK),
        torch.where(better, best - before, 0.0).to(now.gained),
    )
