"""Axes for skewed numbers: linear where most of them lie and, if a few go far beyond, logarithmic from there."""

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

__all__ = ["fit_axis", "name_nats"]

_MOST = 0.95
_FAR = 6.0  # times the bulk of the values; farther ones would press it into a corner of a linear axis
_NARROWEST = 0.02  # nats, for values that are all zero
_LINEAR_SHARE = 2.0  # of the part up to the bulk, against the logarithmic part beyond
_LABELS_BEYOND = 3


def fit_axis(ax: Axes, which: Literal["x", "y"], values: np.ndarray, also: Iterable[float] = ()) -> str:
    """Set scale, limits and ticks of an axis so that every value and zero lie inside, and none is cut off.

    Args:
        ax: whose axis.
        which: ``x`` or ``y``.
        values: finite numbers, at least one.
        also: further numbers to keep inside.

    Returns:
        What to add to the axis' label: nothing where the axis is linear, else from where on it is logarithmic.
    """
    low, high = (float(f([0.0, *also, f(values)])) for f in (np.min, np.max))
    bulk, far = float(np.quantile(np.abs(values), _MOST)), max(high, -low)
    axis, set_scale, set_limits = (
        (ax.xaxis, ax.set_xscale, ax.set_xlim) if which == "x" else (ax.yaxis, ax.set_yscale, ax.set_ylim)
    )
    if bulk <= 0 or far <= _FAR * bulk or far < _NARROWEST:
        pad = max(0.06 * (high - low), _NARROWEST / 2)
        set_limits(low - pad if low < 0 else low - 0.3 * pad, high + pad)
        axis.set_major_locator(MaxNLocator(6 if which == "x" else 5))
        ax.ticklabel_format(axis=which, style="plain", useOffset=False)
        return ""
    linear = _round_up(bulk)
    decades = math.log10(far / linear)
    set_scale("symlog", linthresh=linear, linscale=_LINEAR_SHARE * 0.9 * decades)
    set_limits(-_beyond(-low, linear, far), _beyond(high, linear, far))
    ticks = _ticks(low, high, linear)
    axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axis.set_minor_locator(NullLocator())
    return f", logarithmic beyond {linear:g}"


def name_nats(ax: Axes, text: str, beyond: str) -> None:
    """Name a vertical axis of nats, and say below from where on it is logarithmic, see :func:`fit_axis`."""
    ax.set_ylabel(f"{text}\n{beyond.removeprefix(', ')}".rstrip())


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten.

    Example:
        >>> [_round_up(value) for value in (0.011, 0.2, 3.0, 70.0)]
        [0.02, 0.2, 5.0, 100.0]
    """
    power = 10.0 ** math.floor(math.log10(value))
    return float(f"{next(step for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)) * power:.1g}")


def _beyond(end: float, linear: float, far: float) -> float:
    """A limit a little outside an end, on the side of that end."""
    if end <= linear:
        return end + (0.05 if end > 0 else 0.02) * linear
    return end * (far / linear) ** 0.1


def _ticks(low: float, high: float, linear: float) -> list[float]:
    inside = MaxNLocator(4).tick_values(max(low, -linear), min(high, linear))
    ticks = [float(tick) for tick in inside if max(low, -linear) - 1e-12 <= tick <= min(high, linear) + 1e-12]
    for end, sign in ((high, 1.0), (-low, -1.0)):
        if end > linear:
            first = math.floor(math.log10(linear))
            steps = [m * 10.0**power for power in range(first, math.ceil(math.log10(end)) + 1) for m in (1, 2, 5)]
            steps = [step for step in steps if 1.4 * linear < step <= end]
            ticks += [sign * step for step in steps[:: -max(1, math.ceil(len(steps) / _LABELS_BEYOND))]]
    return sorted({float(f"{tick:.6g}") for tick in ticks})
