"""The gaps of every class: for which of them does the encoder, or the family, lose most?"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from gapkit.core.means import Mean
from gapkit.core.phrases import any_range
from gapkit.ladder import Ladder
from gapkit.plots.gaps import marks, with_part
from gapkit.plots.given import draw_means, ends_of
from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name
from gapkit.plots.style import colors_of, legend_below, nats_axis, picture, write_note
from gapkit.results import Result
from gapkit.results.records import ClassGaps

__all__ = ["class_gaps"]

_MOST = 25  # classes; more are too many lines to read
_APART, _FARTHEST = 0.16, 0.24  # of the marks of a class from its middle, in lines
_WIDE = 16  # letters of a name, from which on the legend has one column
_MARKS = ("o", "s", "D", "^", "v", "P")


def class_gaps(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the mean of every gap for every class, with 95% intervals, the class with the largest total gap on top.

    Dashed lines are the means over all datapoints. Of more than 25 classes, those with the largest total gaps are
    drawn.

    Args:
        result: of an analysis with labels that make classes.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the result has no such split.
    """
    name = split_name(result, split)
    values, ladder = result.summary_values.splits[name], result.ladder
    classes = [part for part in values.classes if part.quantities[ladder.total.name].mean is not None]
    shown = classes[:_MOST]
    some = "" if len(shown) == len(classes) else f", the {len(shown)} with the largest gaps"
    title = f"{shortened(name)}: {len(classes)} class{'' if len(classes) == 1 else 'es'}{some}, means"
    with picture(ax, 5.2, 1.3 + 0.12 * max(len(ladder.gaps), 2) * max(len(shown), 4), title) as ax:
        if shown:
            _draw(ax, shown, values.quantities, ladder)
        else:
            write_note(ax, "no finite values" if values.classes else "no labels that make classes")
    return ax


def _draw(ax: Axes, classes: Sequence[ClassGaps], whole: Mapping[str, Mean], ladder: Ladder) -> None:
    colors, markers = colors_of(ladder.gaps), marks(reversed(ladder.gaps), _MARKS)
    far = min(_APART * (len(ladder.gaps) - 1), _FARTHEST)
    places = np.arange(len(classes), dtype=float)
    ends = [0.0]
    for found, side in zip(ladder.gaps, np.linspace(-far, far, len(ladder.gaps)), strict=True):
        color, gaps = colors[found.name], [part.quantities[found.name] for part in classes]
        look = {"color": color, "markers": markers[found.name], "markersize": 4.5, "label": with_part(found)}
        draw_means(ax, places + side, gaps, across=True, cap="", linestyles="none", **look)
        ends += ends_of(gaps)
        level = whole[found.name].mean
        if level is not None:
            ax.axvline(level, color=color, linestyle="--", linewidth=1, alpha=0.6, zorder=1)
            ends.append(level)
    pad = max(0.05 * (max(ends) - min(ends)), 0.01)
    ax.set_xlim(min(ends) - (pad if min(ends) < 0 else 0.0), max(ends) + pad)
    ax.set_ylim(len(classes) - 0.4, -0.6)
    names = [_named(part) for part in classes]
    ax.set_yticks(places, names, parse_math=False)
    ax.tick_params(axis="y", length=0)
    few = any_range(part.quantities[gap.name] for part in classes for gap in ladder.gaps)
    note = "\nno line: too few datapoints for an interval" if few else ""
    nats_axis(ax, "x", f"mean gap (nats); dashed: over all datapoints{note}")
    ax.set_ylabel("")
    legend_below(ax, None, 1 if max(map(len, names)) > _WIDE else 2, 50.0 if few else 38.0)


def _named(part: ClassGaps) -> str:
    return f"{shortened(part.label)} ({part.datapoints:,})"
