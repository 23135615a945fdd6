"""The gaps of every class: for which of them does the encoder, or the family, lose most?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gapkit.phrases import any_range
from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name
from gapkit.plots.style import COLORS, legend_below, new_axes, style, write_note
from gapkit.results import Result

__all__ = ["class_gaps"]

_MOST = 25  # classes; more are too many lines to read
_APART = 0.16  # of the two marks of a class, in lines
_WIDE = 16  # letters of a name, from which on the legend has one column
_KINDS = {
    "approximation_gap": ("s", "approximation gap (family)"),
    "amortization_gap": ("o", "amortization gap (encoder)"),
}


def class_gaps(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the mean of both gaps for every class, with 95% intervals, the class with the largest total gap on top.

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
    values = result.summary_values["splits"][name]
    classes = [part for part in values.get("classes", ()) if part["quantities"]["total_gap"]["mean"] is not None]
    shown = classes[:_MOST]
    with style():
        ax = ax if ax is not None else new_axes(5.2, 1.3 + 0.24 * max(len(shown), 4))
        some = "" if len(shown) == len(classes) else f", the {len(shown)} with the largest gaps"
        ax.set_title(
            f"{shortened(name)}: {len(classes)} class{'' if len(classes) == 1 else 'es'}{some}, means", parse_math=False
        )
        if not shown:
            write_note(ax, "no finite values" if values.get("classes") else "no labels that make classes")
            return ax
        _draw(ax, shown, values["quantities"])
    return ax


def _draw(ax: Axes, classes: list[Mapping[str, Any]], whole: Mapping[str, Any]) -> None:
    places = np.arange(len(classes), dtype=float)
    ends = [0.0]
    handles = []
    for (kind, (marker, text)), side in zip(_KINDS.items(), (-_APART, _APART), strict=True):
        gaps = [part["quantities"][kind] for part in classes]
        means = [gap["mean"] for gap in gaps]
        spans = {place: gap["ci95"] for place, gap in zip(places + side, gaps, strict=True) if gap["ci95"]}
        low, high = zip(*spans.values(), strict=True) if spans else ((), ())
        ax.hlines(list(spans), low, high, color=COLORS[kind], linewidth=1.4, zorder=2)
        marks = ax.scatter(means, places + side, s=22, marker=marker, color=COLORS[kind], linewidths=0, zorder=3)
        marks.set_label(text)
        handles.append(marks)
        ends += [*means, *low, *high]
        if whole[kind]["mean"] is not None:
            ax.axvline(whole[kind]["mean"], color=COLORS[kind], linestyle="--", linewidth=1, alpha=0.6, zorder=1)
            ends.append(whole[kind]["mean"])
    pad = max(0.05 * (max(ends) - min(ends)), 0.01)
    ax.set_xlim(min(ends) - (pad if min(ends) < 0 else 0.0), max(ends) + pad)
    ax.set_ylim(len(classes) - 0.4, -0.6)
    names = [_named(part) for part in classes]
    ax.set_yticks(places, names)
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    few = any_range(part["quantities"][kind] for part in classes for kind in _KINDS)
    note = "\nno line: too few datapoints for an interval" if few else ""
    ax.set_xlabel(f"mean gap (nats); dashed: over all datapoints{note}")
    legend_below(ax, handles, 1 if max(map(len, names)) > _WIDE else 2, 50.0 if few else 38.0)


def _named(part: Mapping[str, Any]) -> str:
    return f"{shortened(part['label'])} ({part['datapoints']:,})"
