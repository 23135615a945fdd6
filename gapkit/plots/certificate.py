"""The certificates of the local fits: how far may each q* still be from the best of its family?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gapkit.ladder import error_of
from gapkit.plots.ordered import MANY, frame, two_errors
from gapkit.plots.reading import column, rows_of, setting
from gapkit.plots.scale import fit_axis, name_nats
from gapkit.plots.selection import split_name, thinned, title_of
from gapkit.plots.style import COLORS, dot, draw_level, legend_below, picture, write_note
from gapkit.results import Result

__all__ = ["certificate", "certified"]

# How a fit ended: its colour and words.
_ENDS = {
    "converged": ("trusted", "converged"),
    "budget": ("doubted", "out of steps"),
    "diverged": ("ais", "diverged"),
    "": ("side", "not recorded"),
}


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
    with picture(ax, 5.2, 3.9, title) as ax:
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
    found = pd.DataFrame(
        {
            "index": rows["index"],
            "left": column(rows, name),
            "error": column(rows, error_of(name)),
            "fit": rows["fit"].astype(str) if "fit" in rows else "",
            "steps": column(rows, "fit_steps"),
        }
    )
    return found[np.isfinite(found["left"])].sort_values("left", kind="stable")


def _draw_certificates(ax: Axes, whole: pd.DataFrame, tolerance: float | None) -> None:
    x = thinned(len(whole))
    rows = whole.iloc[x]
    left, errors = rows["left"].to_numpy(float), two_errors(rows["error"])
    low, high, color = left - errors, left + errors, COLORS["guide"]
    if len(rows) > MANY:  # an image does not follow the theme of a page: half transparent, it is grey on light and dark
        ax.fill_between(x, low, high, step="mid", color=color, alpha=0.5, linewidth=0, rasterized=True)
    else:
        ax.vlines(x, low, high, color=color, linewidth=1.0, zorder=1)
    _draw_ends(ax, x, left, rows)
    # Most of the error bars are to be seen whole; a few very long ones may leave the picture.
    also = [*np.quantile(low, [0.02]), *np.quantile(high, [0.98]), tolerance or 0.0]
    beyond = fit_axis(ax, "y", left, also)
    ax.axhline(0.0, color=COLORS["guide"], linewidth=0.8, zorder=1)
    if tolerance is not None:
        draw_level(ax, tolerance, f"tolerance {tolerance:g}")
    name_nats(ax, "left to gain (nats)", beyond)
    frame(ax, len(whole))


def _draw_steps(ax: Axes, rows: pd.DataFrame) -> None:
    steps, x = rows["steps"].to_numpy(float), thinned(len(rows))
    _draw_ends(ax, x, steps[x], rows.iloc[x])
    ax.set_ylim(0.0, 1.15 * max(float(np.nanmax(steps)), 1.0))
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    ax.set_ylabel("steps")
    frame(ax, len(rows))


def _draw_ends(ax: Axes, x: np.ndarray, y: np.ndarray, rows: pd.DataFrame) -> None:
    """Draw a mark for each fit in the colour of how it ended."""
    import seaborn as sns

    many = len(rows) > MANY
    sns.scatterplot(
        x=x,
        y=y,
        hue=_ends(rows).to_numpy(),
        palette={end: COLORS[color] for end, (color, _) in _ENDS.items()},
        s=5 if many else 14,
        linewidth=0,
        zorder=3,
        rasterized=many,
        legend=False,
        ax=ax,
    )


def _ends(rows: pd.DataFrame) -> pd.Series:
    return rows["fit"].where(rows["fit"].isin(list(_ENDS)), "")


def _legend(rows: pd.DataFrame) -> list[Line2D]:
    counts = _ends(rows).value_counts()
    found = [end for end in _ENDS if end in counts]
    texts = [f"{_ENDS[end][1]}: {counts[end]:,}{f' of {len(rows):,}' if end == found[0] else ''}" for end in found]
    return [dot(COLORS[_ENDS[end][0]], text, size=4.0) for end, text in zip(found, texts, strict=True)]
