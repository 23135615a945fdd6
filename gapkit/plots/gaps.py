"""How rungs and gaps look in every picture: their words where room is short, and their marks."""

from collections.abc import Iterable, Sequence
from itertools import cycle

from matplotlib.axes import Axes

from gapkit.ladder import Gap, Rung

__all__ = ["broken", "draw_gap", "marks", "with_part", "write_above"]

_MARKS = ("o", "D", "s", "^", "v", "P")


def with_part(gap: Gap, apart: str = " ") -> str:
    r"""The label of a gap and whose it is, where that is the family or the encoder.

    Args:
        gap: of a ladder.
        apart: what stands before its last word; a line break where room is short.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> with_part(STANDARD.gaps[0]), with_part(STANDARD.total, "\n")
        ('approximation gap (family)', 'total gap')
    """
    if gap.labelled == gap.label:
        return gap.label
    return gap.labelled.replace(gap.label, broken(gap.label, apart), 1)


def broken(label: str, apart: str = "\n") -> str:
    """A label with its last word on a line of its own."""
    return apart.join(label.rsplit(" ", 1))


def marks(parts: Iterable[Rung | Gap], looks: Iterable[str] = _MARKS) -> dict[str, str]:
    """Marks or dashes of rungs or gaps by name, in their order, again from the first where there are more.

    Example:
        >>> from gapkit.ladder import STANDARD
        >>> marks(reversed(STANDARD.rungs))
        {'elbo': 'o', 'elbo_star': 'D', 'log_px': 's'}
    """
    return {part.name: look for part, look in zip(parts, cycle(looks), strict=False)}


def draw_gap(ax: Axes, row: float, ends: Sequence[float], whisker: Sequence[float], color: str) -> None:
    """Draw a gap as a bar between two levels, and its interval, if there is one, as a whisker at the lower."""
    ax.plot(ends, [row, row], color=color, linewidth=6, solid_capstyle="butt", alpha=0.55, zorder=2)
    ax.plot(whisker, [row] * len(whisker), color=color, linewidth=1.4, marker="|", markersize=9, zorder=3)


def write_above(ax: Axes, row: float, place: float, text: str, edge: float) -> None:
    """Write above a row, in the middle of a place in nats, no nearer to the sides than a share of the axes."""
    left, right = ax.get_xlim()
    ax.annotate(
        text,
        (min(max((place - left) / (right - left), edge), 1 - edge), row),
        xycoords=ax.get_yaxis_transform(),
        xytext=(0, 7),
        textcoords="offset points",
        ha="center",
        fontsize=8.5,
        zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
    )
