"""Two bounds on log p(x) for each datapoint, and below them a strip of how often their chains moved."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from gapkit.plots.scale import fit_axis
from gapkit.plots.style import COLORS, legend_below

__all__ = ["draw_sandwich"]

_MANY = 200  # datapoints; above, they become one image, else the drawing would weigh too much


def draw_sandwich(ax: Axes, rows: pd.DataFrame, labels: Mapping[str, str], zero: str, aim: float | None) -> None:
    """Divide axes into two panels and draw the bounds, with two standard errors, and the acceptance rates.

    Args:
        ax: to divide; the panels become its ``child_axes``.
        rows: one per datapoint, in order: ``lower``, ``lower_se``, ``upper``, ``upper_se`` in nats, ``acceptance``
            and, where the chains of the upper bound have a rate of their own, ``acceptance_upper``; ``group``, in
            words, of which each stands together.
        labels: of the two bounds, for the legend.
        zero: what the bounds are relative to, for the axis.
        aim: the acceptance rate aimed for; None where it is not known.
    """
    ax.set_axis_off()
    bounds, strip = ax.inset_axes((0.0, 0.33, 1.0, 0.67)), ax.inset_axes((0.0, 0.0, 1.0, 0.24))
    _draw_bounds(bounds, rows, labels, zero)
    _draw_acceptance(strip, rows, aim)
    legend_below(strip, bounds.get_legend_handles_labels()[0], 2, 32.0)


def _draw_bounds(ax: Axes, rows: pd.DataFrame, labels: Mapping[str, str], zero: str) -> None:
    x, many = np.arange(len(rows), dtype=float), len(rows) > _MANY
    shift = 0.12 if len(rows) < 100 else 0.0
    ends = []
    for name, side, color, filled in (
        ("lower", -shift, COLORS["ais"], True),
        # An image does not follow the theme of a page, so its neutral colour is one for light and dark.
        ("upper", shift, COLORS["side" if many else "rung"], False),
    ):
        values, errors = rows[name].to_numpy(float), 2.0 * np.nan_to_num(rows[f"{name}_se"].to_numpy(float), posinf=0.0)
        here = np.isfinite(values)
        if not here.any():
            continue
        at = (x + side)[here]
        ax.vlines(
            at,
            (values - errors)[here],
            (values + errors)[here],
            color=COLORS["side"] if many else color,
            alpha=0.2 if many else 0.45,
            linewidth=0.5 if many else 1.2,
            zorder=2,
            rasterized=many,
        )
        ax.scatter(
            at,
            values[here],
            s=5 if many else 16,
            facecolors=color if filled else "none",
            edgecolors=color,
            linewidths=0.0 if filled else 0.9,
            zorder=3,
            rasterized=many,
            label=labels[name],
        )
        ends += [(values - errors)[here], values[here], (values + errors)[here]]
    beyond = fit_axis(ax, "y", np.concatenate(ends))
    ax.axhline(0.0, color=COLORS["side"], linestyle="--", linewidth=1, zorder=1)
    ax.set_ylabel(f"nats above {zero}\n{beyond.removeprefix(', ')}".rstrip())
    ax.set_xticks([])
    _frame(ax, rows)


def _draw_acceptance(ax: Axes, rows: pd.DataFrame, aim: float | None) -> None:
    for name, filled in (("acceptance", True), ("acceptance_upper", False)):
        if name in rows:
            ax.scatter(
                np.arange(len(rows)),
                rows[name].to_numpy(float),
                s=5 if len(rows) > _MANY else 12,
                facecolors=COLORS["ais"] if filled else "none",
                edgecolors="none" if filled else COLORS["rung"],
                linewidths=0.0 if filled else 0.8,
                zorder=2,
                rasterized=len(rows) > _MANY,
            )
    if aim is not None:
        ax.axhline(aim, color=COLORS["side"], linestyle="--", linewidth=1, zorder=1)
    ax.set_ylim(-0.05, 1.05)
    ax.set_yticks([0.0, 0.5, 1.0])
    ax.set_ylabel("acceptance")
    counts = rows["group"].value_counts(sort=False)
    starts = np.concatenate([[0], counts.to_numpy().cumsum()[:-1]])
    middles = starts + (counts.to_numpy() - 1) / 2.0
    ax.set_xticks(middles, [f"{name} ({count:,})" for name, count in counts.items()])
    for tick, middle in zip(ax.get_xticklabels(), middles / len(rows), strict=True):
        tick.set_horizontalalignment("left" if middle < 0.15 else "right" if middle > 0.85 else "center")
    ax.tick_params(axis="x", length=0)
    _frame(ax, rows)


def _frame(ax: Axes, rows: pd.DataFrame) -> None:
    """The same horizontal axis for both panels: one place per datapoint, a line between the groups."""
    ax.set_xlim(-0.5 - 0.02 * len(rows), len(rows) - 0.5 + 0.02 * len(rows))
    changes = np.flatnonzero(rows["group"].to_numpy(str)[1:] != rows["group"].to_numpy(str)[:-1])
    for place in changes:
        ax.axvline(place + 0.5, color=COLORS["guide"], linewidth=0.8, linestyle=":", zorder=1)
