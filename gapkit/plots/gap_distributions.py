"""How the gaps are spread over the datapoints: a few very hard ones, or all alike?"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from gapkit.plots.scale import fit_axis
from gapkit.plots.selection import select
from gapkit.plots.style import COLORS, legend_below, new_axes, style, write_note
from gapkit.results import Result

__all__ = ["gap_distributions"]

_GAPS = {"approximation_gap": "approximation", "amortization_gap": "amortization", "total_gap": "total"}
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
        _draw(ax, {name: np.sort(chosen.rows[name].to_numpy(float)) for name in _GAPS})
    return ax


def _draw(ax: Axes, gaps: dict[str, np.ndarray]) -> None:
    beyond = fit_axis(ax, "x", np.concatenate(list(gaps.values())))
    left, right = ax.get_xlim()
    ax.axvline(0.0, color=COLORS["guide"], linewidth=0.8, zorder=1)
    ax.axhline(0.5, color=COLORS["guide"], linewidth=0.8, linestyle=":", zorder=1)
    lines = []
    for name, values in gaps.items():
        at, share = _curve(values)
        median = float(np.median(values))
        (line,) = ax.plot(
            [left, at[0], *at, right],
            [0.0, 0.0, *share, 1.0],
            drawstyle="steps-post",
            color=COLORS[name],
            linewidth=1.5,
            linestyle="--" if name == "total_gap" else "-",
            zorder=2,
            label=f"{_GAPS[name]} gap: median {median:.2f}",
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
