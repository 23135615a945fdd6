"""The gaps as stacked bars: splits of one result, or several results, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from gapkit.core.phrases import any_range
from gapkit.ladder import Gap
from gapkit.plots.names import shortened
from gapkit.plots.selection import Selection, select
from gapkit.plots.style import COLORS, colors_of, dot, legend_below, nats_axis, picture, write_note
from gapkit.results import Result
from gapkit.results.verdict import plus_minus

__all__ = ["gap_bars"]

_HEIGHT, _LONGEST = 0.34, 22
_NARROWEST = 0.1  # nats, for gaps of zero
_WIDE = 2  # gaps whose numbers fit above a bar in the usual size
_LANE, _FARTHEST = 0.07, 0.1  # of the whiskers from the middle of a bar, in its rows


def gap_bars(results: Result | Mapping[str, Result], ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the mean gaps of every split, or of every result, as one stacked bar.

    A whisker is the 95% interval of the gap at whose end it stands: of the mean of differences within each datapoint.
    Negative gaps go to the left of zero; a diamond then marks their sum, the total gap. The means are over the
    datapoints whose gaps are all finite.

    Args:
        results: of an analysis; or several, by the names that they are to have in the picture.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes all splits of a single result, and the first one of each of several.

    Raises:
        InputError: a result has no such split.
    """
    bars = _bars(results, split)
    with picture(ax, 5.2, 1.1 + 0.62 * len(bars), "Mean gaps with their 95% intervals") as ax:
        if any(bar.quantities for bar in bars.values()):
            _draw(ax, bars)
        else:
            write_note(ax, "no finite values")
    return ax


def _bars(results: Result | Mapping[str, Result], split: str | None) -> dict[str, Selection]:
    if isinstance(results, Result):
        names = list(results.summary_values.splits) if split is None else [split]
        return {name: select(results, name) for name in names}
    return {name: select(result, split) for name, result in results.items()}


def _draw(ax: Axes, bars: Mapping[str, Selection]) -> None:
    gaps = {gap.name: gap for bar in bars.values() for gap in bar.ladder.gaps}
    colors, top = colors_of(gaps.values()), next(iter(bars.values())).ladder.top.label
    ends, signed = [0.0], False
    for row, bar in enumerate(bars.values()):
        if bar.quantities:
            ends += _draw_bar(ax, row, bar, colors)
            signed |= any(bar.quantities[gap.name].value < 0 for gap in bar.ladder.gaps)
        _write_numbers(ax, row, bar, colors)
    pad = max(0.04 * (max(ends) - min(ends)), _NARROWEST / 4)
    ax.set_xlim(min(ends) - (pad if min(ends) < 0 else 0.0), max(max(ends) + pad, _NARROWEST))
    ax.set_ylim(len(bars) - 0.65, -0.72)
    ax.set_yticks(range(len(bars)), [_label(name, bar) for name, bar in bars.items()], parse_math=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    nats_axis(ax, "x", f"nats lost against {top} (less is better)")
    handles: list[Any] = [
        Patch(color=colors[name], alpha=0.55, linewidth=0, label=gap.label) for name, gap in gaps.items()
    ]
    if signed:
        handles.append(dot(COLORS["rung"], "total", "D"))
    legend_below(ax, handles, 3, 38.0)


def _draw_bar(ax: Axes, row: int, bar: Selection, colors: Mapping[str, str]) -> list[float]:
    """Draw the gaps of a row from zero, positive ones to the right; return every position that was used."""
    ends = {True: 0.0, False: 0.0}
    used, quantities = [], bar.quantities
    ax.plot([0.0, 0.0], [row - _HEIGHT * 0.6, row + _HEIGHT * 0.6], color=COLORS["side"], linewidth=0.8, zorder=1)
    for lane, gap in zip(_lanes(bar.ladder.gaps), bar.ladder.gaps, strict=True):
        mean, color = quantities[gap.name].value, colors[gap.name]
        start = ends[mean >= 0]
        ends[mean >= 0] = start + mean
        ax.barh(row, mean, left=start, height=_HEIGHT, color=color, alpha=0.55, linewidth=0, zorder=2)
        interval = quantities[gap.name].interval_with_fits
        if interval is not None:
            whisker = [start + end for end in interval]
            ax.plot(whisker, [row + lane] * 2, color=color, linewidth=1.4, marker="|", markersize=8, zorder=3)
            used += whisker
    if min(quantities[gap.name].value for gap in bar.ladder.gaps) < 0:
        total = quantities[bar.ladder.total.name].value
        ax.plot(total, row, color=COLORS["rung"], marker="D", markersize=4.5, linestyle="none", zorder=4)
    return [*used, *ends.values()]


def _lanes(gaps: Sequence[Gap]) -> list[float]:
    """Where the whiskers of a bar stand, so that none covers another."""
    far = min(_LANE * (len(gaps) - 1), _FARTHEST)
    return [float(lane) for lane in np.linspace(far, -far, len(gaps))]


def _write_numbers(ax: Axes, row: int, bar: Selection, colors: Mapping[str, str]) -> None:
    """Write the numbers above a bar as the sum that they are, each gap in its colour."""
    size = 8.5 if len(bar.ladder.gaps) <= _WIDE else 7.5
    above: dict[str, Any] = {"va": "bottom", "ha": "left", "fontsize": size, "zorder": 5}
    place: dict[str, Any] = {"xy": (0.0, row - _HEIGHT / 2 - 0.03), "xycoords": ax.get_yaxis_transform()}
    if not bar.quantities:
        ax.annotate("no finite values", color=COLORS["side"], **place, **above)
        return
    gaps = bar.ladder.gaps
    pieces: list[tuple[str, str]] = []
    for left, gap in zip(range(len(gaps), 0, -1), gaps, strict=True):
        pieces.append((plus_minus(bar.quantities[gap.name]), colors[gap.name]))
        pieces += [(" and " if left == 2 else ", ", COLORS["side"])] if left > 1 else []
    pieces.append((f", in all {plus_minus(bar.quantities[bar.ladder.total.name])} nats", COLORS["rung"]))
    for text, color in pieces:
        written = ax.annotate(text, color=color, **place, **above)
        place = {"xy": (1.0, 0.0), "xycoords": written}


def _label(name: str, bar: Selection) -> str:
    short = shortened(name, _LONGEST)
    count = f"{len(bar.rows):,} datapoint{'' if len(bar.rows) == 1 else 's'}"
    notes = [f"({bar.left_out:,} left out)"] if bar.left_out else []
    if bar.quantities and any_range(bar.quantities[gap.name] for gap in bar.ladder.gaps):
        notes.append("(too few for an interval)")
    return "\n".join([short, count, *notes])
