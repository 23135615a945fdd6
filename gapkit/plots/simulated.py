"""How far apart the bounds from both sides are on data simulated from the model: can AIS be trusted here?"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from gapkit.core.phrases import span_words
from gapkit.plots.ordered import draw_rates, frame, marks, two_errors, two_panels
from gapkit.plots.reading import setting
from gapkit.plots.scale import fit_axis, name_nats
from gapkit.plots.style import COLORS, draw_level, legend_below, picture, write_note
from gapkit.results import Result
from gapkit.results.records import known

__all__ = ["simulated", "simulated_rows"]

_COLUMNS = ("lower", "lower_se", "upper", "upper_se", "acceptance_forward", "acceptance_backward")


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
    title = "simulated data" if rows.empty else f"{len(rows):,} datapoints simulated from the model{_words(result)}"
    with picture(ax, 5.2, 3.9, title) as ax:
        if rows.empty:
            write_note(ax, "AIS was not certified on simulated data")
            return ax
        differences, strip = two_panels(ax)
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
    gaps, errors = rows["gap"].to_numpy(float), two_errors(rows["gap_se"])
    marks(ax, gaps, COLORS["ais"], errors)
    beyond = fit_axis(ax, "y", gaps, [float((gaps - errors).min()), float((gaps + errors).max())])
    ax.axhline(0.0, color=COLORS["guide"], linewidth=0.8, zorder=1)
    found = known(result.summary_values.certificate)
    if found and found.gap.median is not None:
        draw_level(ax, found.gap.median, f"median {found.gap.median:.3f}")
    name_nats(ax, "upper minus lower (nats)", beyond)
    frame(ax, len(rows))


def _draw_acceptance(ax: Axes, rows: pd.DataFrame, aim: float | None) -> None:
    forward, backward = (rows[f"acceptance_{way}"].to_numpy(float) for way in ("forward", "backward"))
    chains = {"chains of AIS": (forward, COLORS["ais"], True), "sent back": (backward, COLORS["rung"], False)}
    draw_rates(ax, chains, aim)
    frame(ax, len(rows))
    ax.set_xlabel("simulated datapoints, in the order of the difference", labelpad=3.0)
    legend_below(ax, None, 2, 22.0)
