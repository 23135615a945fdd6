"""How the gaps are spread over the datapoints: a few very hard ones, or all alike?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from gapkit.ladder import Ladder
from gapkit.plots.scale import fit_axis
from gapkit.plots.selection import select
from gapkit.plots.style import COLORS, colors_of, legend_below, picture, write_note
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
    with picture(ax, 5.2, 3.3, chosen.title) as ax:
        if chosen.rows.empty:
            write_note(ax, "no finite values")
        else:
            _draw(ax, chosen.rows, chosen.ladder)
    return ax


def _draw(ax: Axes, rows: pd.DataFrame, ladder: Ladder) -> None:
    import seaborn as sns

    colors, ranks = colors_of(ladder.all_gaps), _ranks(len(rows))
    for gap in ladder.all_gaps:
        values = np.sort(rows[gap.name].to_numpy(float))
        median = float(np.median(values))
        sns.ecdfplot(
            x=values[ranks],
            weights=np.diff(ranks, prepend=-1),  # of those that it stands for, so that every share is that of them all
            color=colors[gap.name],
            linewidth=1.5,
            linestyle="--" if gap == ladder.total else "-",
            zorder=2,
            label=f"{gap.label}: median {median:.2f}",
            ax=ax,
        )
        ax.plot(median, 0.5, color=colors[gap.name], marker="o", markersize=5, linestyle="none", zorder=3)
    beyond = fit_axis(ax, "x", rows[list(colors)].to_numpy(float).ravel())
    ax.axvline(0.0, color=COLORS["guide"], linewidth=0.8, zorder=1)
    ax.axhline(0.5, color=COLORS["guide"], linewidth=0.8, linestyle=":", zorder=1)
    ax.set_ylim(-0.02, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_ylabel("datapoints with at most this gap")
    ax.set_xlabel(f"gap (nats{beyond})")
    legend_below(ax, None, 2, 38.0)


def _ranks(count: int) -> np.ndarray:
    """Of sorted values, those that are points of the curve: all of them, or some and the extremes."""
    if count <= _STEPS + 2 * _EXTREMES:
        return np.arange(count)
    some = np.linspace(0, count - 1, _STEPS).round().astype(int)
    return np.unique([*range(_EXTREMES), *some, *range(count - _EXTREMES, count)])
