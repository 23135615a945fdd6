"""How far apart the bounds from both sides are on data simulated from the model: can AIS be trusted here?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from gapkit.core.phrases import span_words
from gapkit.plots.reading import setting
from gapkit.plots.scale import fit_axis
from gapkit.plots.style import COLORS, draw_level, legend_below, new_axes, style, write_note
from gapkit.results import Result
from gapkit.results.records import known

__all__ = ["simulated", "simulated_rows"]

_COLUMNS = ("lower", "lower_se", "upper", "upper_se", "acceptance_forward", "acceptance_backward")
_MANY = 200  # datapoints; above, they become one image, else the drawing would weigh too much


def simulated(result: Result, ax: Axes | None = None) -> Axes:
    """Draw upper minus lower bound of bidirectional Monte Carlo for every datapoint simulated from the model.

    The lines are two standard errors, without the noise of the single posterior draw that all chains of an upper bound
    share; datapoints stand in the order of the difference. On simulated data the upper bound starts from the latents
    behind the data, exact posterior draws, so it is no approximation. The strip below has the acceptance rates of both
    runs' chains.

    Args:
        result: of an analysis with a certificate.
        ax: where to draw, divided into panels; None makes a figure of its own.

    Returns:
        The axes; differences and strip are their ``child_axes``.
    """
    rows = simulated_rows(result)
    with style():
        ax = ax if ax is not None else new_axes(5.2, 3.9)
        if rows.empty:
            ax.set_title("simulated data")
            write_note(ax, "AIS was not certified on simulated data")
            return ax
        ax.set_title(f"{len(rows):,} datapoints simulated from the model{_words(result)}")
        ax.set_axis_off()
        differences, strip = ax.inset_axes((0.0, 0.33, 1.0, 0.67)), ax.inset_axes((0.0, 0.0, 1.0, 0.24))
        _draw_differences(differences, rows, result)
        _draw_acceptance(strip, rows, setting(result, "evidence", "ais", "acceptance"))
    return ax


def simulated_rows(result: Result) -> pd.DataFrame:
    """What the picture shows, in its order, one row per simulated datapoint with finite bounds.

    Returns:
        ``gap``, upper minus lower bound, and ``gap_se``, in nats; ``acceptance_forward`` and ``acceptance_backward``;
        nothing where there is no certificate.
    """
    if not all(f"simulated_{name}" in result.details for name in _COLUMNS):
        return pd.DataFrame()
    found = pd.DataFrame({name: np.asarray(result.details[f"simulated_{name}"], float) for name in _COLUMNS})
    found["gap"] = found["upper"] - found["lower"]
    found["gap_se"] = np.hypot(found["lower_se"], found["upper_se"])
    return found[np.isfinite(found["gap"])].sort_values("gap", kind="stable")


def _words(result: Result) -> str:
    found = known(result.summary_values.certificate)
    if not found or found.gap.mean is None:
        return ""
    return f":\nupper minus lower: {found.gap.mean:.3f} nats on average ({span_words(found.gap, 3)})"


def _draw_differences(ax: Axes, rows: pd.DataFrame, result: Result) -> None:
    x, gaps, many = np.arange(len(rows), dtype=float), rows["gap"].to_numpy(float), len(rows) > _MANY
    errors = 2.0 * np.nan_to_num(rows["gap_se"].to_numpy(float), posinf=0.0)
    color = COLORS["ais"]
    ax.vlines(x, gaps - errors, gaps + errors, color=color, alpha=0.45, linewidth=1.2, zorder=2, rasterized=many)
    ax.scatter(x, gaps, s=5 if many else 16, color=color, linewidths=0, zorder=3, rasterized=many)
    beyond = fit_axis(ax, "y", gaps, [float((gaps - errors).min()), float((gaps + errors).max())])
    ax.axhline(0.0, color=COLORS["guide"], linewidth=0.8, zorder=1)
    found = known(result.summary_values.certificate)
    if found and found.gap.median is not None:
        draw_level(ax, found.gap.median, f"median {found.gap.median:.3f}")
    ax.set_ylabel(f"upper minus lower (nats)\n{beyond.removeprefix(', ')}".rstrip())
    _frame(ax, len(rows))


def _draw_acceptance(ax: Axes, rows: pd.DataFrame, aim: float | None) -> None:
    handles = []
    for way, color, text in (("forward", COLORS["ais"], "chains of AIS"), ("backward", COLORS["rung"], "sent back")):
        marks = ax.scatter(
            np.arange(len(rows)),
            rows[f"acceptance_{way}"].to_numpy(float),
            s=12,
            facecolors=color if way == "forward" else "none",
            edgecolors=color,
            linewidths=0.0 if way == "forward" else 0.8,
            zorder=2,
            rasterized=len(rows) > _MANY,
            label=text,
        )
        handles.append(marks)
    if aim is not None:
        ax.axhline(aim, color=COLORS["side"], linestyle="--", linewidth=1, zorder=1)
    ax.set_ylim(-0.05, 1.05)
    ax.set_yticks([0.0, 0.5, 1.0])
    ax.set_ylabel("acceptance")
    ax.set_xlabel("simulated datapoints, in the order of the difference", labelpad=3.0)
    _frame(ax, len(rows))
    legend_below(ax, handles, 2, 22.0)


def _frame(ax: Axes, count: int) -> None:
    ax.set_xticks([])
    ax.set_xlim(-0.5 - 0.02 * count, count - 0.5 + 0.02 * count)
