"""Datapoints side by side in an order: marks with two standard errors, and a strip of rates below them."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gapkit.plots.style import COLORS

__all__ = ["MANY", "draw_rates", "frame", "marks", "two_errors", "two_panels"]

MANY = 200  # datapoints; above, they become one image, else the drawing would weigh too much


def two_panels(ax: Axes) -> tuple[Axes, Axes]:
    """Divide axes into a large panel and a strip below it."""
    ax.set_axis_off()
    return ax.inset_axes((0.0, 0.33, 1.0, 0.67)), ax.inset_axes((0.0, 0.0, 1.0, 0.24))


def two_errors(errors: np.ndarray) -> np.ndarray:
    """Two standard errors; none where they are unknown."""
    return 2.0 * np.nan_to_num(np.asarray(errors, float), posinf=0.0)


def marks(
    ax: Axes,
    y: np.ndarray,
    color: str,
    errors: np.ndarray | None = None,
    shift: float = 0.0,
    filled: bool = True,
    size: int = 16,
    label: str = "",
) -> None:
    """Draw a mark, and a line as long as its error to both sides, for each datapoint whose number is finite."""
    here, many = np.isfinite(y), len(y) > MANY
    x, y = np.flatnonzero(here) + shift, y[here]
    if errors is not None:
        # An image does not follow the theme of a page, so its neutral colour is one for light and dark.
        look = (COLORS["side"], 0.2, 0.5) if many else (color, 0.45, 1.2)
        ends = y - errors[here], y + errors[here]
        ax.vlines(x, *ends, color=look[0], alpha=look[1], linewidth=look[2], zorder=2, rasterized=many)
    face, line = (color, 0.0) if filled else ("none", 0.9)
    area = 5 if many else size
    ax.scatter(x, y, s=area, facecolors=face, edgecolors=color, linewidths=line, zorder=3, rasterized=many, label=label)


def draw_rates(ax: Axes, rates: Mapping[str, tuple[np.ndarray, str, bool]], aim: float | None) -> None:
    """Draw acceptance rates of chains, and a dashed line at the rate aimed for.

    Args:
        ax: a strip.
        rates: by whose they are: the rates, shape (N,), their colour, and whether marks are filled.
        aim: None where it is not recorded.
    """
    for text, (values, color, filled) in rates.items():
        marks(ax, values, color, filled=filled, size=12, label=text)
    if aim is not None:
        ax.axhline(aim, color=COLORS["side"], linestyle="--", linewidth=1, zorder=1)
    ax.set_ylim(-0.05, 1.05)
    ax.set_yticks([0.0, 0.5, 1.0])
    ax.set_ylabel("acceptance")


def frame(ax: Axes, count: int) -> None:
    """One place for each of the datapoints, without numbers."""
    ax.set_xticks([])
    ax.set_xlabel("")
    ax.set_xlim(-0.5 - 0.02 * count, count - 0.5 + 0.02 * count)
