"""How the gaps are spread over the datapoints: a few very hard ones, or all alike?"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from gapkit.ladder import Ladder
from gapkit.plots.scale import fit_axis
from gapkit.plots.selection import select
from gapkit.plots.style import COLORS, colors_of, legend_below, new_axes, style, write_note
from gapkit.results import Result

__all__ = ["gap_distributions"]

_STEPS, _EXTREMES = 360, 20  # of a curve; more could not be seen, and would make the drawing heavy


def gap_distributions(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw, for each gap, the share of the datapoints whose gap is at most so many nats.

    Cumulative curves show skewed gaps as they are: nothing is smoothed, cut off or binned, and values below zero and
    single extreme ones have their place. Dots mark the medians. Where a few gaps are far larger than the others, the
    axis is logarithmic beyond the others, and says so.

    Args:
        result: of an analysis.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    chosen = select(result, split)
    with style():
        ax = ax if ax is not None else new_axes(5.2, 3.3)
        ax.set_title(chosen.title, parse_math=False)
        if chosen.rows.empty:
            write_note(ax, "no finite values")
            return ax
        gaps = chosen.ladder.all_gaps
        _draw(ax, {gap.name: np.sort(chosen.rows[gap.name].to_numpy(float)) for gap in gaps}, chosen.ladder)
    return ax


def _draw(ax: Axes, gaps: dict[str, np.ndarray], ladder: Ladder) -> None:
    beyond, colors = fit_axis(ax, "x", np.concatenate(list(gaps.values()))), colors_of(ladder.all_gaps)
    left, right = ax.get_xlim()
    ax.axvline(0.0, color=COLORS["guide"], linewidth=0.8, zorder=1)
    ax.axhline(0.5, color=COLORS["guide"], linewidth=0.8, linestyle=":", zorder=1)
    lines = []
    for gap in ladder.all_gaps:
        values = gaps[gap.name]
        at, share = _curve(values)
        median = float(np.median(values))
        (line,) = ax.plot(
            [left, at[0], *at, right],
            [0.0, 0.0, *share, 1.0],
            drawstyle="steps-post",
            color=colors[gap.name],
            linewidth=1.5,
            linestyle="--" if gap == ladder.total else "-",
            zorder=2,
            label=f"{gap.label}: median {median:.2f}",
        )
        lines.append(line)
        ax.plot(median, 0.5, color=line.get_color(), marker="o", markersize=5, linestyle="none", zorder=3)
    ax.set_ylim(-0.02, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel("datapoints with at most this gap")
    ax.set_xlabel(f"gap (nats{beyond})")
    legend_below(ax, lines, 2, 38.0)


def _curve(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the empirical distribution of sorted values: all of them, or some and the extremes."""
    count = len(values)
    ranks = np.arange(count)
    if count > _STEPS + 2 * _EXTREMES:
        some = np.linspace(0, count - 1, _STEPS).round().astype(int)
        ranks = np.unique(np.concatenate([ranks[:_EXTREMES], some, ranks[-_EXTREMES:]]))
    return values[ranks], (ranks + 1) / count
