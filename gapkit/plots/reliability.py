"""Whether the claimed errors of log p(x) are right: how often intervals hold what they should."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from gapkit.core.coverage import Coverage, coverage
from gapkit.core.errors import InputError
from gapkit.ladder import error_of
from gapkit.plots.khat import tails
from gapkit.plots.reading import column, rows_of
from gapkit.plots.selection import split_name, title_of
from gapkit.plots.style import COLORS, legend_below, picture, write_note
from gapkit.results import Result

__all__ = ["FEWEST", "reliability", "standardised"]

_ROUTES = ("pooled", "ais")  # two estimates of log p(x) that share no noise
FEWEST = 10


def reliability(
    result: Result, ax: Axes | None = None, split: str | None = None, truth: np.ndarray | None = None
) -> Axes:
    """Draw how many intervals around log p(x) hold what they should, against their level.

    Without ``truth`` it is the difference of two estimates that share no noise, importance sampling and AIS, on the
    datapoints that have both and whose importance weights can be trusted: with right errors the intervals of the
    difference hold zero as often as they say. The grey band has 95% of the shares that right errors would give with so
    many datapoints. Below it errors are claimed too small, above it too large.

    Args:
        result: of an analysis.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the first.
        truth: log p(x) of each datapoint of the split in nats where it is known, shape (N,): then it is the difference
            of the reported log p(x) from that.

    Raises:
        InputError: the result has no such split, or ``truth`` has another length.
    """
    name = split_name(result, split)
    standard = standardised(result, name, truth)
    with picture(ax, 4.2, 3.6, title_of(name, len(standard), 0)) as ax:
        if len(standard) < FEWEST:
            write_note(ax, f"fewer than {FEWEST} datapoints have two estimates")
            return ax
        _draw(ax, coverage(standard))
    return ax


def standardised(result: Result, split: str | None = None, truth: np.ndarray | None = None) -> np.ndarray:
    """What the picture is made of: differences in units of their claimed standard errors, shape (M,).

    Raises:
        InputError: the result has no such split, or ``truth`` has another length.
    """
    rows = rows_of(result, split)
    if truth is not None:
        if np.shape(truth) != (len(rows),):
            found = f"shape {np.shape(truth)}"
            raise InputError(f"truth of shape ({len(rows)},)", found, "give log p(x) of each datapoint of the split")
        top = result.ladder.top.name
        difference, error = column(rows, top) - truth, column(rows, error_of(top))
    else:
        one, other = _ROUTES
        difference = column(rows, one) - column(rows, other)
        error = np.hypot(column(rows, error_of(one)), column(rows, error_of(other)))
        difference = difference.where(tails(result, f"{one}_khat", split).trusted)
    values, error = difference.to_numpy(float), np.asarray(error, float)
    certain = (error == 0.0) & np.isfinite(values)  # an error of zero is right of nothing but zero
    values = np.where(certain, np.where(values == 0.0, 0.0, np.inf), values / np.where(error > 0, error, np.nan))
    return np.asarray(values[~np.isnan(values)])


def _draw(ax: Axes, found: Coverage) -> None:
    import seaborn as sns

    ax.fill_between(found.levels, found.low, found.high, color=COLORS["guide"], alpha=0.5, linewidth=0)
    (ideal,) = ax.plot([0, 1], [0, 1], color=COLORS["side"], linestyle="--", linewidth=1)
    sns.lineplot(x=found.levels, y=found.shares, color=COLORS["family"], linewidth=1.8, errorbar=None, ax=ax)
    share = found.at(0.95)[0]
    ax.plot(0.95, share, color=COLORS["family"], marker="o", markersize=5, clip_on=False)
    ax.text(0.97, 0.05, f"95% intervals: {share:.0%} hold", transform=ax.transAxes, ha="right")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("level of the intervals")
    ax.set_ylabel("intervals that hold what they should")
    ideal.set_label("errors as claimed")
    band = ax.collections[0]
    band.set_label(f"chance, {found.count:,} datapoints")
    legend_below(ax, [ideal, band], 2, 38.0)
