"""The certificates of the local fits: how far may each q* still be from the best of its family?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gapkit.ladder import error_of
from gapkit.plots.reading import column, rows_of, setting
from gapkit.plots.scale import fit_axis
from gapkit.plots.selection import split_name, thinned, title_of
from gapkit.plots.style import COLORS, draw_level, legend_below, new_axes, style, write_note
from gapkit.results import Result

__all__ = ["certificate", "certified"]

# How a fit ended: its colour and words.
_ENDS = {
    "converged": ("trusted", "converged"),
    "budget": ("doubted", "out of steps"),
    "diverged": ("ais", "diverged"),
    "": ("side", "not recorded"),
}
_MANY = 200  # datapoints; above, they become one image, else the drawing would weigh too much


def certificate(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw what each local fit may still gain on L[q*], by its certificate, against the tolerance of convergence.

    Datapoints stand in the order of what is left; the lines are two standard errors, colour tells how the fit ended,
    and the dashed line is the tolerance. By its noise an estimate may be below zero. The strip below has the number of
    steps that each fit took; where it is the same for all, the axis says so instead.

    Args:
        result: of an analysis.
        ax: where to draw, divided into panels; None makes a figure of its own.
        split: which split; None takes the first.

    Returns:
        The axes; certificates and strip are their ``child_axes``.

    Raises:
        InputError: the result has no such split.
    """
    rows, whole = certified(result, split), rows_of(result, split)
    title = title_of(split_name(result, split), len(rows), len(whole) - len(rows))
    with style():
        ax = ax if ax is not None else new_axes(5.2, 3.9)
        ax.set_title(title, parse_math=False)
        if rows.empty:
            write_note(ax, "no finite certificates")
            return ax
        ax.set_axis_off()
        steps = rows["steps"].nunique() > 1  # a strip of equal numbers says nothing that the legend could not
        left = ax.inset_axes((0.0, 0.36, 1.0, 0.64) if steps else (0.0, 0.0, 1.0, 1.0))
        _draw_certificates(left, rows, setting(result, "fit", "tolerance"))
        lowest = left
        if steps:
            lowest = ax.inset_axes((0.0, 0.0, 1.0, 0.27))
            _draw_steps(lowest, rows)
        taken = rows["steps"].dropna().unique()
        equal = f" ({taken[0]:.0f} steps each)" if len(taken) == 1 else ""
        drawn = len(thinned(len(rows)))
        some = f"; {drawn:,} of them drawn" if drawn < len(rows) else ""
        lowest.set_xlabel(f"datapoints, in the order of what is left to gain{equal}{some}", labelpad=3.0)
        legend_below(lowest, _legend(rows), 3, 22.0)
    return ax


def certified(result: Result, split: str | None = None) -> pd.DataFrame:
    """What the picture shows, in its order, one row per datapoint whose certificate is finite.

    Returns:
        ``left`` to gain and its ``error``, in nats; ``fit``, how it ended; ``steps`` it took; ``index``.

    Raises:
        InputError: the result has no such split.
    """
    rows, fitted = rows_of(result, split), result.ladder.fitted
    name = fitted.shortfall if fitted else ""
    frame = pd.DataFrame(
        {
            "index": rows["index"],
            "left": column(rows, name),
            "error": column(rows, error_of(name)),
            "fit": rows["fit"].astype(str) if "fit" in rows else "",
            "steps": column(rows, "fit_steps"),
        }
    )
    return frame[np.isfinite(frame["left"])].sort_values("left", kind="stable")


def _draw_certificates(ax: Axes, whole: pd.DataFrame, tolerance: float | None) -> None:
    x = thinned(len(whole))
    rows = whole.iloc[x]
    left = rows["left"].to_numpy(float)
    errors = 2.0 * np.nan_to_num(rows["error"].to_numpy(float), posinf=0.0)
    many = len(rows) > _MANY
    if many:  # an image does not follow the theme of a page: half transparent, it is grey on light and on dark
        ax.fill_between(
            x,
            left - errors,
            left + errors,
            step="mid",
            color=COLORS["guide"],
            alpha=0.5,
            linewidth=0,
            zorder=1,
            rasterized=True,
        )
    else:
        ax.vlines(x, left - errors, left + errors, color=COLORS["guide"], linewidth=1.0, zorder=1)
    _scatter(ax, x, left, rows)
    # Most of the error bars are to be seen whole; a few very long ones may leave the picture.
    also = [*np.quantile(left - errors, [0.02]), *np.quantile(left + errors, [0.98]), tolerance or 0.0]
    beyond = fit_axis(ax, "y", left, also)
    ax.axhline(0.0, color=COLORS["guide"], linewidth=0.8, zorder=1)
    if tolerance is not None:
        draw_level(ax, tolerance, f"tolerance {tolerance:g}")
    ax.set_ylabel(f"left to gain (nats)\n{beyond.removeprefix(', ')}".rstrip())
    ax.set_xticks([])
    _frame(ax, len(whole))


def _draw_steps(ax: Axes, rows: pd.DataFrame) -> None:
    steps, x = rows["steps"].to_numpy(float), thinned(len(rows))
    _scatter(ax, x, steps[x], rows.iloc[x])
    ax.set_ylim(0.0, 1.15 * max(float(np.nanmax(steps)), 1.0))
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.set_ylabel("steps")
    ax.set_xticks([])
    _frame(ax, len(rows))


def _scatter(ax: Axes, x: np.ndarray, y: np.ndarray, rows: pd.DataFrame) -> None:
    many, ends = len(rows) > _MANY, rows["fit"].to_numpy(str)
    for end in np.unique(ends):
        these = (ends == end) & np.isfinite(y)
        color, text = _ENDS.get(end, _ENDS[""])
        ax.scatter(
            x[these],
            y[these],
            s=5 if many else 14,
            color=COLORS[color],
            linewidths=0,
            zorder=3,
            rasterized=many,
            label=text,
        )


def _legend(rows: pd.DataFrame) -> list[Line2D]:
    ends = rows["fit"].where(rows["fit"].isin(list(_ENDS)), "")
    found = [(end, count) for end in _ENDS if (count := int((ends == end).sum()))]
    return [
        Line2D(
            [],
            [],
            linestyle="none",
            marker="o",
            markersize=4,
            color=COLORS[_ENDS[end][0]],
            label=f"{_ENDS[end][1]}: {count:,} of {len(rows):,}" if number == 0 else f"{_ENDS[end][1]}: {count:,}",
        )
        for number, (end, count) in enumerate(found)
    ]


def _frame(ax: Axes, count: int) -> None:
    ax.set_xlim(-0.5 - 0.02 * count, count - 0.5 + 0.02 * count)
