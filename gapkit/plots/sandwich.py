"""AIS from below and, by chains sent back, from above: how narrow is the sandwich around log p(x)?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from gapkit.plots.bounds import draw_sandwich
from gapkit.plots.reading import column, rows_of, setting
from gapkit.plots.selection import split_name, title_of
from gapkit.plots.style import new_axes, style, write_note
from gapkit.results import Result

__all__ = ["bounded", "sandwich"]

_REASONS = {"control": "control subset,\nat random", "forced": "AIS asked for\neverywhere"}
_OTHERS = "importance sampling\nfell short"
_LABELS = {"lower": "AIS: lower bound", "upper": "chains sent back: approximate upper bound"}


def sandwich(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw, for the datapoints that AIS was run for, its estimate and the approximate upper bound.

    Both are drawn relative to the reported log p(x), the line at zero, with two standard errors. Datapoints stand in
    groups by why AIS was run, and in each by the distance between their two bounds; those without an upper bound (AIS
    needed more than its first round) come last. The strip below has the acceptance rate of each datapoint's chains,
    with a dashed line at the rate aimed for. The title has the sandwich on data simulated from the model, where there
    is one: that upper bound starts from exact posterior draws and is no approximation.

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
    with style():
        ax = ax if ax is not None else new_axes(5.2, 4.3)
        ax.set_title(f"{title}, AIS on {len(rows):,} of them\n{_simulated(result)}".rstrip(), parse_math=False)
        if rows.empty:
            write_note(ax, "no finite values of AIS")
            return ax
        draw_sandwich(ax, rows, _LABELS, "reported log p(x)", setting(result, "evidence", "ais", "acceptance"))
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
    log_px = column(rows, "log_px")
    reasons = rows["ais_reason"].astype(str) if "ais_reason" in rows else pd.Series("", rows.index)
    frame = pd.DataFrame(
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
    frame = frame[np.isfinite(frame["lower"])]
    order = frame.assign(width=frame["upper"] - frame["lower"], last=frame["group"] == _OTHERS)
    return order.sort_values(["last", "group", "width", "lower"], kind="stable").drop(columns=["last", "width"])


def _simulated(result: Result) -> str:
    """The certificate on simulated data in a few words; empty where there is none."""
    gap = (result.summary_values.get("certificate") or {}).get("gap", {"mean": None})
    if gap["mean"] is None or gap["ci95"] is None:
        return ""
    low, high = gap["ci95"]
    return f"simulated data: bounds {gap['mean']:.3f} nats apart (95%: {low:.3f} to {high:.3f})"
