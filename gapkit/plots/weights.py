"""Importance weights: on how many datapoints can they be trusted, and how many draws do they amount to?"""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from gapkit.plots.khat import KHATS, Tails, tails
from gapkit.plots.reading import column, rows_of, setting
from gapkit.plots.selection import split_name, title_of
from gapkit.plots.style import COLORS, legend_below, picture, write_note
from gapkit.results import Result

__all__ = ["weights"]

_BINS = 40  # of effective sample sizes
_LOWEST, _HIGHEST, _WIDTH = -0.5, 1.5, 0.05  # of k-hats; those beyond are counted in the outermost bars
_COLORS = {"can be trusted": "trusted", "cannot be trusted": "doubted"}


def weights(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw how the Pareto k-hats lie to the threshold of trust, and the effective sample size of the encoder's draws.

    One panel for the draws from all modes found, which log p(x) is estimated from; one for those from the encoder's q,
    for the IWAE bound; and one for the effective sample size of the latter, as a share of the draws where their number
    is recorded. The dashed line is the threshold ``min(1 - 1/log10 S, 0.7)`` for S draws, a band where datapoints had
    different numbers of them. Datapoints below it are coloured as such in all panels.

    Args:
        result: of an analysis.
        ax: where to draw, divided into panels; None makes a figure of its own.
        split: which split; None takes the first.

    Returns:
        The axes; the panels are their ``child_axes``.

    Raises:
        InputError: the result has no such split.
    """
    rows = rows_of(result, split)
    found = {name: tails(result, name, split) for name in KHATS}
    found = {name: kind for name, kind in found.items() if kind.known.any()}
    sizes = column(rows, "ess").to_numpy(float)
    draws = setting(result, "iwae", "num_samples")
    panels = len(found) + bool(found and (np.isfinite(sizes) & (sizes > 0)).any())
    title = title_of(split_name(result, split), len(rows), 0)
    with picture(ax, 5.2, 0.7 + 1.35 * max(panels, 1), title) as ax:
        if not found:
            write_note(ax, "no importance weights to judge")
            return ax
        ax.set_axis_off()
        places = [ax.inset_axes((0.0, 1 - (number + 0.73) / panels, 1.0, 0.5 / panels)) for number in range(panels)]
        for (name, kind), place in zip(found.items(), places, strict=False):
            _draw_khats(place, kind, KHATS[name])
        if panels > len(found):
            _draw_sizes(places[-1], sizes, found.get("khat"), draws)
        handles = [Patch(color=COLORS[color], linewidth=0, label=text) for text, color in _COLORS.items()]
        legend_below(places[-1], handles, 2, 34.0)
    return ax


def _draw_khats(ax: Axes, kind: Tails, words: str) -> None:
    low, high = float(kind.limits[kind.known].min()), float(kind.limits[kind.known].max())
    # The threshold is an edge, so that bars on either side of it have one colour.
    edges = low + _WIDTH * np.arange(math.ceil((_LOWEST - low) / _WIDTH), math.floor((_HIGHEST - low) / _WIDTH) + 1)
    khat = np.clip(kind.khat[kind.known], edges[0], edges[-1])
    _draw_bars(ax, khat, kind.trusted[kind.known], bins=edges)
    if high - low > 1e-9:
        ax.axvspan(low, high, color=COLORS["guide"], alpha=0.45, linewidth=0, zorder=1)
    else:
        ax.axvline(low, color=COLORS["side"], linestyle="--", linewidth=1, zorder=3)
    _finish(ax, kind.known.sum())
    ax.set_xlim(_LOWEST, _HIGHEST)
    ticks = [-0.5, 0.0, 0.5, 1.0, 1.5]
    beyond = {-0.5: bool((kind.khat < _LOWEST).any()), 1.5: bool((kind.khat > _HIGHEST).any())}
    marks = {-0.5: "≤ -0.5", 1.5: "≥ 1.5"}
    ax.set_xticks(ticks, [marks[tick] if beyond.get(tick) else f"{tick:g}" for tick in ticks])
    ax.set_xlabel("Pareto k-hat of the weights (less is better)", labelpad=1.0)
    unknown = int((~kind.known).sum())
    share = f"{int(kind.trusted.sum()):,} of {len(kind.khat):,} trusted"
    ax.set_title(f"{words}: {share}{f', {unknown:,} unknown' if unknown else ''}", fontsize=8.5)


def _draw_sizes(ax: Axes, sizes: np.ndarray, kind: Tails | None, draws: float | None) -> None:
    """A histogram of effective sample sizes on a logarithmic axis, from one draw to all of them."""
    positive = np.isfinite(sizes) & (sizes > 0)
    shares = sizes / (draws or 1.0)
    low, high = (1.0 / draws, 1.0) if draws else (1.0, float(sizes[positive].max()))
    low, high = min(low, float(shares[positive].min())), max(high, float(shares[positive].max()), 2.0 * low)
    ends = low * (1 - 1e-9), high * (1 + 1e-9)
    trusted = kind.trusted if kind else np.ones(len(sizes), bool)
    ax.set_xscale("log")
    _draw_bars(ax, shares[positive], trusted[positive], bins=_BINS, binrange=tuple(np.log10(ends)))
    _finish(ax, positive.sum())
    ax.set_xlim(*ends)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ax.xaxis.set_major_locator(FixedLocator([power for power in powers if ends[0] <= power <= ends[1]]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%" if draws else f"{value:g}"))
    median = float(np.median(shares[positive]))
    written = f"{100 * median:.2g}%" if draws else f"{median:.3g} draws"
    ax.set_title(f"draws from the encoder's q: effective sample size, median {written}", fontsize=8.5)
    ax.set_xlabel(f"{f'share of its {draws:,.0f} draws' if draws else 'draws'} (more is better)", labelpad=1.0)


def _draw_bars(ax: Axes, values: np.ndarray, trusted: np.ndarray, **bins: Any) -> None:
    """Stacked histograms: those that can be trusted, and the others on top."""
    import seaborn as sns

    sns.histplot(
        x=values,
        hue=np.where(trusted, "trusted", "doubted"),
        hue_order=["doubted", "trusted"],
        palette=COLORS,
        multiple="stack",
        element="step",
        alpha=1.0,
        linewidth=0,
        legend=False,
        ax=ax,
        **bins,
    )
    ax.margins(y=0.08)


def _finish(ax: Axes, count: int) -> None:
    ax.set_ylabel("datapoints", fontsize=8.5)
    ax.yaxis.set_major_locator(MaxNLocator(3, integer=True) if count > 1 else FixedLocator([0, 1]))
