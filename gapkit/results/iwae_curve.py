"""The importance-weighted bound against the number of draws, from log weights that are at hand already.

Disjoint groups of k draws make an unbiased estimate of the bound with k draws: its mean over the groups. All k use the
same draws, so that differences between them are paired within each datapoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from gapkit.results.records import IwaeCurve, IwaePoint
from gapkit.results.summary import summarise_values

__all__ = ["GroupedBounds", "group_sizes", "grouped_bounds", "summarise_iwae_curve"]


@dataclass(frozen=True)
class GroupedBounds:
    """Bounds with k draws for some datapoints, each array of shape (K, B), in nats.

    Attributes:
        value: mean over disjoint groups of k draws.
        below: the bound with all draws minus that.
        below_se: Monte Carlo standard error of ``below``.
    """

    value: np.ndarray
    below: np.ndarray
    below_se: np.ndarray

    def head(self, count: int) -> "GroupedBounds":
        """Those of the first datapoints."""
        return GroupedBounds(self.value[:, :count], self.below[:, :count], self.below_se[:, :count])

    @staticmethod
    def joined(parts: "Sequence[GroupedBounds]") -> "GroupedBounds":
        """Those of several batches, in order."""
        names = ("value", "below", "below_se")
        return GroupedBounds(*(np.concatenate([getattr(part, name) for part in parts], 1) for name in names))


def group_sizes(num_draws: int) -> tuple[int, ...]:
    """Numbers of draws k = 1, 2, 5, 10, ... of which at least two groups fit in, and all draws together.

    Example:
        >>> group_sizes(128)
        (1, 2, 5, 10, 20, 50, 128)
        >>> group_sizes(1)
        (1,)
    """
    rising = [step * 10**power for power in range(len(str(num_draws))) for step in (1, 2, 5)]
    return (*(size for size in rising if 2 * size <= num_draws), num_draws)


def grouped_bounds(log_w: np.ndarray) -> GroupedBounds:
    """The bounds for every size of :func:`group_sizes`.

    Args:
        log_w: log p(x, z) - log q(z) of the draws, shape (S, B), float64, in nats; NaN counts as a weight of zero.

    Returns:
        One row per size; draws beyond the last whole group are left out.
    """
    with np.errstate(all="ignore"):  # a weight of zero gives a bound of minus infinity, which is left out later
        log_w = np.where(np.isnan(log_w) | np.isposinf(log_w), -np.inf, log_w)
        whole = _log_mean_exp(log_w[None])[0]
        influence = whole + np.exp(log_w - whole) - 1.0  # its mean is the bound, to first order
        rows = [_bound(log_w, influence, whole, size) for size in group_sizes(len(log_w))]
    return GroupedBounds(*(np.stack(part) for part in zip(*rows, strict=True)))


def summarise_iwae_curve(bounds: GroupedBounds, num_draws: int, log_px: np.ndarray, left_se: np.ndarray) -> IwaeCurve:
    """Summarise the bounds over the datapoints for which all of them and log p(x) are finite.

    Args:
        bounds: of N datapoints.
        num_draws: S, the draws per datapoint.
        log_px: the estimates of log p(x), shape (N,), in nats.
        left_se: Monte Carlo standard error of log p(x) minus the bound with all draws, shape (N,).
    """
    finite = np.isfinite(bounds.value).all(0) & np.isfinite(log_px)
    curve = []
    for place, size in enumerate(group_sizes(num_draws)):
        value, below, error = (part[place][finite] for part in (bounds.value, bounds.below, bounds.below_se))
        mean = float(value.mean()) if len(value) else None
        curve.append(IwaePoint(size, mean, summarise_values(below, error)))
    return IwaeCurve(
        curve=tuple(curve),
        log_px=float(log_px[finite].mean()) if finite.any() else None,
        left=summarise_values(log_px[finite] - bounds.value[-1][finite], left_se[finite]),
        datapoints=int(finite.sum()),
        left_out=int((~finite).sum()),
    )


def _bound(
    log_w: np.ndarray, influence: np.ndarray, whole: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = len(log_w) // size
    if count == 1:
        return whole, np.zeros_like(whole), np.zeros_like(whole)
    grouped = log_w[: count * size].reshape(count, size, -1)
    groups = _log_mean_exp(grouped)
    value = groups.mean(0)
    # What a group adds to both bounds is subtracted within the group, which cancels most of the noise.
    differences = influence[: count * size].reshape(count, size, -1).mean(1) - groups
    small_sample = float(special.stdtrit(count - 1, 0.975) / special.ndtri(0.975))
    return value, whole - value, differences.std(0, ddof=1) * small_sample / np.sqrt(count)


def _log_mean_exp(log_w: np.ndarray) -> np.ndarray:
    """Shape (G, k, B) to (G, B): -inf where all weights are zero."""
    top = log_w.max(1, keepdims=True)
    safe = np.where(np.isfinite(top), top, 0.0)
    return np.asarray(np.log(np.exp(log_w - safe).mean(1)) + safe[:, 0])
