"""Every datapoint by the family's gap and the encoder's: whose fault is each one?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from gapkit.core.errors import InputError
from gapkit.ladder import Gap, Ladder
from gapkit.plots.gaps import with_part
from gapkit.plots.khat import tails
from gapkit.plots.names import shortened
from gapkit.plots.reading import rows_of
from gapkit.plots.scale import fit_axis, name_nats
from gapkit.plots.selection import select
from gapkit.plots.style import CLASSES, COLORS, color_of, dot, legend_below, picture, write_note
from gapkit.results import Result

__all__ = ["gap_scatter", "two_gaps"]

_SOURCES = {"mixture": "log p(x) by importance sampling", "ais": "log p(x) by AIS"}
_WAYS = ("source", "khat", "class")
_HOPELESS = 1.0  # a k-hat above which weights have no mean
_WORST, _BINS = 3, 40
_UNDER = 0.2  # of the height of the bars: room for the ticks
_RUG = 200  # ticks of a margin; more become an image
_WIDE, _HIGH, _ASIDE = 0.12, 0.06, 0.015  # of a label, and its distance, as shares of the axes
_SHORT = 9  # letters; longer entries do not fit four side by side
_MANY = 1000  # points; above, they become one image, else the drawing would weigh megabytes


@dataclass(frozen=True)
class _Group:
    """Datapoints of one colour: what they have in common, and which they are, shape (N,)."""

    text: str
    color: str
    these: np.ndarray


def gap_scatter(result: Result, ax: Axes | None = None, split: str | None = None, color: str = "source") -> Axes:
    """Draw the amortization gap against the approximation gap, one point per datapoint.

    Above the dashed diagonal the encoder loses more than the family does. Triangles are datapoints with a status to
    mind, numbers name the three largest total gaps by their index, and the histograms outside the axes, with a tick
    for every datapoint, show how each gap is spread.

    Args:
        result: of an analysis.
        ax: where to draw; None makes a figure of its own. The histograms stand outside of it, above and to the right.
        split: which split; None takes the first.
        color: what it tells: ``source``, which estimate of log p(x) was used; ``khat``, whether importance weights
            for it could be trusted, by their Pareto k-hat and its threshold (AIS was used where not); ``class``, the
            column ``label`` of the table.

    Raises:
        InputError: the result has no such split, another colour, or a colour whose column the table does not have.
    """
    chosen = select(result, split)
    groups = _groups(result, chosen.split, chosen.rows, color)
    with picture(ax, 5.2, 4.5, chosen.title) as ax:
        pair = two_gaps(chosen.ladder)
        if chosen.rows.empty or not pair:
            write_note(ax, "no finite values" if pair else "no gap of the family and one of the encoder")
        else:
            _draw(ax, chosen.rows, groups, chosen.ladder, pair)
    return ax


def two_gaps(ladder: Ladder) -> tuple[Gap, Gap] | None:
    """The family's gap and the encoder's, that the picture is about; None where the ladder lacks one."""
    family, encoder = ladder.gap_of("family"), ladder.gap_of("encoder")
    return (family, encoder) if family and encoder else None


def _groups(result: Result, split: str, rows: pd.DataFrame, color: str) -> list[_Group]:
    """Groups of one colour each, without empty ones.

    Raises:
        InputError: another colour, or one whose column the table does not have.
    """
    if color not in _WAYS:
        raise InputError(f"a scatter coloured by {color!r}", "no such colouring", f"use one of {', '.join(_WAYS)}")
    if color == "source":
        sources = rows["log_px_source"].to_numpy(str)
        groups = [_Group(text, COLORS[name], sources == name) for name, text in _SOURCES.items()]
    elif color == "khat":
        groups = _by_khat(result, split, rows)
    else:
        groups = _by_class(rows)
    return [group for group in groups if group.these.any()]


def _by_khat(result: Result, split: str, rows: pd.DataFrame) -> list[_Group]:
    name = next((name for name in ("pooled_khat", "khat") if name in rows), None)
    if name is None:
        found = "neither pooled_khat nor khat among the columns of the table"
        raise InputError("a scatter coloured by 'khat'", found, "use color='source'")
    kept = rows_of(result, split).index.isin(rows.index)
    kind = tails(result, name, split)
    khat, limits, trusted = kind.khat[kept], kind.limits[kept], kind.trusted[kept]
    ends = sorted({f"{end:.2f}" for end in (limits.min(), limits.max())}) if len(limits) else [""]
    words = " to ".join(ends)
    hopeless = khat > _HOPELESS
    return [
        _Group(f"k-hat below its threshold ({words})", COLORS["trusted"], trusted),
        _Group("k-hat above it", COLORS["doubted"], ~trusted & ~hopeless & ~np.isnan(khat)),
        _Group("k-hat above 1", COLORS["ais"], hopeless),
        _Group("k-hat unknown", COLORS["side"], np.isnan(khat)),
    ]


def _by_class(rows: pd.DataFrame) -> list[_Group]:
    if "label" not in rows:
        found = "no column 'label' in the table"
        raise InputError("a scatter coloured by 'class'", found, "analyse with labels, or use color='source'")
    labels = rows["label"].astype(object).where(rows["label"].notna(), "no label").astype(str).to_numpy(str)
    counted = pd.Series(labels, dtype=object).value_counts()
    names = [str(name) for name in counted.index[: len(CLASSES)]]
    names.sort(key=lambda name: (len(name), name))
    groups = [_Group(shortened(name, 20), own, labels == name) for name, own in zip(names, CLASSES, strict=False)]
    return [*groups, _Group("other classes", COLORS["side"], ~np.isin(labels, names))]


def _draw(ax: Axes, rows: pd.DataFrame, groups: list[_Group], ladder: Ladder, pair: tuple[Gap, Gap]) -> None:
    import seaborn as sns

    x, y = (rows[gap.name].to_numpy(float) for gap in pair)
    beyond_x, beyond_y = fit_axis(ax, "x", x), fit_axis(ax, "y", y)
    _draw_equal_gaps(ax)
    flagged = rows["status"].to_numpy(str) != "ok"
    for group, (flag, marker, size) in product(groups, ((False, "o", 14), (True, "^", 24))):
        these = group.these & (flagged == flag)
        if these.any():
            sns.scatterplot(
                x=x[these],
                y=y[these],
                color=group.color,  # one at a time: marks that differ one by one make a heavy drawing
                marker=marker,
                s=size,
                alpha=0.75,
                linewidth=0,
                zorder=2,
                rasterized=len(rows) > _MANY,
                legend=False,
                ax=ax,
            )
    _label_worst(ax, rows, x, y, ladder.total)
    ax.set_xlabel(f"{with_part(pair[0])}, nats{beyond_x}")
    name_nats(ax, f"{with_part(pair[1])}, nats", beyond_y)
    _draw_legend(ax, groups, bool(flagged.any()))
    _draw_margins(ax, {color_of(gap, ladder): values for gap, values in zip(pair, (x, y), strict=True)})


def _draw_equal_gaps(ax: Axes) -> None:
    """The diagonal, inside the limits; a curve where an axis is not linear."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    low, high = max(left, bottom), min(right, top)
    steps = []
    for forth in (ax.xaxis.get_transform(), ax.yaxis.get_transform()):  # even to the eye
        first, last = forth.transform(np.array([low, high]))
        steps.append(forth.inverted().transform(np.linspace(float(first), float(last), 100)))
    at = np.unique(np.clip(steps, low, high))
    ax.plot(at, at, color=COLORS["guide"], linestyle="--", linewidth=1, zorder=1, label="equal gaps")


