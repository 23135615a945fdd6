"""Do the numbers still move with more work? AIS against its temperatures, and fits of q* against their steps."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gapkit.plots.given import draw_means, ends_of
from gapkit.plots.names import shortened
from gapkit.plots.reading import rows_of, setting
from gapkit.plots.scale import fit_axis, name_nats
from gapkit.plots.selection import split_name
from gapkit.plots.style import COLORS, draw_level, legend_below, picture, write_note
from gapkit.results import Result
from gapkit.results.records import AisConvergence, FitConvergence

__all__ = ["ais_convergence", "fit_convergence", "watched_ais", "watched_fits"]

_THIN: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.35, "zorder": 2}
_TOLERANCE = 0.02  # nats, where the run does not say


def ais_convergence(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw AIS and the chains sent back against the number of temperatures, for the datapoints that were watched.

    Thin lines are datapoints, in nats above the reported log p(x); thick ones their means, with 95% intervals of the
    Monte Carlo error. The band is that of the mean of the reported values themselves, which moves all points alike. A
    dotted line marks the number of temperatures of the analysis' first round of AIS.

    Args:
        result: of an analysis with ``convergence`` datapoints.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    return _picture(result, ax, split, watched_ais, "AIS was run with one number of temperatures", _draw_ais)


def fit_convergence(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw what fits with fewer steps leave to L[q*], for the datapoints that were watched.

    From the left: the encoder's q, the place where the steps begin (the best of the modes found, or the best Gaussian
    for a larger family), and fits with more and more steps. Thin lines are datapoints, the thick one is their mean,
    with 95% intervals of the Monte Carlo error. The dashed line is the tolerance of convergence; the axis is linear up
    to it and logarithmic beyond.

    Args:
        result: of an analysis with ``convergence`` datapoints.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    return _picture(result, ax, split, watched_fits, "q* was fitted with one number of steps", _draw_fits)


def watched_ais(result: Result, split: str) -> AisConvergence | None:
    """AIS against its temperatures; None where there is no finite mean of it."""
    watched = result.summary_values.splits[split].convergence
    found = watched.ais if watched else None
    return found if found and all(point.lower.mean is not None for point in found.curve) else None


def watched_fits(result: Result, split: str) -> FitConvergence | None:
    """Fits against their steps; None where there is no finite mean of what they leave."""
    watched = result.summary_values.splits[split].convergence
    found = watched.fit if watched else None
    return found if found and all(point.left.mean is not None for point in found.curve) else None


def _picture(
    result: Result,
    ax: Axes | None,
    split: str | None,
    look: Callable[[Result, str], Any],
    without: str,
    draw: Callable[..., None],
) -> Axes:
    name = split_name(result, split)
    found = look(result, name)
    with picture(ax, 5.2, 3.4, _title(name, result) if found else shortened(name)) as ax:
        if found:
            draw(ax, result, name, found)
        else:
            write_note(ax, without)
    return ax


def _title(split: str, result: Result) -> str:
    watched = result.summary_values.splits[split].convergence
    count = watched.datapoints if watched else None
    return f"{shortened(split)}: {count} datapoint{'' if count == 1 else 's'}, one by one and on average"


def _draw_ais(ax: Axes, result: Result, split: str, found: AisConvergence) -> None:
    counts = [point.temperatures for point in found.curve]
    ends: list[float] = []
    lower, upper = [point.lower for point in found.curve], [point.upper for point in found.curve]
    for side, means, thin, color, filled, text in (
        ("lower", lower, COLORS["ais"], COLORS["ais"], True, "AIS: lower bound"),
        ("upper", upper, COLORS["side"], COLORS["rung"], False, "chains sent back: approximate upper bound"),
    ):
        lines = _lines(result, f"ais_{side}", len(counts))
        ax.plot(counts, lines.T, color=thin, **_THIN)
        if all(mean.mean is not None for mean in means):
            face = color if filled else "none"
            draw_means(ax, counts, means, color=color, markerfacecolor=face, linewidth=1.6, zorder=4, label=text)
            ends += ends_of(means)
        ends += lines[np.isfinite(lines)].tolist()
    beyond = fit_axis(ax, "y", np.array(ends))
    ax.axhline(0.0, color=COLORS["side"], linestyle="--", linewidth=1, zorder=1)
    noise = 1.96 * (found.log_px_se or 0.0)
    ax.axhspan(-noise, noise, color=COLORS["guide"], alpha=0.25, linewidth=0, zorder=0)
    first = found.temperatures
    if counts[0] <= first <= counts[-1]:
        ax.axvline(first, color=COLORS["guide"], linestyle=":", linewidth=1, zorder=1)
        ax.annotate(
            "first round",
            (first, 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(3, -2),
            textcoords="offset points",
            va="top",
            fontsize=8.5,
            color=COLORS["side"],
        )
    ax.set_xscale("log")
    ax.set_xlim(counts[0] / 1.2, counts[-1] * 1.2)
    ax.set_xticks(counts, [str(count) for count in counts])
    ax.minorticks_off()
    ax.set_xlabel("temperatures")
    name_nats(ax, f"nats above reported {result.ladder.top.label}", beyond)
    legend_below(ax, None, 2, 32.0)


def _draw_fits(ax: Axes, result: Result, split: str, found: FitConvergence) -> None:
    curve, color = found.curve, COLORS["encoder"]
    places = np.arange(len(curve) + 1, dtype=float)
    tolerance = setting(result, "fit", "tolerance") or _TOLERANCE
    gaps = _encoder_gaps(result, split)
    lines = _lines(result, "fit_left", len(curve))
    if len(lines) == len(gaps):
        lines = np.column_stack([gaps, lines])
        ax.plot(places, lines.T, color=color, **_THIN)
    else:
        lines = np.zeros((0, len(places)))
    draw_means(ax, places[1:], [point.left for point in curve], color=color, linewidth=1.6, zorder=4, label="mean")
    known = lines[np.isfinite(lines).all(1)]  # those that the other means are of
    if len(known):
        ax.plot(places[:2], [known[:, 0].mean(), curve[0].left.value], color=color, linewidth=1.6, zorder=3)
        ax.plot(places[:1], [known[:, 0].mean()], color=color, marker="o", markersize=4.5, zorder=3)
    ends = np.array([*(point.left.value for point in curve), *lines[np.isfinite(lines)], tolerance])
    beyond = f"logarithmic beyond {tolerance:g}"
    ax.set_yscale("symlog", linthresh=tolerance, linscale=0.6)
    high, low = float(ends.max()), float(ends.min())
    ax.set_ylim(-tolerance if low > -0.8 * tolerance else 1.6 * low, 1.6 * high)
    ticks = [0.0, tolerance, *(step for step in (0.1, 1.0, 10.0, 100.0, 1000.0) if 1.5 * tolerance < step < 1.6 * high)]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.axhline(0.0, color=COLORS["guide"], linewidth=0.8, zorder=1)
    draw_level(ax, tolerance, f"tolerance {tolerance:g}", "right")
    ax.set_xlim(-0.3, places[-1] + 0.3)
    ax.set_xticks(places, ["encoder's\nq", "start of\nthe fit", *(str(point.steps) for point in curve[1:])])
    ax.set_xlabel("steps of the fit of q*")
    name_nats(ax, f"left to {(result.ladder.fitted or result.ladder.top).label} (nats)", beyond)
    legend_below(ax, None, 1, 42.0)


def _lines(result: Result, name: str, length: int) -> np.ndarray:
    """One row per datapoint; none where a result was saved without its details."""
    lines = np.asarray(result.details.get(f"convergence_{name}", np.zeros((0, length))), float)
    return lines if lines.ndim == 2 and lines.shape[1] == length else np.zeros((0, length))


def _encoder_gaps(result: Result, split: str) -> np.ndarray:
    """What the encoder's q lacks to the fitted rung, of the datapoints that were watched: the gaps below it, summed."""
    ladder = result.ladder
    place = ladder.rungs.index(ladder.fitted) if ladder.fitted else 0
    index = result.details.get("convergence_index", np.zeros(0, int)).tolist()
    gaps = rows_of(result, split).set_index("index")[[gap.name for gap in ladder.gaps[place:]]]
    return gaps.sum(axis=1, skipna=False).reindex(index).to_numpy(float)
