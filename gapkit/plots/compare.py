"""Runs against each other: their ladders on one axis, and the paired differences with their intervals."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gapkit.comparison import Comparison, interval
from gapkit.comparison.records import ComparedSplit
from gapkit.core.errors import InputError
from gapkit.core.means import Mean
from gapkit.core.phrases import span_words
from gapkit.ladder import Ladder
from gapkit.plots.gaps import draw_gap, marks, with_part, write_above
from gapkit.plots.given import draw_means, ends_of
from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name, title_of
from gapkit.plots.style import COLORS, colors_of, dot, legend_below, nats_axis, picture, write_note
from gapkit.results.verdict import plus_minus

__all__ = ["KINDS", "differences", "far_apart", "ladders", "part_of", "short", "some_of"]

KINDS = ("gaps", "bounds")
_PALETTE = ("#222222", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#767676")
_MARKERS = ("o", "s", "D", "^", "v", "P")
_MOST_LADDERS, _MOST_TEXTS, _WIDE = 14, 2, 16
_MOST_NAMES = 2  # gaps of a row, for whose names there is room beside their numbers
_APART = 3.0  # times the largest total gap
_LONGEST, _LONGEST_INTERVAL = 18, 30  # characters, for which there is room
_NARROWEST = 0.02  # nats, for differences of zero


def ladders(comparison: Comparison, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the ladder of every run as one row: L[q], L[q*] and log p(x), and the gaps as bars between them.

    The means are over the datapoints that all runs share and that are finite in all, so that rows can be compared.
    Whiskers stand at the lower end of a gap and are its 95% interval, as on the ladder of one run. Where the runs'
    log p(x) lie so far apart that nobody could see the gaps, every ladder is drawn from its own log p(x), whose value
    stands beside it. Of more than 14 runs, 14 are drawn, evenly spread, with the first and the last.

    Args:
        comparison: of runs.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.

    Raises:
        InputError: the runs do not share such a split.
    """
    name, part = part_of(comparison, split)
    levels = part.levels
    runs = some_of([run for run in comparison.summary_values.runs if run in levels], _MOST_LADDERS)
    title = _title(name, part, len(runs), len(levels))
    with picture(ax, 5.2, 1.35 + 0.52 * max(len(runs), 3), title) as ax:
        if runs:
            _draw_ladders(ax, {run: levels[run] for run in runs}, comparison)
        else:
            write_note(ax, "no finite values in common")
    return ax


def far_apart(levels: Mapping[str, Mapping[str, Mean]], ladder: Ladder) -> bool:
    """Whether the levels of runs differ by so much more than their gaps that one axis cannot show both."""
    tops = [values[ladder.top.name].value for values in levels.values()]
    largest = max((values[ladder.total.name].value for values in levels.values()), default=0.0)
    return bool(tops) and max(tops) - min(tops) > _APART * largest


def _draw_ladders(ax: Axes, levels: Mapping[str, Mapping[str, Mean]], comparison: Comparison) -> None:
    ends: list[float] = []
    ladder, reference = comparison.summary_values.ladder, comparison.summary_values.reference
    rungs, gaps, colors = ladder.rungs[::-1], ladder.gaps[::-1], colors_of(ladder.gaps)
    markers, apart = marks(rungs), far_apart(levels, ladder)
    for row, values in enumerate(levels.values()):
        origin = values[ladder.top.name].value if apart else 0.0
        for gap in gaps:
            top, bottom = (values[rung.name].value - origin for rung in ladder.ends(gap))
            whisker = [top - end for end in values[gap.name].ci95 or ()]
            draw_gap(ax, row, (bottom, top), whisker, colors[gap.name])
            ends += whisker
        for rung in rungs:
            level, marker = values[rung.name].value - origin, markers[rung.name]
            ax.plot(level, row, linestyle="none", marker=marker, markersize=5, color=COLORS["rung"], zorder=4)
            ends.append(level)
        for gap, place in zip(gaps, np.linspace(0.0, 1.0, len(gaps)), strict=True):
            number = _brief(values[gap.name])
            ax.annotate(
                f"{gap.short} {number}" if len(gaps) <= _MOST_NAMES else number,
                (place, row),
                xycoords=ax.get_yaxis_transform(),
                xytext=(0, 8),
                textcoords="offset points",
                ha="left" if place == 0.0 else "right" if place == 1.0 else "center",
                fontsize=8.5,
                color=colors[gap.name],
            )
    pad = max(0.05 * (max(ends) - min(ends)), _NARROWEST)
    ax.set_xlim(min(ends) - pad, max(ends) + pad)
    ax.set_ylim(len(levels) - 0.6, -0.85)
    labels = [f"{short(run)}\n(the reference)" if run == reference else short(run) for run in levels]
    if apart:
        tops = {run: f"{ladder.top.label} {values[ladder.top.name].mean:.2f}" for run, values in levels.items()}
        labels = [f"{short(run)}\n{top}" for run, top in tops.items()]
    ax.set_yticks(range(len(levels)), labels, parse_math=False)
    _nats_axis(ax, f"nats from the run's own {ladder.top.label}" if apart else "nats (higher is better)")
    handles = [Line2D([], [], color=colors[gap.name], linewidth=6, alpha=0.55, label=gap.label) for gap in gaps]
    handles += [dot(COLORS["rung"], rung.label, markers[rung.name], 5.0) for rung in rungs]
    legend_below(ax, handles, 3, 38.0)


