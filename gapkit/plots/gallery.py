"""The worst datapoints as pictures: data, reconstructions under q and under q*, and one from the true posterior."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from gapkit.plots.names import shortened
from gapkit.plots.reading import rows_of
from gapkit.plots.selection import split_name
from gapkit.plots.style import COLORS, picture, write_note
from gapkit.plots.tiles import Strip, as_pictures, draw_tiles, place
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
    count = len(result.details["worst_index"]) if pictures else 4
    with picture(ax, 1.1 + 0.78 * max(count, 3), 4.8, shortened(name)) as ax:
        if not pictures:
            write_note(ax, "no pictures of datapoints")
            return ax
        pad = 30 + 10 * ((len(result.ladder.gaps) - 1) // _ABREAST)  # for further lines above the columns
        many = "" if count == 1 else f"{count} "
        words = f"{shortened(name)}: the {many}largest total gap{'' if count == 1 else 's'}"
        ax.set_title(words, pad=pad, parse_math=False)
        strips = [Strip(_ROWS[row], images, row == "difference") for row, images in pictures.items()]
        draw_tiles(ax, strips, pictures["x"])
        _write_headings(ax, _headings(result, name))
    return ax


def tiles(result: Result) -> dict[str, np.ndarray]:
    """The pictures by row, each of shape (N, H, W, 3) or (N, H, W); empty where the data are no images."""
    found = {}
    for row in _STORED:
        images = as_pictures(result.details.get(f"worst_{row}"))
        if images is None:
            return {}
        found[row] = images
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


def _write_headings(ax: Axes, headings: list[str]) -> None:
    ax.xaxis.tick_top()
    ax.set_xticks([place(column) for column in range(len(headings))], headings, fontsize=7.5)
    ax.tick_params(length=0)
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
