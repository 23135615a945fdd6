"""Gaps and bounds over the checkpoints of one training."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from gapkit.comparison import Comparison
from gapkit.core.errors import InputError
from gapkit.core.means import Mean
from gapkit.core.phrases import any_range
from gapkit.ladder import Ladder
from gapkit.plots.compare import KINDS, part_of
from gapkit.plots.gaps import marks, with_part
from gapkit.plots.given import draw_line
from gapkit.plots.selection import title_of
from gapkit.plots.style import COLORS, colors_of, legend_below, nats_axis, picture, write_note

__all__ = ["series"]

_DASHES = ("-", "--", ":", "-.")  # of the bounds, from the top
_MARKS = ("o", "s", "D", "^", "v", "P")  # of the total gap, and of the others from the bottom
_AXIS = {"epoch": "epoch of training", "step": "step of training", "number": "number of the checkpoint"}

_FEW, _MANY = 8, 16  # numbers under the axis, checkpoints


def series(comparison: Comparison, ax: Axes | None = None, split: str | None = None, kind: str = "gaps") -> Axes:
    """Draw the mean gaps, or bounds, over the checkpoints of one training.

    The band of a gap is its 95% interval over datapoints. All checkpoints are measured on the same datapoints, so a
    change between two of them is more certain than two bands suggest: see their paired differences. Bounds have no
    bands, for the reason that the rungs of a ladder have no whiskers; the areas between them are the gaps.

    Args:
        comparison: of runs that are checkpoints of one training.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.
        kind: ``gaps`` or ``bounds``.

    Raises:
        InputError: the runs do not share such a split, or an unknown kind.
    """
    if kind not in KINDS:
        raise InputError(f"a series of {kind!r}", "no such kind", f"use {' or '.join(KINDS)}")
    name, part = part_of(comparison, split)
    found = comparison.summary_values.series
    numbers = {run: number for run, number in found.numbers.items() if run in part.levels} if found else {}
    with picture(ax, 5.2, 3.3, f"{title_of(name, part.used, part.left_out)}, means") as ax:
        if not found or not numbers:
            write_note(ax, "no finite values in common" if found else "not the checkpoints of one training")
            return ax
        levels = [part.levels[run] for run in numbers]
        _draw(ax, list(numbers.values()), levels, kind, comparison.summary_values.ladder)
        ax.set_xlabel(_AXIS[found.axis])
    return ax


def _looks(ladder: Ladder, kind: str) -> dict[str, tuple[str, str, str, str]]:
    """Words, colour, mark and dashes of every line by its column, in the order in which they are drawn."""
    if kind == "gaps":
        gaps = (ladder.total, *reversed(ladder.gaps))
        markers, colors = marks(gaps, _MARKS), colors_of(ladder.all_gaps)
        return {gap.name: (with_part(gap), colors[gap.name], markers[gap.name], "-") for gap in gaps}
    markers, dashes = marks(reversed(ladder.rungs)), marks(ladder.rungs, _DASHES)
    return {rung.name: (rung.label, COLORS["rung"], markers[rung.name], dashes[rung.name]) for rung in ladder.rungs}


def _draw(ax: Axes, x: Sequence[int], levels: Sequence[Mapping[str, Mean]], kind: str, ladder: Ladder) -> None:
    looks = _looks(ladder, kind)
    means = {name: [values[name] for values in levels] for name in looks}
    for name, (label, color, marker, dashes) in looks.items():
        look = {"color": color, "marker": marker, "linestyle": dashes, "label": label}
        size = 4.5 if len(x) <= _MANY else 2.5
        draw_line(ax, x, means[name], band=kind == "gaps", markersize=size, linewidth=1.3, zorder=3, **look)
    if kind == "gaps":
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    else:
        colors = colors_of(ladder.gaps)
        for gap in reversed(ladder.gaps):
            low, high = ([mean.value for mean in means[rung.name]] for rung in reversed(ladder.ends(gap)))
            color = colors[gap.name]
            ax.fill_between(x, low, high, color=color, alpha=0.3, linewidth=0, zorder=1, label=gap.label)
    if len(set(x)) <= _FEW:
        ax.set_xticks(sorted(set(x)), [str(number) for number in sorted(set(x))])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(_FEW, integer=True))
    few = kind == "gaps" and any_range(values[name] for values in levels for name in looks)
    gaps = "nats\n(no bands: too few datapoints for intervals)" if few else "nats"
    nats_axis(ax, "y", gaps if kind == "gaps" else "nats (higher is better)")
    legend_below(ax, None, 2 if kind == "gaps" else 3, 38.0)
