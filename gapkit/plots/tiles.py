"""Rows of pictures, all on one scale of brightness."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from gapkit.core.images import block_means, brightness, image_shape
from gapkit.plots.style import COLORS

__all__ = ["Strip", "as_pictures", "draw_tiles", "place"]

_SHADES = 31  # more cannot be distinguished, and make a heavier file
# Below zero the first of two is the brighter one, above it the second.
_CHANGE = LinearSegmentedColormap.from_list("change", [COLORS["encoder"], "#ffffff", COLORS["family"]], N=_SHADES)
_FAINTEST = 0.2  # of the range of brightness: differences are drawn no stronger than on this scale
_GAP = 0.06  # between tiles, in sides of a tile


@dataclass(frozen=True)
class Strip:
    """A row of pictures.

    Attributes:
        label: of the row.
        images: shape (N, H, W) or (N, H, W, 3).
        change: whether they are differences of pictures, which have a scale of their own.
    """

    label: str
    images: np.ndarray
    change: bool = False


def as_pictures(stored: np.ndarray | None) -> np.ndarray | None:
    """Data of shape (N, *x_shape) as images, shape (N, H, W) or (N, H, W, 3); None where they are none."""
    shape = None if stored is None else image_shape(stored.shape[1:])
    if stored is None or shape is None or not len(stored):
        return None
    images = stored.reshape(len(stored), *shape)
    return images[:, 0] if shape[0] == 1 else np.moveaxis(images, 1, -1)


def place(number: int) -> float:
    """Where the middle of a row or column of tiles is on its axis.

    Example:
        >>> place(0), place(1)
        (0.5, 1.56)
    """
    return number * (1 + _GAP) + 0.5


def draw_tiles(ax: Axes, strips: Sequence[Strip], data: np.ndarray) -> None:
    """Draw rows of pictures one below the other, with their labels at the left.

    Args:
        ax: where to draw.
        strips: the rows.
        data: pictures whose range of brightness is that of all.
    """
    low, high = brightness(data)
    changes = [np.abs(strip.images[np.isfinite(strip.images)]).max(initial=0.0) for strip in strips if strip.change]
    strongest = max([_FAINTEST, *(float(change) / (high - low) for change in changes)])
    for row, strip in enumerate(strips):
        for column, image in enumerate(strip.images):
            shown = (block_means(image.astype(float)) - (0.0 if strip.change else low)) / (high - low)
            shown = shown if strip.change else np.clip(shown, 0.0, 1.0)
            left, top = place(column) - 0.5, place(row) - 0.5
            ax.imshow(
                np.ma.masked_invalid(shown) if shown.ndim == 2 else np.nan_to_num(shown, nan=1.0),
                cmap=_CHANGE if strip.change else "gray",
                vmin=-strongest if strip.change else 0.0,
                vmax=strongest if strip.change else 1.0,
                extent=(left, left + 1, top + 1, top),
                interpolation="none",
            )
            if not np.isfinite(shown).any():
                ax.text(left + 0.5, top + 0.5, "not\nknown", ha="center", va="center", fontsize=7, color=COLORS["side"])
    ax.set_xlim(0, max(len(strip.images) for strip in strips) * (1 + _GAP) - _GAP)
    ax.set_ylim(len(strips) * (1 + _GAP) - _GAP, 0)
    ax.set_aspect("equal")
    ax.set_yticks([place(row) for row in range(len(strips))], [strip.label for strip in strips])
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
