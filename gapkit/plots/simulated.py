"""Bounds from both sides on data simulated from the model: the proof that AIS with these settings can be trusted."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from gapkit.plots.bounds import draw_sandwich
from gapkit.plots.reading import setting
from gapkit.plots.style import new_axes, style, write_note
from gapkit.results import Result

__all__ = ["simulated", "simulated_rows"]

_LABELS = {"lower": "AIS: lower bound", "upper": "chains from exact draws: upper bound"}
_COLUMNS = ("lower", "lower_se", "upper", "upper_se", "acceptance_forward", "acceptance_backward")


def simulated(result: Result, ax: Axes | None = None) -> Axes:
    """Draw both bounds of bidirectional Monte Carlo for every datapoint that was simulated from the model.

    Bounds are drawn relative to the middle between the two, with two standard errors; datapoints stand in the order of
    the distance between their bounds. On simulated data the upper bound starts from the latents behind the data, exact
    posterior draws, so it is no approximation. The strip below has the acceptance rates of both runs' chains.

    Args:
        result: of an analysis with a certificate.
        ax: where to draw, divided into panels; None makes a figure of its own.

    Returns:
        The axes; bounds and strip are their ``child_axes``.
    """
    rows = simulated_rows(result)
    with style():
        ax = ax if ax is not None else new_axes(5.2, 4.1)
        if rows.empty:
            ax.set_title("simulated data")
            write_note(ax, "AIS was not certified on simulated data")
            return ax
        ax.set_title(f"{len(rows):,} datapoints simulated from the model{_words(result)}")
        draw_sandwich(ax, rows, _LABELS, "the middle of both", setting(result, "evidence", "ais", "acceptance"))
    return ax


def simulated_rows(result: Result) -> pd.DataFrame:
    """What the picture shows, in its order, one row per simulated datapoint with finite bounds.

    Returns:
        ``lower`` and ``upper`` in nats above the middle of both, with ``lower_se`` and ``upper_se``; ``acceptance`` and
        ``acceptance_upper``; ``group``, the same for all; none of them where there is no certificate.
    """
    if not all(f"simulated_{name}" in result.details for name in _COLUMNS):
        return pd.DataFrame()
    found = pd.DataFrame({name: np.asarray(result.details[f"simulated_{name}"], float) for name in _COLUMNS})
    found = found[np.isfinite(found["lower"]) & np.isfinite(found["upper"])]
    middle = (found["lower"] + found["upper"]) / 2.0
    frame = found.assign(lower=found["lower"] - middle, upper=found["upper"] - middle, group="simulated from the model")
    frame = frame.rename(columns={"acceptance_forward": "acceptance", "acceptance_backward": "acceptance_upper"})
    return frame.sort_values("upper", kind="stable")


def _words(result: Result) -> str:
    gap = (result.summary_values.get("certificate") or {}).get("gap", {"mean": None})
    if gap["mean"] is None or gap["ci95"] is None:
        return ""
    low, high = gap["ci95"]
    return f":\nbounds {gap['mean']:.3f} nats apart on average (95%: {low:.3f} to {high:.3f})"
