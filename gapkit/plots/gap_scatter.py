"""Every datapoint by its two gaps: whose fault is each one?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gapkit.plots.selection import select
from gapkit.plots.style import COLORS, new_axes, style, write_note
from gapkit.results import Result

__all__ = ["gap_scatter"]

_SOURCES = {"mixture": "log p(x) by importance sampling", "ais": "log p(x) by AIS"}
_WORST = 3
_MANY = 1000  # points; above, they become one image, else the drawing would weigh megabytes


def gap_scatter(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the amortization gap against the approximation gap, one point per datapoint.

    Above the dashed diagonal the encoder loses more than the family does. Colour tells which estimate of log p(x) was
    used, triangles are datapoints with a status to mind, numbers name the three largest total gaps by their index.

    Args:
        result: of an analysis.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    chosen = select(result, split)
    with style():
        ax = ax if ax is not None else new_axes(5.2, 4.2)
        ax.set_title(chosen.title, parse_math=False)
        if chosen.rows.empty:
            write_note(ax, "no finite values")
            return ax
        _draw(ax, chosen.rows)
    return ax


def _draw(ax: Axes, rows: pd.DataFrame) -> None:
    x, y = rows["approximation_gap"].to_numpy(float), rows["amortization_gap"].to_numpy(float)
    left, right = _limits(x)
    bottom, top = _limits(y)
    ax.axline((0, 0), slope=1, color=COLORS["guide"], linestyle="--", linewidth=1, zorder=1, label="equal gaps")
    source, flagged = rows["log_px_source"].to_numpy(str), rows["status"].to_numpy(str) != "ok"
    for name, text in _SOURCES.items():
        for flag, marker in ((False, "o"), (True, "^")):
            these = (source == name) & (flagged == flag)
            if these.any():
                ax.scatter(
                    x[these],
                    y[these],
                    s=24 if flag else 14,
                    color=COLORS[name],
                    marker=marker,
                    alpha=0.75,
                    linewidths=0,
                    zorder=2,
                    rasterized=len(rows) > _MANY,
                    label=f"{text}{', flagged' if flag else ''}",
                )
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.ticklabel_format(style="plain", useOffset=False)
    _label_worst(ax, rows, x, y)
    ax.set_xlabel("approximation gap (nats): the family's")
    ax.set_ylabel("amortization gap (nats): the encoder's")
    ax.legend(loc="upper left", bbox_to_anchor=(-0.08, -0.15), ncols=2, columnspacing=1.2, handletextpad=0.4)


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    pad = max(0.06 * (high - low), 0.02)
    return low - pad, high + pad


def _label_worst(ax: Axes, rows: pd.DataFrame, x: np.ndarray, y: np.ndarray) -> None:
    """Write the index beside the worst points; points that lie together share one label."""
    worst = np.argsort(-rows["total_gap"].to_numpy(float), kind="stable")[:_WORST]
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    places: list[tuple[float, float, list[str]]] = []
    for number in worst:
        across, up = (x[number] - left) / (right - left), (y[number] - bottom) / (top - bottom)
        near = [place for place in places if abs(place[0] - across) < 0.12 and abs(place[1] - up) < 0.05]
        index = str(rows["index"].iloc[number])
        if near:
            near[0][2].append(index)
        else:
            places.append((across, up, [index]))
    for across, up, indices in places:
        ax.annotate(
            ", ".join(indices),
            (across, up),
            xycoords="axes fraction",
            xytext=(5 if across < 0.5 else -5, 0),
            textcoords="offset points",
            ha="left" if across < 0.5 else "right",
            va="center",
            fontsize=8,
            zorder=3,
        )
