"""How the scores of one or two data sets are spread."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gapkit.core.errors import InputError
from gapkit.ood import SCORES, Scored
from gapkit.ood.words import LABELS
from gapkit.plots.names import shortened
from gapkit.plots.style import COLORS, new_axes, style, write_note

__all__ = ["score_histogram", "score_histograms"]

_BINS = 30
_FENCE = 3.0  # interquartile ranges outside the middle half; few values lie farther out
_LONGEST = 40
_ROLES = {"reference": ("#767676", "#D0D0D0"), "other": (COLORS["encoder"], "none")}


def score_histogram(scored: Scored, score: str = "regret", ax: Axes | None = None) -> Axes:
    """Draw the share of datapoints in equal ranges of a score: the reference filled, the other set as an outline.

    The few values far out, infinite ones too, would press all others into a corner: the axis ends three interquartile
    ranges outside the middle half of each set, and what lies beyond is in the first and the last bar.

    Args:
        scored: of one or two data sets.
        score: which score.
        ax: where to draw; None makes a figure of its own.

    Raises:
        InputError: there is no such score.
    """
    if score not in scored.datapoints:
        known = ", ".join(name for name in SCORES if name in scored.datapoints)
        raise InputError(f"the score {score!r}", f"the scores {known}", "use one of these")
    with style():
        ax = ax if ax is not None else new_axes(4.6, 2.5)
        ax.set_title(LABELS[score])
        values = {role: scored.known(score, role) for role in scored.summary_values.sets}
        finite = [numbers[np.isfinite(numbers)] for numbers in values.values()]
        if not any(len(numbers) for numbers in finite):
            write_note(ax, "no finite values")
            return ax
        low, high = _limits(finite)
        edges = np.linspace(low, high, _BINS + 1)
        for role, numbers in values.items():
            if len(numbers) == 0:
                continue
            counts, _ = np.histogram(np.clip(numbers, low, high), edges)
            line, face = _ROLES[role]
            name = scored.summary_values.sets[role].name
            ax.stairs(
                counts / len(numbers),
                edges,
                fill=face != "none",
                facecolor=face,
                edgecolor=line,
                linewidth=1.3 if face == "none" else 0.6,
                zorder=3 if face == "none" else 2,
                label=shortened(name, _LONGEST),
            )
        ax.set_xlim(low, high)
        ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.ticklabel_format(axis="x", style="plain", useOffset=False)
        ax.yaxis.set_major_locator(MaxNLocator(3))
        ax.yaxis.set_major_formatter(lambda value, place: f"{value:.0%}")
        ax.set_xlabel("nats (more unusual to the right)")
        ax.set_ylabel("share of the datapoints")
    return ax


def score_histograms(scored: Scored) -> Axes:
    """Draw the histograms of all scores on one figure, likelihood regret first; return the first Axes."""
    names = [name for name in SCORES if name in scored.datapoints]
    rows = (len(names) + 1) // 2
    with style():
        figure = Figure(figsize=(5.3, 1.55 * rows + 0.5), layout="constrained")
        places = figure.subplots(rows, 2, squeeze=False)
        for number, (place, name) in enumerate(zip(places.flat, names, strict=False)):
            ax = score_histogram(scored, name, place)
            ax.set_ylabel("")
            if number + 2 < len(names):
                ax.set_xlabel("")
        for place in places.flat[len(names) :]:
            place.set_axis_off()
        figure.supylabel("share of the datapoints", fontsize=9)
        handles, labels = next(
            (found for place in places.flat if (found := place.get_legend_handles_labels())[0]), ([], [])
        )
        if handles:
            legend = figure.legend(handles, labels, loc="outside upper left", ncols=2)
            for text in legend.get_texts():
                text.set_parse_math(False)
    first: Axes = places[0, 0]
    return first


def _limits(finite: list[np.ndarray]) -> tuple[float, float]:
    ends = []
    for known in finite:
        if len(known):
            first, third = np.quantile(known, [0.25, 0.75])
            far = _FENCE * (third - first)
            ends.append((max(known.min(), first - far), min(known.max(), third + far)))
    low, high = float(min(end[0] for end in ends)), float(max(end[1] for end in ends))
    pad = max(0.02 * (high - low), 1e-9 * max(abs(low), abs(high)), 0.01)
    return low - pad, high + pad
