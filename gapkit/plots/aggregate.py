"""The aggregate posterior q(z) beside the prior: where samples of the model come from, and where data are encoded."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name
from gapkit.plots.style import COLORS, legend_below, picture, write_note
from gapkit.results import Result
from gapkit.results.aggregate import apart

__all__ = ["Aggregate", "aggregate", "aggregated"]

_ROOM = 38.0
_COLORS = {"q(z), all data": COLORS["encoder"], "prior p(z)": COLORS["side"]}
_REGIONS = (0.05, 0.5)  # contours leave so much of each density outside
_MANY = 300  # draws; above, they become one image


@dataclass(frozen=True)
class Aggregate:
    """Draws of q(z) and of the prior in the dimensions in which they differ most.

    Attributes:
        dimensions: their numbers, shape (K,), the one that differs most first.
        q: draws of q(z), one for each datapoint, shape (M, K).
        prior: as many of the prior.
        apart: how many of all dimensions are clearly not those of the prior, see :mod:`gapkit.results.aggregate`.
        of: how many dimensions there are.
    """

    dimensions: np.ndarray
    q: np.ndarray
    prior: np.ndarray
    apart: int
    of: int


def aggregated(result: Result, split: str | None = None) -> Aggregate | None:
    """What the picture shows; None where it was not kept, or is of another split.

    Raises:
        InputError: the result has no such split.
    """
    of = result.run.get("details", {}).get("split")
    if of not in (None, split_name(result, of if split is None else split)):
        return None
    kept = result.details
    names = ("aggregate_dimensions", "aggregate_q", "aggregate_prior", "aggregate_departure")
    if not all(name in kept for name in names) or not len(kept["aggregate_q"]):
        return None
    dimensions, q, prior, departure = (np.asarray(kept[name]) for name in names)
    finite = np.isfinite(q).all(1) & np.isfinite(prior).all(1)  # of a run that somebody has changed
    q, prior = q[finite], prior[finite]
    if not len(q):
        return None
    return Aggregate(dimensions, q, prior, int(apart(departure, len(q)).sum()), len(departure))


def aggregate(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the aggregate posterior, q(z) = E[q(z|x)] over the data, beside the prior.

    At the left the two dimensions in which they differ most: a dot is a draw of q(z|x), one for each datapoint; the
    lines hold half and 95% of the draws of each. At the right each dimension by itself, those that differ most first,
    with medians and quartiles.

    Args:
        result: of an analysis with ``details``.
        ax: where to draw, divided into panels; None makes a figure of its own.
        split: which split; None takes the one that the details are of.

    Returns:
        The axes; the panels are its ``child_axes``.

    Raises:
        InputError: the result has no such split.
    """
    name = split_name(result, result.run.get("details", {}).get("split") if split is None else split)
    found = aggregated(result, name)
    with picture(ax, 6.6, 3.3, shortened(name)) as ax:
        if found is None:
            write_note(ax, "no draws of q(z) were kept")
            return ax
        ax.set_title(f"{shortened(name)}: {len(found.q):,} draws of q(z), as many of the prior", parse_math=False)
        ax.set_axis_off()
        boxes = ax
        if len(found.dimensions) > 1:
            plane, boxes = ax.inset_axes((0.0, 0.0, 0.4, 1.0)), ax.inset_axes((0.52, 0.0, 0.48, 1.0))
            _draw_plane(plane, found)
        else:
            boxes = ax.inset_axes((0.0, 0.0, 1.0, 1.0))
        _draw_boxes(boxes, found)
    return ax


def _draw_plane(ax: Axes, found: Aggregate) -> None:
    import seaborn as sns

    first, second = found.dimensions[:2].tolist()
    q, prior = found.q[:, :2], found.prior[:, :2]
    ax.scatter(
        q[:, 0], q[:, 1], s=5, color=COLORS["encoder"], alpha=0.35, linewidth=0, zorder=1, rasterized=len(q) > 300
    )
    for (label, color), draws in zip(_COLORS.items(), (q, prior), strict=True):
        if len(draws) > 2 and np.linalg.matrix_rank(np.cov(draws.T)) == 2:
            sns.kdeplot(x=draws[:, 0], y=draws[:, 1], levels=_REGIONS, color=color, linewidths=1.3, ax=ax, label=label)
    ax.set_xlabel(f"z_{first}", parse_math=False)
    ax.set_ylabel(f"z_{second}", parse_math=False)


def _draw_boxes(ax: Axes, found: Aggregate) -> None:
    import seaborn as sns

    names = [f"z_{number}" for number in found.dimensions.tolist()]
    tables = [
        pd.DataFrame(draws, columns=names).melt(var_name="dimension", value_name="z").assign(of=label)
        for label, draws in zip(_COLORS, (found.q, found.prior), strict=True)
    ]
    sns.violinplot(
        pd.concat(tables, ignore_index=True),
        x="dimension",
        y="z",
        hue="of",
        palette=_COLORS,
        split=True,
        gap=0.1,
        inner="quart",
        density_norm="width",
        width=0.85,
        linewidth=0.7,
        legend=False,
        ax=ax,
    )
    ax.set_xlabel("latent dimension, most different first" if len(names) > 1 else "latent dimension")
    ax.set_ylabel("z")
    patches: list[Patch | Line2D] = [Patch(color=color, label=label) for label, color in _COLORS.items()]
    legend_below(ax, patches, 2, _ROOM)
