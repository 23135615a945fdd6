"""Log p(x) and its bounds in bits per dimension, beside simple models of the data."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from gapkit.ladder import Rung
from gapkit.plots.names import shortened
from gapkit.plots.selection import Selection, select
from gapkit.plots.style import COLORS, legend_below, picture, write_note
from gapkit.results import Result
from gapkit.results.bits import bits_per_nat
from gapkit.results.records import known

__all__ = ["bits_per_dimension"]

_LIGHT = 0.55  # of the way to white
_APART = 0.8  # of a split's row, that its rungs share


def bits_per_dimension(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw how many bits per dimension the model needs for each datapoint: less is better.

    A shape is the distribution of -log p(x), or of what a bound says in its place, over the datapoints, divided by
    D log 2; a dot is the mean and the line through it its 95% interval. Dashed lines are simple models of the first
    split's data. For continuous data these are bits of a density: they depend on the scale of the data.

    Args:
        result: of an analysis.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes all of them.

    Raises:
        InputError: the result has no such split.
    """
    names = list(result.summary_values.splits) if split is None else [split]
    parts = {name: select(result, name) for name in names}
    bits = bits_per_nat(result.summary_values.first.data)
    title = "Bits per dimension: datapoints, and means with 95% intervals"
    with picture(ax, 5.8, 1.4 + 0.9 * len(parts), title) as ax:
        if bits is None or not any(len(part.rows) for part in parts.values()):
            write_note(ax, "no finite values" if bits else "it is not known how many dimensions the data have")
            return ax
        _draw(ax, {name: part for name, part in parts.items() if len(part.rows)}, bits, result)
    return ax


def _draw(ax: Axes, parts: Mapping[str, Selection], bits: float, result: Result) -> None:
    import seaborn as sns

    rungs = result.ladder.rungs
    shades = dict(zip((rung.label for rung in rungs), _shades(len(rungs)), strict=True))
    tables = [
        pd.DataFrame({"bits": -bits * part.rows[rung.name].to_numpy(float), "split": name, "bound": rung.label})
        for name, part in parts.items()
        for rung in rungs
    ]
    sns.violinplot(
        pd.concat(tables, ignore_index=True),
        x="bits",
        y="split",
        hue="bound",
        orient="h",
        palette=shades,
        cut=0,
        inner=None,
        density_norm="width",
        width=_APART,
        linewidth=0.0,
        saturation=1.0,
        legend=False,
        ax=ax,
    )
    for row, part in enumerate(parts.values()):
        _draw_means(ax, row, part, rungs, bits)
    simple = known(result.summary_values.first.baselines)
    for number, model in enumerate(simple.models if simple else ()):
        level = -bits * model.log_px.value
        ax.axvline(level, color=COLORS["side"], linestyle="--", linewidth=0.9, zorder=1)
        ax.annotate(
            model.name.replace("_", " "),
            (level, 1.0 - 0.06 * number),
            xycoords=ax.get_xaxis_transform(),
            xytext=(3, -2),
            textcoords="offset points",
            fontsize=7.5,
            va="top",
            color=COLORS["side"],
        )
    ax.set_xlabel("bits per dimension (less is better)" + ("" if _counted(result) else ", of a density"))
    ax.set_ylabel("")
    ax.tick_params(axis="y", length=0)
    ax.set_yticks(range(len(parts)), [shortened(name) for name in parts])
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    legend_below(ax, [Patch(color=color, label=_of(label)) for label, color in shades.items()], 3, 38.0)


def _draw_means(ax: Axes, row: int, part: Selection, rungs: tuple[Rung, ...], bits: float) -> None:
    lane = _APART / len(rungs)
    for number, rung in enumerate(rungs):
        at, mean = row + (number - (len(rungs) - 1) / 2) * lane, part.quantities[rung.name]
        if mean.ci95:
            ax.hlines(at, *sorted(-bits * end for end in mean.ci95), color=COLORS["rung"], linewidth=1.6, zorder=4)
        ax.plot(-bits * mean.value, at, color=COLORS["rung"], marker="o", markersize=4, linestyle="none", zorder=5)


def _counted(result: Result) -> bool:
    data = result.summary_values.first.data
    return bool(data and data.discrete)


def _of(label: str) -> str:
    return f"-{label}"


def _shades(count: int) -> list[tuple[float, ...]]:
    """From the strongest, of log p(x), to the lightest."""
    strong = np.array(to_rgb(COLORS["family"]))
    return [tuple(strong + (1.0 - strong) * share) for share in np.linspace(0.0, _LIGHT, count)]
