"""The worst datapoints as pictures: data, reconstructions under q and under q*, and one from the true posterior."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from gapkit.core.images import image_shape
from gapkit.plots.names import shortened
from gapkit.plots.reading import rows_of
from gapkit.plots.selection import split_name
from gapkit.plots.style import COLORS, new_axes, style, write_note
from gapkit.results import Result
from gapkit.results.posterior_draws import collapsed_samples

__all__ = ["gallery", "tiles"]

_ROWS = {
    "x": "data x",
    "under_q": "under q",
    "under_q_star": "under q*",
    "difference": "q* minus q",
    "posterior_sample": "posterior\nsample",
}
_STORED = tuple(name for name in _ROWS if name != "difference")
_SHADES = 31  # more cannot be distinguished, and make a heavier file
# Below zero q is the brighter one, above it q*.
_CHANGE = LinearSegmentedColormap.from_list("change", [COLORS["encoder"], "#ffffff", COLORS["family"]], N=_SHADES)
_FAINTEST = 0.2  # of the range of brightness: differences are drawn no stronger than on this scale
_LARGEST = 36  # pixels of a drawn tile along each side: larger ones would make a heavy file for the same picture
_GAP = 0.06  # between tiles, in sides of a tile
_ABREAST = 2  # gaps above a column, for which there is room in a line


def gallery(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the datapoints with the largest total gaps, one in a column, with their gaps in nats above.

    From the top: the datapoint; the mean reconstruction under the encoder's q; under the fitted q*; the second minus
    the first (orange where q is brighter, blue where q* is); and from one draw of the true posterior, or an empty tile
    where none is known. All tiles share one scale of brightness, and the differences one of their own.

    Args:
        result: of an analysis with ``details``, of data that are images.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the one that the details are of.

    Raises:
        InputError: the result has no such split.
    """
    of = result.run.get("details", {}).get("split")
    name = split_name(result, of if split is None else split)
    pictures = tiles(result) if of in (None, name) else {}
    with style():
        count = len(result.details["worst_index"]) if pictures else 4
        ax = ax if ax is not None else new_axes(1.1 + 0.78 * max(count, 3), 4.8)
        if not pictures:
            ax.set_title(shortened(name), parse_math=False)
            write_note(ax, "no pictures of datapoints")
            return ax
        pad = 30 + 10 * ((len(result.ladder.gaps) - 1) // _ABREAST)  # for further lines above the columns
        many = "" if count == 1 else f"{count} "
        ax.set_title(
            f"{shortened(name)}: the {many}largest total gap{'' if count == 1 else 's'}", pad=pad, parse_math=False
        )
        _draw(ax, pictures, _headings(result, name))
    return ax


def tiles(result: Result) -> dict[str, np.ndarray]:
    """The pictures by row, each of shape (N, H, W, 3) or (N, H, W); empty where the data are no images."""
    found = {}
    for row in _STORED:
        stored = result.details.get(f"worst_{row}")
        shape = None if stored is None else image_shape(stored.shape[1:])
        if stored is None or shape is None or not len(stored):
            return {}
        images = stored.reshape(len(stored), *shape)
        found[row] = images[:, 0] if shape[0] == 1 else np.moveaxis(images, 1, -1)
    lost = collapsed_samples(result.details)
    found["posterior_sample"] = np.where(
        lost.reshape(-1, *[1] * (found["x"].ndim - 1)), np.nan, found["posterior_sample"].astype(float)
    )
    change = found["under_q_star"].astype(float) - found["under_q"].astype(float)
    found["difference"] = change if change.ndim == 3 else change.mean(-1)
    return {row: found[row] for row in _ROWS}


def _headings(result: Result, split: str) -> list[str]:
    rows, parts = rows_of(result, split).set_index("index"), result.ladder.gaps[::-1]
    headings = []
    for index in result.details["worst_index"].tolist():
        known = rows.loc[index] if index in rows.index else pd.Series(dtype=float)
        gaps = [f"{known.get(gap.name, math.nan):.2f}" for gap in parts]
        lines = [" + ".join(gaps[start : start + _ABREAST]) for start in range(0, len(gaps), _ABREAST)]
        headings.append(f"#{index}\n" + " +\n".join(lines))
    return headings


def _draw(ax: Axes, pictures: dict[str, np.ndarray], headings: list[str]) -> None:
    low, high = _brightness(pictures["x"])
    changes = np.abs(pictures["difference"][np.isfinite(pictures["difference"])]) / (high - low)
    strongest = max(_FAINTEST, float(changes.max()) if len(changes) else 0.0)
    for row, (name, images) in enumerate(pictures.items()):
        change = name == "difference"
        for column, image in enumerate(images):
            shown = (_smaller(image) - (0.0 if change else low)) / (high - low)
            shown = shown if change else np.clip(shown, 0.0, 1.0)
            left, top = column * (1 + _GAP), row * (1 + _GAP)
            ax.imshow(
                np.ma.masked_invalid(shown) if shown.ndim == 2 else np.nan_to_num(shown, nan=1.0),
                cmap=_CHANGE if change else "gray",
                vmin=-strongest if change else 0.0,
                vmax=strongest if change else 1.0,
                extent=(left, left + 1, top + 1, top),
                interpolation="none",
            )
            if not np.isfinite(shown).any():
                ax.text(left + 0.5, top + 0.5, "not\nknown", ha="center", va="center", fontsize=7, color=COLORS["side"])
    count = len(headings)
    ax.set_xlim(0, count * (1 + _GAP) - _GAP)
    ax.set_ylim(len(pictures) * (1 + _GAP) - _GAP, 0)
    ax.set_aspect("equal")
    ax.set_yticks([row * (1 + _GAP) + 0.5 for row in range(len(pictures))], [_ROWS[name] for name in pictures])
    ax.xaxis.tick_top()
    ax.set_xticks([column * (1 + _GAP) + 0.5 for column in range(count)], headings, fontsize=7.5)
    ax.annotate(
        "index\ngaps (nats)",
        (0, 1),
        xycoords="axes fraction",
        xytext=(-4, 3.5),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=7.5,
        color=COLORS["side"],
    )
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _brightness(images: np.ndarray) -> tuple[float, float]:
    """Black and white: 0 and 1, or what the data reach where they do not keep to that."""
    known = images[np.isfinite(images)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    low = min(low, 0.0) if low >= 0 else low
    return (low, high) if high > low else (low, low + 1.0)


def _smaller(image: np.ndarray) -> np.ndarray:
    """The image with no more than ``_LARGEST`` pixels along a side, each the mean of a block."""
    step = math.ceil(max(image.shape[:2]) / _LARGEST)
    if step == 1:
        return image.astype(float)
    height, width = (max(1, size // step) * step for size in image.shape[:2])
    cut = image[:height, :width].astype(float)
    return np.asarray(cut.reshape(height // step, step, width // step, step, *image.shape[2:]).mean((1, 3)))
