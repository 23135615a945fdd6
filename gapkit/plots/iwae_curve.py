"""The importance-weighted bound against the number of draws from the encoder's q, and the level of log p(x)."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from gapkit.core.phrases import any_range
from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name, title_of
from gapkit.plots.style import COLORS, draw_level, new_axes, style, write_note
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
    with style():
        ax = ax if ax is not None else new_axes(5.2, 3.1)
        if not values or values.log_px is None:
            ax.set_title(shortened(name), parse_math=False)
            write_note(ax, "no finite values" if values else "no bounds with fewer draws")
            return ax
        ax.set_title(f"{title_of(name, values.datapoints, values.left_out)}, means", parse_math=False)
        _draw(ax, values.curve, values.log_px, result.ladder.top.label)
    return ax


def _draw(ax: Axes, curve: Sequence[IwaePoint], level: float, top_label: str) -> None:
    draws, means = [point.k for point in curve], [point.value for point in curve]
    top, color = means[-1], COLORS["family"]
    whiskers = [[top - end for end in point.below.ci95 or ()] for point in curve[:-1]]
    draw_level(ax, level, f"{top_label}: {level:.2f}")
    ax.plot(draws, means, color=color, linewidth=1.2, marker="o", markersize=4.5, zorder=3)
    for number, whisker in zip(draws, whiskers, strict=False):
        ax.plot([number] * len(whisker), whisker, color=color, linewidth=1.4, marker="_", markersize=6, zorder=2)
    ends = dict.fromkeys((0, len(curve) - 1))
    words = [f"k = {draws[place]:,}: {means[place]:.2f}" for place in ends]
    words += ["too few datapoints for intervals"] if any_range(point.below for point in curve) else []
    # A curve that rises and flattens leaves this corner free.
    ax.text(0.99, 0.03, "\n".join(words), transform=ax.transAxes, ha="right", va="bottom", fontsize=8.5)
    ax.set_xscale("log")
    ax.set_xlim(0.8, 1.25 * max(draws[-1], 2))
    ax.set_xticks(draws, [f"{number:,}" if _shown(place, draws) else "" for place, number in enumerate(draws)])
    ax.xaxis.set_minor_locator(NullLocator())
    everything = [level, *means, *(end for pair in whiskers for end in pair)]
    size = max(everything) - min(everything)
    pad = max(0.12 * size, _NARROWEST)
    ax.set_ylim(min(everything) - max(0.16 * size, 2 * _NARROWEST), max(everything) + pad)
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.ticklabel_format(axis="y", style="plain", useOffset=False)
    ax.set_xlabel("draws k from the encoder's q")
    ax.set_ylabel("nats (higher is better)")


def _shown(place: int, draws: list[int]) -> bool:
    """Whether a number of draws is written at its tick: not where the last one would run into it."""
    return place == len(draws) - 1 or draws[-1] >= 1.6 * draws[place]
