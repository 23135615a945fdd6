"""The importance-weighted bound against the number of draws from the encoder's q, and the level of log p(x)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from gapkit.core.phrases import any_range
from gapkit.plots.given import draw_means, ends_of
from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name, title_of
from gapkit.plots.style import COLORS, draw_level, nats_axis, picture, write_note
from gapkit.results import Result
from gapkit.results.records import IwaePoint

__all__ = ["iwae_curve"]

_NARROWEST = 0.02  # nats, for curves that do not rise


def iwae_curve(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the mean bound with k draws from the encoder's q for rising k, and a dashed line at the mean log p(x).

    With one draw the bound is L[q]. The whisker of a point is the 95% interval of its difference to the last point, a
    mean of differences within each datapoint; the levels have none, for the reason that those of the ladder have none.

    Args:
        result: of an analysis.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    name = split_name(result, split)
    values = result.summary_values.splits[name].iwae_curve
    with picture(ax, 5.2, 3.1, shortened(name)) as ax:
        if not values or values.log_px is None:
            write_note(ax, "no finite values" if values else "no bounds with fewer draws")
            return ax
        ax.set_title(f"{title_of(name, values.datapoints, values.left_out)}, means", parse_math=False)
        _draw(ax, values.curve, values.log_px, result.ladder.top.label)
    return ax


def _draw(ax: Axes, curve: Sequence[IwaePoint], level: float, top_label: str) -> None:
    draws, means = [point.k for point in curve], [point.value for point in curve]
    spans = [(*(means[-1] - np.array(point.below.ci95 or ()))[::-1],) for point in curve[:-1]]
    shown = [replace(point.below, mean=point.value, ci95=span) for point, span in zip(curve, [*spans, ()], strict=True)]
    draw_level(ax, level, f"{top_label}: {level:.2f}")
    draw_means(ax, draws, shown, color=COLORS["family"], linewidth=1.2)
    ends = dict.fromkeys((0, len(curve) - 1))
    words = [f"k = {draws[place]:,}: {means[place]:.2f}" for place in ends]
    words += ["too few datapoints for intervals"] if any_range(point.below for point in curve) else []
    # A curve that rises and flattens leaves this corner free.
    ax.text(0.99, 0.03, "\n".join(words), transform=ax.transAxes, ha="right", va="bottom", fontsize=8.5)
    ax.set_xscale("log")
    ax.set_xlim(0.8, 1.25 * max(draws[-1], 2))
    ax.set_xticks(draws, [f"{number:,}" if _shown(place, draws) else "" for place, number in enumerate(draws)])
    ax.minorticks_off()
    everything = [level, *ends_of(shown)]
    size = max(everything) - min(everything)
    pad = max(0.12 * size, _NARROWEST)
    ax.set_ylim(min(everything) - max(0.16 * size, 2 * _NARROWEST), max(everything) + pad)
    nats_axis(ax, "y", "nats (higher is better)")
    ax.set_xlabel("draws k from the encoder's q")


def _shown(place: int, draws: list[int]) -> bool:
    """Whether a number of draws is written at its tick: not where the last one would run into it."""
    return place == len(draws) - 1 or draws[-1] >= 1.6 * draws[place]
