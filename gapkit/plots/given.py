"""Means with intervals of their own: seaborn draws them as the result has them, and computes none."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from gapkit.core.means import Uncertain
from gapkit.results.records import NoisyMean

__all__ = ["draw_line", "draw_means", "ends_of"]


_Estimate = Uncertain | NoisyMean


def draw_means(
    ax: Axes, places: Iterable[float], means: Sequence[_Estimate], across: bool = False, cap: str = "_", **look: Any
) -> None:
    """Draw means as marks and their 95% intervals as whiskers; one without an interval has no whisker.

    Args:
        ax: where to draw.
        places: of the means along the other axis, all different.
        means: in nats, none of them unknown.
        across: whether nats are on the horizontal axis.
        cap: the mark at the ends of the whiskers.
        look: of the marks and the line through them, as :func:`seaborn.pointplot` calls it.
    """
    import seaborn as sns

    look = {"markers": "o", "markersize": 4.5, "linewidth": 1.4, "markeredgewidth": 1.0, "zorder": 3, **look}
    sns.pointplot(
        _table(places, means),
        x="nats" if across else "place",
        y="place" if across else "nats",
        orient="y" if across else "x",
        native_scale=True,
        estimator=_mean,
        errorbar=_interval,
        err_kws={"linewidth": 1.4, "marker": cap, "markersize": 6, "zorder": look["zorder"] - 0.5},
        legend=False,
        ax=ax,
        **look,
    )


def draw_line(ax: Axes, places: Sequence[float], means: Sequence[_Estimate], band: bool = True, **look: Any) -> None:
    """Draw means as a line with marks and their 95% intervals as a band, in their order; two may have one place.

    Args:
        ax: where to draw.
        places: of the means on the horizontal axis.
        means: in nats, none of them unknown.
        band: whether the intervals are drawn.
        look: of the line, as :func:`seaborn.lineplot` calls it.
    """
    import seaborn as sns

    values = [mean.value for mean in means]
    look["markeredgecolor"] = look["color"]
    sns.lineplot(x=places, y=values, estimator=None, sort=False, legend=False, ax=ax, **look)
    if band:
        low, high = np.array([mean.ci95 or (np.nan, np.nan) for mean in means]).T
        ax.fill_between(places, low, high, color=look["color"], alpha=0.18, linewidth=0, zorder=2)


def ends_of(means: Iterable[_Estimate]) -> list[float]:
    """The means and the ends of their intervals: what has to be inside the axes."""
    return [number for mean in means for number in _numbers(mean)]


def _numbers(mean: _Estimate) -> tuple[float, ...]:
    return (mean.value, *(mean.ci95 or ()))


def _table(places: Iterable[float], means: Iterable[_Estimate]) -> pd.DataFrame:
    """For each place the mean and, where it has one, the two ends of its interval, in this order."""
    rows = [(place, number) for place, mean in zip(places, means, strict=True) for number in _numbers(mean)]
    return pd.DataFrame(rows, columns=["place", "nats"], dtype=float)


def _mean(numbers: pd.Series) -> float:
    return float(numbers.iloc[0])


def _interval(numbers: pd.Series) -> tuple[float, float]:
    """The ends; seaborn does not ask where there is a mean alone."""
    return float(numbers.iloc[1]), float(numbers.iloc[2])
