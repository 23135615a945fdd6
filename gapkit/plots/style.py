"""One look for all pictures, applied for the time of drawing only."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["COLORS", "new_axes", "style", "write_note"]

# Okabe and Ito's palette, told apart with any colour vision.
COLORS = {
    "amortization_gap": "#D55E00",
    "approximation_gap": "#0072B2",
    "mixture": "#0072B2",
    "ais": "#E69F00",
    "rung": "#222222",
    "side": "#767676",
    "guide": "#B0B0B0",
}

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


def new_axes(width: float, height: float) -> Axes:
    """Axes on a figure of their own, in inches; pyplot does not know of it, so nothing has to be closed."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def write_note(ax: Axes, text: str) -> None:
    """Say in words why there is nothing to draw."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=COLORS["side"])
