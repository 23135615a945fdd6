"""Maps of single posteriors: the true one beside q, q* and another family's q*, on a grid over two latent axes."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gapkit.core.regions import MASS, level_of
from gapkit.plots.names import shortened
from gapkit.plots.reading import rows_of
from gapkit.plots.selection import split_name
from gapkit.plots.style import COLORS, picture, write_note
from gapkit.results import Result
from gapkit.results.posterior_draws import collapsed_maps

__all__ = ["contours"]

_MASSES = (MASS, 0.5)
_WIDTH, _HEIGHT = 1.45, 1.25  # inches of a panel
_SHADES = (0.22, 0.5)
_POINTS = 200
_COLUMN_COLORS = (COLORS["rung"], COLORS["encoder"], COLORS["family"], COLORS["trusted"])


def contours(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw maps of a few posteriors: a datapoint in each row, the true posterior, q and fitted q* in the columns.

    Lines enclose 50% and 95% of each density; the number in a corner says how much of the true posterior lies within
    its 95%. With two latents the axes are these, and the true posterior is exact: its
    95% and 50% regions are grey in every panel of the row. With more, the axes are the two directions in which the
    posterior is farthest from q, in q's standard deviations; the lines are those of the marginals there, and the true
    posterior is known by draws (grey points). Where their importance weights have collapsed onto a few draws, the row
    says so in the place of the posterior.

    Args:
        result: of an analysis with ``details``.
        ax: where to draw; None makes a figure of its own. The panels are inset into it (``ax.child_axes``), row by row.
        split: which split; None takes the one that the details are of.

    Raises:
        InputError: the result has no such split.
    """
    of = result.run.get("details", {}).get("split")
    name = split_name(result, of if split is None else split)
    maps = {key.removeprefix("contours_"): part for key, part in result.details.items() if key.startswith("contours_")}
    known = bool(maps) and of in (None, name)
    rows, columns = maps["log_density"].shape[:2] if known else (1, 3)
    with picture(ax, 0.9 + _WIDTH * columns, 0.7 + _HEIGHT * rows, shortened(name)) as ax:
        if not known:
            write_note(ax, "no maps of posteriors")
            return ax
        ax.set_title(f"{shortened(name)}: {_axes_in_words(maps)}", pad=22, parse_math=False)
        ax.set_axis_off()
        gaps = rows_of(result, name).set_index("index")[result.ladder.total.name].to_dict()
        for row, collapsed in enumerate(collapsed_maps(result.details).tolist()):
            for column in range(columns):
                _draw(_panel(ax, row, column, rows, columns), maps, row, column, collapsed)
        _head(ax, maps, gaps)
    return ax


def _panel(ax: Axes, row: int, column: int, rows: int, columns: int) -> Axes:
    wide, high = 1 / columns, 1 / rows
    panel = ax.inset_axes((column * wide + 0.03 * wide, 1 - (row + 1) * high + 0.03 * high, 0.94 * wide, 0.94 * high))
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_visible(True)
        spine.set_color(COLORS["guide"])
    return panel


def _draw(panel: Axes, maps: Mapping[str, np.ndarray], row: int, column: int, collapsed: bool) -> None:
    x, y, density = maps["x"][row], maps["y"][row], maps["log_density"][row]
    panel.set_xlim(x[0], x[-1])
    panel.set_ylim(y[0], y[-1])
    if collapsed:
        if column == 0:
            write_note(panel, f"not known:\n{maps['effective'][row]:.1f} effective\ndraws")
    elif np.isfinite(density[0]).any():
        levels = _levels(density[0])
        if levels:
            shades = [(COLORS["side"], alpha) for alpha in _SHADES[-len(levels) :]]
            top = max(float(density[0].max()), levels[-1]) + 1.0
            filled = panel.contourf(x, y, _floored(density[0], levels), levels=[*levels, top], colors=shades)
            filled.set(antialiased=True, rasterized=True)  # as paths, the same regions four times over are heavy
    else:
        points = maps["points"][row][:_POINTS]
        panel.scatter(
            points[:, 0], points[:, 1], s=4, color=COLORS["side"], alpha=0.45, linewidths=0, zorder=1, rasterized=True
        )
    levels = _levels(density[column])
    if levels:
        color = _COLUMN_COLORS[column % len(_COLUMN_COLORS)]
        widths = [0.9, 1.5][-len(levels) :]
        panel.contour(
            x,
            y,
            _floored(density[column], levels),
            levels=levels,
            colors=[color],
            linewidths=widths,
            linestyles="solid",
        )
    inside = maps["inside"][row][column]
    if column and np.isfinite(inside) and not collapsed:
        panel.text(0.04, 0.03, f"{inside:.0%}", transform=panel.transAxes, fontsize=7.5, color=COLORS["side"], zorder=3)


def _floored(log_density: np.ndarray, levels: list[float]) -> np.ndarray:
    """The density without minus infinity, which is no number to draw a line beside."""
    return np.maximum(log_density, levels[0] - 50.0)


def _levels(log_density: np.ndarray) -> list[float]:
    """Levels that rise, for the lines; none for a density that is not known or flat."""
    if not np.isfinite(log_density).any():
        return []
    low, high = (level_of(log_density, mass) for mass in _MASSES)
    top = float(np.max(log_density[np.isfinite(log_density)]))
    return [low, high] if low < high < top else [low] if low < top else []


def _head(ax: Axes, maps: Mapping[str, np.ndarray], gaps: Mapping[int, float]) -> None:
    rows, columns = maps["log_density"].shape[:2]
    for column, words in enumerate(maps["columns"].tolist()):
        ax.text((column + 0.5) / columns, 1.01, words, transform=ax.transAxes, ha="center", va="bottom", fontsize=8.5)
    for row, index in enumerate(maps["index"].tolist()):
        gap = f"\ngap {gaps[index]:.2f}" if index in gaps else ""
        ax.text(
            -0.01,
            1 - (row + 0.5) / rows,
            f"#{index}{gap}",
            transform=ax.transAxes,
            ha="right",
            va="center",
            fontsize=8.5,
        )


def _axes_in_words(maps: Mapping[str, np.ndarray]) -> str:
    dimensions = maps["plane"].shape[2]
    if dimensions == 2:
        return "both latents"
    return f"two of {dimensions} directions, where each posterior is farthest from q"
