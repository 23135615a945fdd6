"""AIS from below and, by chains sent back, from above: how narrow is the sandwich around log p(x)?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from gapkit.plots.ordered import MANY, draw_rates, frame, marks, two_errors, two_panels
from gapkit.plots.reading import column, rows_of, setting
from gapkit.plots.scale import fit_axis, name_nats
from gapkit.plots.selection import split_name, thinned, title_of
from gapkit.plots.style import COLORS, legend_below, picture, write_note
from gapkit.results import Result

__all__ = ["bounded", "sandwich"]

_REASONS = {"control": "control subset,\nat random", "forced": "AIS asked for\neverywhere"}
_UPPER = "chains sent back: approximate upper bound"
_OTHERS = "importance sampling\nfell short"


def sandwich(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw, for the datapoints that AIS was run for, its estimate and the approximate upper bound.

    Both are drawn relative to the reported log p(x), the line at zero, with two standard errors. Datapoints stand in
    groups by why AIS was run, and in each by the distance between their two bounds; those without an upper bound (AIS
    needed more than its first round) come last. The strip below has the acceptance rate of each datapoint's chains,
    with a dashed line at the rate aimed for.

    Args:
        result: of an analysis.
        ax: where to draw, divided into panels; None makes a figure of its own.
        split: which split; None takes the first.

    Returns:
        The axes; bounds and strip are their ``child_axes``.

    Raises:
        InputError: the result has no such split.
    """
    rows = bounded(result, split)
    title = title_of(split_name(result, split), len(rows_of(result, split)), 0)
    drawn, count = thinned(len(rows)), len(rows)
    some = f"; {len(drawn):,} drawn" if len(drawn) < count else ""
    with picture(ax, 5.2, 4.3, f"{title}, AIS on {count:,} of them{some}") as ax:
        rows = rows.iloc[drawn]
        if rows.empty:
            write_note(ax, "no finite values of AIS")
            return ax
        bounds, strip = two_panels(ax)
        _draw_bounds(bounds, rows, result.ladder.top.label)
        _draw_acceptance(strip, rows, setting(result, "evidence", "ais", "acceptance"))
        legend_below(strip, bounds.get_legend_handles_labels()[0], 2, 32.0)
    return ax


def bounded(result: Result, split: str | None = None) -> pd.DataFrame:
    """What the picture shows, in its order, one row per datapoint with finite AIS and log p(x).

    Returns:
        ``lower`` and ``upper``, in nats above the reported log p(x), with ``lower_se`` and ``upper_se``, in nats;
        ``acceptance`` of the chains; ``group``, why AIS was run, in words; ``index`` of the datapoint.

    Raises:
        InputError: the result has no such split.
    """
    rows = rows_of(result, split)
    log_px = column(rows, result.ladder.top.name)
    reasons = rows["ais_reason"].astype(str) if "ais_reason" in rows else pd.Series("", rows.index)
    found = pd.DataFrame(
        {
            "index": rows["index"],
            "lower": column(rows, "ais") - log_px,
            "upper": column(rows, "ais_upper") - log_px,
            "lower_se": column(rows, "ais_se"),
            "upper_se": column(rows, "ais_upper_se"),
            "acceptance": column(rows, "ais_acceptance"),
            "group": reasons.map(lambda reason: _REASONS.get(reason, _OTHERS)),
        }
    )
    found = found[np.isfinite(found["lower"])]
    order = found.assign(width=found["upper"] - found["lower"], last=found["group"] == _OTHERS)
    return order.sort_values(["last", "group", "width", "lower"], kind="stable").drop(columns=["last", "width"])


def _draw_bounds(ax: Axes, rows: pd.DataFrame, top: str) -> None:
    shift, ends = 0.12 if len(rows) < 100 else 0.0, [np.zeros(0)]
    for name, side, color, filled, text in (
        ("lower", -shift, COLORS["ais"], True, "AIS: lower bound"),
        ("upper", shift, COLORS["side" if len(rows) > MANY else "rung"], False, _UPPER),
    ):
        values, errors = rows[name].to_numpy(float), two_errors(rows[f"{name}_se"])
        here = np.isfinite(values)
        if here.any():
            marks(ax, values, color, errors, side, filled, label=text)
            ends += [(values - errors)[here], (values + errors)[here]]
    beyond = fit_axis(ax, "y", np.concatenate(ends))
    ax.axhline(0.0, color=COLORS["side"], linestyle="--", linewidth=1, zorder=1)
    name_nats(ax, f"nats above reported {top}", beyond)
    _frame(ax, rows)


def _draw_acceptance(ax: Axes, rows: pd.DataFrame, aim: float | None) -> None:
    draw_rates(ax, {"": (rows["acceptance"].to_numpy(float), COLORS["ais"], True)}, aim)
    _frame(ax, rows)
    counts = rows["group"].value_counts(sort=False)
    starts = np.concatenate([[0], counts.to_numpy().cumsum()[:-1]])
    middles = starts + (counts.to_numpy() - 1) / 2.0
    ax.set_xticks(middles, [f"{name} ({count:,})" for name, count in counts.items()])
    for tick, middle in zip(ax.get_xticklabels(), middles / len(rows), strict=True):
        tick.set_horizontalalignment("left" if middle < 0.15 else "right" if middle > 0.85 else "center")
    ax.tick_params(axis="x", length=0)


def _frame(ax: Axes, rows: pd.DataFrame) -> None:
    """The same horizontal axis for both panels: one place per datapoint, a line between the groups."""
    frame(ax, len(rows))
    changes = np.flatnonzero(rows["group"].to_numpy(str)[1:] != rows["group"].to_numpy(str)[:-1])
    for place in changes:
        ax.axvline(place + 0.5, color=COLORS["guide"], linewidth=0.8, linestyle=":", zorder=1)