def _draw_legend(ax: Axes, groups: list[_Group], flagged: bool) -> None:
    handles = [dot(group.color, f"{group.text} ({int(group.these.sum()):,})") for group in groups]
    short = len(groups) > 4 and max(len(str(handle.get_label())) for handle in handles) <= _SHORT
    if flagged:
        handles.append(dot(COLORS["side"], "status other than ok", "^"))
    handles.append(Line2D([], [], color=COLORS["guide"], linestyle="--", linewidth=1, label="equal gaps"))
    legend_below(ax, handles, 4 if short else 2, 38.0)


def _draw_margins(ax: Axes, gaps: Mapping[str, np.ndarray]) -> None:
    """Draw a histogram of each gap, given by its colour, along its axis, outside of it; ticks under it are values."""
    import seaborn as sns

    above = ax.inset_axes((0.0, 1.015, 1.0, 0.11), sharex=ax)
    beside = ax.inset_axes((1.015, 0.0, 0.09, 1.0), sharey=ax)
    for (color, values), margin, which in zip(gaps.items(), (above, beside), ("x", "y"), strict=True):
        axis = ax.xaxis if which == "x" else ax.yaxis
        low, high = axis.get_transform().transform(np.array(axis.get_view_interval()))
        look = {which: values, "color": color, "ax": margin}
        sns.histplot(bins=_BINS, binrange=(low, high), element="step", alpha=0.55, linewidth=0, **look)
        many = len(values) > _RUG
        sns.rugplot(height=_UNDER / 2, alpha=0.75, linewidth=0.6, expand_margins=False, rasterized=many, **look)
        margin.axis("off")
    above.set_ylim(-_UNDER * above.get_ylim()[1], None)
    beside.set_xlim(-_UNDER * beside.get_xlim()[1], None)


def _label_worst(ax: Axes, rows: pd.DataFrame, x: np.ndarray, y: np.ndarray, total: Gap) -> None:
    """Write the index beside the worst points; equal points share a label, and a thin line leads to one moved aside."""
    worst = np.argsort(-rows[total.name].to_numpy(float), kind="stable")[:_WORST]
    fractions = ax.transAxes.inverted().transform(ax.transData.transform(np.column_stack([x, y])))
    points: dict[tuple[float, float], list[int]] = {}
    for number in worst.tolist():
        points.setdefault(tuple(fractions[number].round(2)), []).append(number)
    taken: list[tuple[float, float]] = []
    for numbers in sorted(points.values(), key=lambda numbers: -fractions[numbers[0]][1]):
        across, up = fractions[numbers[0]]
        place = up
        for other, height in taken:  # from the top, so that a label that is moved down meets those below in turn
            if abs(other - across) < _WIDE and abs(height - place) < _HIGH:
                place = height - _HIGH
        taken.append((across, place))
        left = across < 0.5
        ax.annotate(
            ", ".join(str(rows["index"].iloc[number]) for number in numbers),
            (across, up),
            xycoords="axes fraction",
            xytext=(across + (_ASIDE if left else -_ASIDE), place),
            textcoords="axes fraction",
            ha="left" if left else "right",
            va="center",
            fontsize=8,
            zorder=3,
            arrowprops=None if place == up else {"arrowstyle": "-", "color": COLORS["side"], "linewidth": 0.6},
        )
