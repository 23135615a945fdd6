"""Climb log p(x, z) from a point to the mode above it, for many starts at once, by damped Newton steps.

A start says where to look and nothing about the posterior's width, so it is climbed from as a point: the scale of the
encoder's q, which may be wrong by any factor, plays no part, and draws that are too wide cannot mix two modes. A step
is the curvature's Newton step times a length that a line search chooses; where it is right, as for a linear decoder
with Gaussian noise, one step lands, from however far away.
Source: Nocedal & Wright, "Numerical Optimization" (2006), sections 3.1 and 10.3 (line search, Gauss-Newton).
"""

import torch
from torch import Tensor

from gapkit.local.curvature import Curvature
from gapkit.local.natural import Moments
from gapkit.models.target import Target

__all__ = ["ascend_points"]

_LENGTHS = (1.0, 0.25, 0.0625)
_STUCK = 1.0 / 64.0


def ascend_points(target: Target, z: Tensor, curvature: Curvature, steps: int) -> Moments:
    """Newton steps with a line search; costs one gradient, D columns and three values a step.

    A problem whose value, gradient or curvature is not finite stays where it is.

    Args:
        target: P problems.
        z: where they begin, shape (P, D).
        curvature: -hess log p(x, z), positive definite.
        steps: how many.

    Returns:
        The points reached, and the curvature of the step that led there.
    """
    precision = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device).expand(len(z), -1, -1)
    reach = torch.ones_like(z[:, 0])
    lengths = torch.tensor(_LENGTHS, dtype=z.dtype, device=z.device).unsqueeze(1)
    for _ in range(steps):
        value, gradient = (part[0] for part in target.log_joint_and_grad(z.unsqueeze(0)))
        precision = curvature(target, z.unsqueeze(0))
        factor, failed = torch.linalg.cholesky_ex(precision)
        step = torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)
        sound = (failed == 0) & step.isfinite().all(-1)
        tried = lengths * reach  # (3, P)
        ends = torch.addcmul(z, tried.unsqueeze(-1), torch.where(sound.unsqueeze(-1), step, 0.0))
        levels = target.log_joint(ends).nan_to_num(nan=-torch.inf, posinf=-torch.inf)
        best, number = levels.max(0)
        better = sound & (best > torch.where(value.isfinite(), value, -torch.inf))
        rows = torch.arange(len(z), device=z.device)
        z = torch.where(better.unsqueeze(-1), ends[number, rows], z)
        reach = torch.where(better, (4.0 * tried[number, rows]).clamp(max=1.0), reach * _STUCK)
    return Moments(z, precision)
