"""The two gaps as stacked bars: splits of one result, or several results, side by side."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from gapkit.phrases import any_range
from gapkit.plots.names import shortened
from gapkit.plots.selection import Selection, select
from gapkit.plots.style import COLORS, legend_below, new_axes, style, write_note
from gapkit.results import Result
from gapkit.verdict import plus_minus

__all__ = ["gap_bars"]

_GAPS = {"approximation_gap": "approximation gap", "amortization_gap": "amortization gap"}
_HEIGHT, _LONGEST = 0.34, 22
_NARROWEST = 0.1  # nats, for gaps of zero


def gap_bars(results: Result | Mapping[str, Result], ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the mean approximation and amortization gap as one stacked bar for every split, or for every result.

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
    with style():
        ax = ax if ax is not None else new_axes(5.2, 1.1 + 0.62 * len(bars))
        ax.set_title("Mean gaps with their 95% intervals")
        if not any(bar.quantities for bar in bars.values()):
            write_note(ax, "no finite values")
            return ax
        _draw(ax, bars)
    return ax


def _bars(results: Result | Mapping[str, Result], split: str | None) -> dict[str, Selection]:
    if isinstance(results, Result):
        names = list(results.summary_values["splits"]) if split is None else [split]
        return {name: select(results, name) for name in names}
    return {name: select(result, split) for name, result in results.items()}


def _draw(ax: Axes, bars: Mapping[str, Selection]) -> None:
    ends, signed = [0.0], False
    for row, bar in enumerate(bars.values()):
        if bar.quantities:
            ends += _draw_bar(ax, row, bar.quantities)
            signed |= any(bar.quantities[name]["mean"] < 0 for name in _GAPS)
        _write_numbers(ax, row, bar.quantities)
    pad = max(0.04 * (max(ends) - min(ends)), _NARROWEST / 4)
    ax.set_xlim(min(ends) - (pad if min(ends) < 0 else 0.0), max(max(ends) + pad, _NARROWEST))
    ax.set_ylim(len(bars) - 0.65, -0.72)
    ax.set_yticks(range(len(bars)), [_label(name, bar) for name, bar in bars.items()])
    for tick in ax.get_yticklabels():
        tick.set_parse_math(False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.ticklabel_format(axis="x", style="plain", useOffset=False)
    ax.set_xlabel("nats lost against log p(x) (less is better)")
    handles: list[Any] = [
        Patch(color=COLORS[name], alpha=0.55, linewidth=0, label=text) for name, text in _GAPS.items()
    ]
    if signed:
        handles.append(
            Line2D([], [], color=COLORS["rung"], marker="D", markersize=4.5, linestyle="none", label="total")
        )
    legend_below(ax, handles, 3, 38.0)


def _draw_bar(ax: Axes, row: int, quantities: Mapping[str, Any]) -> list[float]:
    """Draw both gaps of a row from zero, positive ones to the right; return every position that was used."""
    ends = {True: 0.0, False: 0.0}
    used = []
    ax.plot([0.0, 0.0], [row - _HEIGHT * 0.6, row + _HEIGHT * 0.6], color=COLORS["side"], linewidth=0.8, zorder=1)
    for lane, name in ((0.07, "approximation_gap"), (-0.07, "amortization_gap")):
        mean, color = quantities[name]["mean"], COLORS[name]
        start = ends[mean >= 0]
        ends[mean >= 0] = start + mean
        ax.barh(row, mean, left=start, height=_HEIGHT, color=color, alpha=0.55, linewidth=0, zorder=2)
        interval = quantities[name]["ci95"]
        if interval is not None:
            whisker = [start + end for end in interval]
            ax.plot(whisker, [row + lane] * 2, color=color, linewidth=1.4, marker="|", markersize=8, zorder=3)
            used += whisker
    if min(quantities[name]["mean"] for name in _GAPS) < 0:
        total = quantities["total_gap"]["mean"]
        ax.plot(total, row, color=COLORS["rung"], marker="D", markersize=4.5, linestyle="none", zorder=4)
    return [*used, *ends.values()]


def _write_numbers(ax: Axes, row: int, quantities: Mapping[str, Any]) -> None:
    """Write the numbers above a bar as the sum that they are, each gap in its colour."""
    above: dict[str, Any] = {"va": "bottom", "ha": "left", "fontsize": 8.5, "zorder": 5}
    place: dict[str, Any] = {"xy": (0.0, row - _HEIGHT / 2 - 0.03), "xycoords": ax.get_yaxis_transform()}
    if not quantities:
        ax.annotate("no finite values", color=COLORS["side"], **place, **above)
        return
    pieces = [
        (plus_minus(quantities["approximation_gap"]), COLORS["approximation_gap"]),
        (" and ", COLORS["side"]),
        (plus_minus(quantities["amortization_gap"]), COLORS["amortization_gap"]),
        (f", in all {plus_minus(quantities['total_gap'])} nats", COLORS["rung"]),
    ]
    for text, color in pieces:
        written = ax.annotate(text, color=color, **place, **above)
        place = {"xy": (1.0, 0.0), "xycoords": written}


def _label(name: str, bar: Selection) -> str:
    short = shortened(name, _LONGEST)
    count = f"{len(bar.rows):,} datapoint{'' if len(bar.rows) == 1 else 's'}"
    notes = [f"({bar.left_out:,} left out)"] if bar.left_out else []
    if bar.quantities and any_range(bar.quantities[name] for name in _GAPS):
        notes.append("(too few for an interval)")
    return "\n".join([short, count, *notes])
