"""Which latents of the aggregate posterior go together, where those of the prior do not."""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from scipy import stats

from gapkit.plots.aggregate import aggregated
from gapkit.plots.names import shortened
from gapkit.plots.selection import split_name
from gapkit.plots.style import COLORS, picture, write_note
from gapkit.results import Result

__all__ = ["Correlated", "correlated", "latent_correlations"]

_LEVEL = 0.05
_FEWEST = 10  # draws
_WRITTEN = 12  # dimensions whose numbers find room in the cells


@dataclass(frozen=True)
class Correlated:
    """Correlations under q(z), of K dimensions in their order.

    Attributes:
        dimensions: their numbers, shape (K,).
        values: shape (K, K); zero where a dimension does not vary.
        draws: how many they are of.
        pair: the dimensions of the strongest one.
        strongest: its value.
    """

    dimensions: np.ndarray
    values: np.ndarray
    draws: int
    pair: tuple[int, int]
    strongest: float

    @property
    def chance(self) -> float:
        """What the strongest of independent latents stays below in 95 of 100 cases, by Fisher's z and Bonferroni."""
        pairs = len(self.dimensions) * (len(self.dimensions) - 1) / 2
        return math.tanh(float(stats.norm.isf(_LEVEL / pairs / 2)) / math.sqrt(self.draws - 3))


def correlated(result: Result, split: str | None = None) -> Correlated | None:
    """What the picture shows; None where there are no draws of several latents.

    Raises:
        InputError: the result has no such split.
    """
    found = aggregated(result, split)
    if found is None or len(found.dimensions) < 2 or len(found.q) < _FEWEST:
        return None
    order = np.argsort(found.dimensions)
    dimensions, q = found.dimensions[order], found.q[:, order].astype(float)
    deviation = (q - q.mean(0)) / np.where(q.std(0) > 0, q.std(0), np.inf)
    values = deviation.T @ deviation / len(q)
    below = np.tril(values, -1)
    row, column = np.unravel_index(np.abs(below).argmax(), below.shape)
    pair = int(dimensions[column]), int(dimensions[row])
    return Correlated(dimensions, values, len(q), pair, float(below[row, column]))


def latent_correlations(result: Result, ax: Axes | None = None, split: str | None = None) -> Axes:
    """Draw the correlations of latents under q(z) = E[q(z|x)], in the dimensions farthest from the prior.

    Of independent latents all are zero but for noise. A number beyond what the title calls chance, 95% for all pairs
    together, says that datapoints tie these latents together; samples of a prior of independent ones do not.

    Args:
        result: of an analysis with ``details``.
        ax: where to draw; None makes a figure of its own.
        split: which split; None takes the one that the details are of.

    Raises:
        InputError: the result has no such split.
    """
    name = split_name(result, result.run.get("details", {}).get("split") if split is None else split)
    found = correlated(result, name)
    with picture(ax, 4.6, 3.9, shortened(name)) as ax:
        if found is None:
            write_note(ax, "no draws of q(z) of several latents were kept")
            return ax
        import seaborn as sns

        labels = [f"z_{number}" for number in found.dimensions.tolist()]
        sns.heatmap(
            found.values.round(2) + 0.0,  # no minus before a zero
            mask=np.triu(np.ones_like(found.values, bool)),
            vmin=-1.0,
            vmax=1.0,
            cmap=sns.diverging_palette(245, 30, s=90, l=45, as_cmap=True),
            annot=len(labels) <= _WRITTEN,
            fmt=".2f",
            annot_kws={"fontsize": 6.5},
            linewidths=0.5,
            xticklabels=labels,
            yticklabels=labels,
            cbar_kws={"label": "correlation under q(z)", "shrink": 0.8},
            ax=ax,
        )
        ax.set_title(f"{shortened(name)}: {found.draws:,} draws, chance ±{found.chance:.2f}", parse_math=False)
        ax.tick_params(length=0, labelrotation=0, labelcolor=COLORS["rung"])
    return ax