def differences(comparison: Comparison, ax: Axes | None = None, split: str | None = None, kind: str = "gaps") -> Axes:
    """Draw the mean paired differences from the first run with their 95% intervals.

    Left of the line at 0 a gap is smaller, or a bound lower, than the first run's. Of more than 6 other runs, 6 are
    drawn, evenly spread, with the last.

    Args:
        comparison: of runs.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.
        kind: ``gaps`` or ``bounds``.

    Raises:
        InputError: the runs do not share such a split, or an unknown kind.
    """
    if kind not in KINDS:
        raise InputError(f"differences of {kind!r}", "no such kind", f"use {' or '.join(KINDS)}")
    name, part = part_of(comparison, split)
    pairs = {run: pair for run, pair in part.differences.items() if pair.used}
    runs = some_of(list(pairs), len(_PALETTE))
    reference, words = short(comparison.summary_values.reference), _words(comparison.summary_values.ladder, kind)
    height = 1.0 + _height(len(words), len(runs)) + 0.12 * (len(runs) if len(runs) > 1 else 0)
    with picture(ax, 5.2, height, shortened(name)) as ax:
        if not runs:
            write_note(ax, "no finite values in common")
            return ax
        counts = {pairs[run].used for run in runs}
        shown = title_of(name, max(counts), 0) if len(counts) == 1 else f"{name}: the datapoints shared with each run"
        of = f"{short(runs[0])} minus {reference}" if len(pairs) == 1 else f"minus {reference}"
        some = "" if len(runs) == len(pairs) else f", {len(runs)} of {len(pairs)} runs"
        ax.set_title(f"{of}, {shown}{some}", parse_math=False)
        _draw_differences(ax, {run: pairs[run].quantities for run in runs}, words)
        if len(runs) > 1:
            legend_below(ax, None, 2 if max(len(short(run)) for run in runs) > _WIDE else 3, 38.0)
        better = "left of 0: smaller" if kind == "gaps" else "right of 0: higher"
        _nats_axis(ax, f"nats; {better} than in {reference}")
    return ax


def _words(ladder: Ladder, kind: str) -> dict[str, str]:
    """The gaps or the bounds from the top, by column, in words that fit beside an axis."""
    if kind == "gaps":
        return {gap.name: with_part(gap, "\n") for gap in ladder.all_gaps}
    return {rung.name: rung.label for rung in ladder.rungs}


def _height(rows: int, runs: int) -> float:
    """Of the axes, in inches."""
    return 0.2 * rows * max(runs + 1, 3)


def _draw_differences(ax: Axes, runs: Mapping[str, Mapping[str, Mean]], words: Mapping[str, str]) -> None:
    ax.axvline(0.0, color=COLORS["guide"], linestyle="--", linewidth=1, zorder=1)
    shifts = np.linspace(-0.3, 0.3, len(runs)) if len(runs) > 1 else [0.1]
    ends = [0.0]
    for (run, quantities), shift, color, marker in zip(runs.items(), shifts, _PALETTE, _MARKERS, strict=False):
        means = [quantities[name] for name in words]
        look = {"color": color, "markers": marker, "markersize": 5, "label": short(run)}
        draw_means(ax, np.arange(len(means)) + shift, means, across=True, cap="|", linestyles="none", **look)
        ends += ends_of(means)
    pad = max(0.06 * (max(ends) - min(ends)), _NARROWEST)
    ax.set_xlim(min(ends) - pad, max(ends) + pad)
    ax.set_ylabel("")
    ax.set_ylim(len(words) - 0.5, -0.5)
    ax.set_yticks(range(len(words)), list(words.values()))
    if len(runs) < _MOST_TEXTS:
        _write_numbers(ax, next(iter(runs.values())), words)


def _write_numbers(ax: Axes, quantities: Mapping[str, Mean], names: Iterable[str]) -> None:
    for row, name in enumerate(names):
        values = quantities[name]
        spread = f" (95%: {interval(values)})" if values.ci95 else f"\n({span_words(values)})"
        text = f"{_brief(values)} nats{spread if len(spread) <= _LONGEST_INTERVAL or not values.ci95 else ''}"
        write_above(ax, row + 0.1, values.value, text, 0.31 if values.ci95 else 0.36)


def _brief(values: Mean) -> str:
    """Mean and error; huge ones with few digits, for which alone there is room."""
    text, error = plus_minus(values), values.se_datapoints or values.se_monte_carlo
    if len(text) <= _LONGEST or error is None:
        return text if len(text) <= _LONGEST else f"{values.mean:.3g}"
    return f"{values.mean:.3g} ± {error:.1g}"


def part_of(comparison: Comparison, split: str | None) -> tuple[str, ComparedSplit]:
    """A split's name and what the comparison holds of it; None takes the first.

    Raises:
        InputError: the runs do not share such a split.
    """
    name = split_name(comparison, split)
    return name, comparison.summary_values.splits[name]


def some_of(names: Sequence[str], most: int) -> list[str]:
    """All of them, or ``most`` evenly spread ones with the first and the last.

    Example:
        >>> some_of("abcdefg", 3)
        ['a', 'd', 'g']
    """
    if len(names) <= most:
        return list(names)
    return [names[place] for place in np.linspace(0, len(names) - 1, most).round().astype(int)]


def short(name: str) -> str:
    """A name that fits beside an axis: a long one keeps its beginning and its end.

    Example:
        >>> short("epoch-0004"), short("a-very-long-name-of-a-run-0004")
        ('epoch-0004', 'a-very-lon…of-a-run-0004')
    """
    return name if len(name) <= 24 else f"{name[:10]}…{name[-13:]}"


def _title(split: str, part: ComparedSplit, drawn: int, all_runs: int) -> str:
    some = "" if drawn == all_runs else f"; {drawn} of {all_runs} runs"
    return f"{title_of(split, part.used, part.left_out)}, means{some}"


def _nats_axis(ax: Axes, label: str) -> None:
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    nats_axis(ax, "x", label, 5)
