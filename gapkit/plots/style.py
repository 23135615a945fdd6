"""One look for all pictures, applied for the time of drawing only."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy

from gapkit.ladder import Gap, Ladder

__all__ = [
    "CLASSES",
    "COLORS",
    "color_of",
    "colors_of",
    "dot",
    "draw_level",
    "legend_below",
    "nats_axis",
    "new_axes",
    "picture",
    "style",
    "write_note",
]

# Okabe and Ito's palette, distinct with any colour vision.
COLORS = {
    "encoder": "#D55E00",
    "family": "#0072B2",
    "mixture": "#0072B2",
    "ais": "#E69F00",
    "total": "#222222",
    "trusted": "#009E73",
    "doubted": "#CC79A7",
    "rung": "#222222",
    "side": "#767676",
    "guide": "#B0B0B0",
}

# For classes: Okabe and Ito's seven and three of Tol's, as distinct as ten colours can be.
CLASSES = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#332288",
    "#999933",
    "#882255",
)

# For gaps that are neither the family's nor the encoder's: what is left of Okabe and Ito's.
_OTHERS = ("#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#F0E442")

# What is ours in seaborn's "ticks" for print: fonts that are everywhere, colours that a page's theme can replace.
_RC = {
    "font.family": ["DejaVu Sans"],
    **dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 9.0),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 8.5),
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), COLORS["rung"]),
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLORS["side"],
    "axes.unicode_minus": False,  # as in the text beside it
    "legend.frameon": False,
    "lines.solid_capstyle": "projecting",
    "patch.force_edgecolor": False,
    **{f"{axis}tick.{part}": size for axis in "xy" for part, size in (("major.size", 3.5), ("major.width", 0.8))},
    "savefig.dpi": 200.0,
    "svg.fonttype": "path",
    "svg.hashsalt": "gapkit",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in gapkit's style; matplotlib's settings are as before afterwards.

    Example:
        >>> before = dict(matplotlib.rcParams)
        >>> with style():
        ...     axes = new_axes(4.0, 3.0)
        >>> dict(matplotlib.rcParams) == before
        True
    """
    import seaborn as sns  # here and in every picture: imported only when something is drawn

    with matplotlib.rc_context({**sns.axes_style("ticks"), **sns.plotting_context("paper"), **_RC}):
        yield


@contextmanager
def picture(ax: Axes | None, width: float, height: float, title: str, **more: Any) -> Iterator[Axes]:
    """Draw in gapkit's style on given axes, or on new ones of that size in inches, with a title that is plain text."""
    with style():
        ax = ax if ax is not None else new_axes(width, height)
        ax.set_title(title, parse_math=False, **more)
        yield ax


def colors_of(gaps: Iterable[Gap]) -> dict[str, str]:
    """The colours of gaps by name: by whose they are, further ones in the order of the palette.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> colors_of(STANDARD.all_gaps)
        {'approximation_gap': '#0072B2', 'amortization_gap': '#D55E00', 'total_gap': '#222222'}
    """
    found: dict[str, str] = {}
    others = cycle(_OTHERS)
    for gap in gaps:
        own = COLORS.get(gap.part)
        found[gap.name] = next(others) if own is None or own in found.values() else own
    return found


def color_of(gap: Gap, ladder: Ladder) -> str:
    """The colour of a gap of a ladder in every picture of it."""
    return colors_of(ladder.all_gaps)[gap.name]


def new_axes(width: float, height: float) -> Axes:
    """Axes on a figure of their own, in inches; pyplot does not know of it, so nothing has to be closed."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def legend_below(ax: Axes, handles: Sequence[Any] | None, columns: int, below: float) -> None:
    """Place a legend, of all that has a label or of these, so many points under the axes; texts are plain."""
    legend = ax.legend(
        handles=handles or ax.get_legend_handles_labels()[0],
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=offset_copy(ax.transAxes, ax.get_figure(root=True), x=-6.0, y=-below, units="points"),
        borderaxespad=0.0,
        ncols=columns,
        columnspacing=1.2,
        handletextpad=0.5,
        handlelength=1.4,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def dot(color: str, text: str, marker: str = "o", size: float = 4.5) -> Line2D:
    """A mark and its words for a legend."""
    return Line2D([], [], linestyle="none", marker=marker, markersize=size, color=color, label=text)


def nats_axis(ax: Axes, which: Literal["x", "y"], label: str, ticks: int = 6) -> None:
    """Name an axis and write its numbers in full, about so many of them: levels differ in their last digits."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    axis.set_major_locator(MaxNLocator(ticks))
    ax.ticklabel_format(axis=which, style="plain", useOffset=False)
    axis.set_label_text(label, parse_math=False)


def draw_level(ax: Axes, level: float, text: str, side: str = "left") -> None:
    """Draw a dashed line across axes at a level that others are compared with, and its name above one end."""
    ax.axhline(level, color=COLORS["side"], linestyle="--", linewidth=1, zorder=1)
    ax.annotate(
        text,
        (0.01 if side == "left" else 1.0, level),
        xycoords=ax.get_yaxis_transform(),
        xytext=(0, 3),
        textcoords="offset points",
        ha=side,
        fontsize=8.5,
        color=COLORS["side"],
        zorder=4,
    )


def write_note(ax: Axes, text: str) -> None:
    """Say in words why there is nothing to draw."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=COLORS["side"])
