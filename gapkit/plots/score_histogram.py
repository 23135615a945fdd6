"""How the scores of one or two data sets are spread."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from gapkit.core.errors import InputError
from gapkit.ood import SCORES, Scored
from gapkit.ood.words import LABELS
from gapkit.plots.names import shortened
from gapkit.plots.style import COLORS, nats_axis, picture, style, write_note

__all__ = ["score_histogram", "score_histograms"]

_BINS = 30
_RUG = 200  # ticks; more become an image
_FENCE = 3.0  # interquartile ranges outside the middle half; few values lie farther out
_LONGEST = 40
_COLORS = {"reference": COLORS["side"], "other": COLORS["encoder"]}


def score_histogram(scored: Scored, score: str = "regret", ax: Axes | None = None) -> Axes:
    """Draw the share of datapoints in equal ranges of a score: filled steps, with a mark under each value.

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
    import seaborn as sns

    with picture(ax, 4.6, 2.5, LABELS[score]) as ax:
        values = {role: scored.known(score, role) for role in scored.summary_values.sets}
        finite = [numbers[np.isfinite(numbers)] for numbers in values.values()]
        if not any(len(numbers) for numbers in finite):
            write_note(ax, "no finite values")
            return ax
        low, high = _limits(finite)
        scores = np.clip(np.concatenate(list(values.values())), low, high)
        look = {"x": scores, "hue": np.repeat(list(values), list(map(len, values.values()))), "palette": _COLORS}
        bins = {"bins": _BINS, "binrange": (low, high), "stat": "proportion", "common_norm": False}
        sns.histplot(**look, **bins, element="step", alpha=0.3, linewidth=1.3, legend=False, ax=ax)
        many = len(scores) > _RUG
        sns.rugplot(**look, height=0.04, linewidth=0.5, expand_margins=False, rasterized=many, legend=False, ax=ax)
        ax.set_xlim(low, high)
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(MaxNLocator(3))
        ax.yaxis.set_major_formatter(lambda value, place: f"{value:.0%}")
        nats_axis(ax, "x", "nats (more unusual to the right)", 4)
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
        sets = scored.summary_values.sets if any(place.collections for place in places.flat) else {}
        handles = [
            Patch(facecolor=(_COLORS[role], 0.3), edgecolor=_COLORS[role], label=shortened(one.name, _LONGEST))
            for role, one in sets.items()
        ]
        for text in figure.legend(handles=handles, loc="outside upper left", ncols=2).get_texts() if handles else ():
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
