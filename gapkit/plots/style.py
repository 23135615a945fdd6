"""One look for all pictures, applied for the time of drawing only."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy

from gapkit.ladder import Gap, Ladder

__all__ = [
    "CLASSES",
    "COLORS",
    "color_of",
    "colors_of",
    "draw_level",
    "legend_below",
    "new_axes",
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

_RC = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "normal",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#767676",
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.unicode_minus": False,  # as in the text beside it
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
    with matplotlib.rc_context(_RC):
        yield


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


def legend_below(ax: Axes, handles: Sequence[Any], columns: int, below: float) -> None:
    """Place a legend so many points under the axes, whatever their height; texts are never read as mathematics."""
    corner = offset_copy(ax.transAxes, ax.get_figure(root=True), x=-6.0, y=-below, units="points")
    legend = ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=corner,
        borderaxespad=0.0,
        ncols=columns,
        columnspacing=1.2,
        handletextpad=0.5,
        handlelength=1.4,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


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
