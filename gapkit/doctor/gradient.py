"""Is the gradient of log p(x, z) the slope of log p(x, z)?

Along a straight path from z0 to z1 the gradient must add up to the difference of the values:

    f(z1) - f(z0) = integral over t in [0, 1] of grad f(z0 + t (z1 - z0)) . (z1 - z0) dt

This is asked at the scale that fits and chains move at, between draws of q and between draws of the prior. A difference
over one tiny step would not do: a decoder that rounds is flat there and its gradient of zero looks right, a kink spoils
it, and float32 leaves it few digits.
"""

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.findings import Finding
from gapkit.doctor.probe import Probe
from gapkit.inputs.traces import MEND, is_slip, place_of

__all__ = ["gradient", "path_errors"]

_PATHS = 8
_NODES = 16
_SHARE = 0.1  # of all that the gradient says the value goes up and down along the path
_ROUNDINGS = 32  # how many units in the last place a value of f may be off
_MOST, _MANY = 0.5, 0.2
_DO = (
    "compute log p(x|z) with torch operations from z to the end: no torch.no_grad(), inference_mode(), detach(), "
    ".data, numpy or rounding on the way"
)


def gradient(probe: Probe) -> Finding | None:
    """Whether the gradient that fits and chains follow is that of the model's own values."""
    asked = "a gradient of log p(x, z) in z that is its slope"
    found: list[tuple[float, str]] = []
    # Draws of the prior lie far apart: a third of the way is enough of it for so many nodes.
    for name, z, part in (("draws of q", probe.z, 1.0), ("draws of the prior", probe.prior_z, 1.0 / 3.0)):
        try:
            wrong, told = _count(probe, z, part)
        except InputError:
            raise
        except Exception as error:  # whatever torch or the user's code says when a gradient is asked for
            words = (str(error).strip().splitlines() or [""])[0][:200]
            found_there = f"none: {type(error).__name__}: {words}{place_of(error)}"
            return Finding("gradient", "error", asked, found_there, MEND if is_slip(error) else _DO)
        if told > 1:
            words = (
                f"along {wrong} of {told} paths between {name} it does not add up to the difference of the values: it "
                "is missing or wrong, so that fits and chains would not move where the posterior is"
            )
            found.append((wrong / told, words))
    share, words = max(found, default=(0.0, ""))
    if share > _MOST:
        return Finding("gradient", "error", asked, words, _DO)
    if share > _MANY:
        do = "look for jumps in the decoder (rounding, thresholds, conditions): errors may be larger than they claim"
        return Finding("gradient", "warning", asked, words, do)
    return None


def _count(probe: Probe, z: Tensor, part: float) -> tuple[int, int]:
    """How many paths between latents z of shape (S, B, D) disagree, and of how many that can tell."""
    count = min(_PATHS, len(probe.x))
    wrong = told = 0
    for number in range(-(-_PATHS // count)):  # of few datapoints, more paths each
        start, end = z[2 * number % len(z), :count], z[(2 * number + 1) % len(z), :count]
        bad, able = path_errors(probe, start, start + part * (end - start))
        wrong, told = wrong + int(bad.sum()), told + int(able.sum())
    return wrong, told


def path_errors(probe: Probe, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """On which paths the gradient disagrees with the values, and which paths can tell.

    Args:
        probe: the model and B datapoints, of which the first P <= B are looked at.
        start: latents, shape (P, D).
        end: latents, shape (P, D).

    Returns:
        Two masks of shape (P,).
    """
    target = probe.target.select(torch.arange(len(start), device=start.device))
    step = end - start
    ends = target.log_likelihood(torch.stack([start, end])).double()
    difference = ends[1] - ends[0]
    fine, coarse = _along(start, step, _NODES), _along(start, step, _NODES // 2)
    z = torch.cat([fine, coarse])
    joint = target.log_joint_and_grad(z)[1]
    slopes = ((joint - target.log_prior_and_grad(z)[1]) * step).sum(-1).double()
    sum_fine, sum_coarse = slopes[:_NODES].mean(0), slopes[_NODES:].mean(0)
    travelled = slopes[:_NODES].abs().mean(0)
    rounding = _ROUNDINGS * torch.finfo(z.dtype).eps * ends.abs().amax(0)
    allowed = _SHARE * travelled + 2.0 * (sum_fine - sum_coarse).abs() + rounding
    known = difference.isfinite() & sum_fine.isfinite() & sum_coarse.isfinite()
    told = known & (torch.maximum(difference.abs(), travelled) > 10.0 * rounding + 1e-6)
    return told & ((difference - sum_fine).abs() > allowed), told


def _along(start: Tensor, step: Tensor, nodes: int) -> Tensor:
    """Midpoints of equal parts of the paths, shape (nodes, P, D)."""
    t = (torch.arange(nodes, dtype=start.dtype, device=start.device) + 0.5) / nodes
    return start + t.reshape(-1, 1, 1) * step
