"""Pictures of a result: each takes a :class:`gapkit.results.Result` and returns the Axes it drew on."""

from gapkit.plots.certificate import certificate
from gapkit.plots.compare import differences, ladders
from gapkit.plots.gap_bars import gap_bars
from gapkit.plots.gap_distributions import gap_distributions
from gapkit.plots.gap_scatter import gap_scatter
from gapkit.plots.ladder import ladder
from gapkit.plots.roc import roc
from gapkit.plots.sandwich import sandwich
from gapkit.plots.score_histogram import score_histogram, score_histograms
from gapkit.plots.semi_amortized import semi_amortized
from gapkit.plots.series import series
from gapkit.plots.style import style
from gapkit.plots.weights import weights

__all__ = [
    "certificate",
    "differences",
    "gap_bars",
    "gap_distributions",
    "gap_scatter",
    "ladder",
    "ladders",
    "roc",
    "sandwich",
    "score_histogram",
    "score_histograms",
    "semi_amortized",
    "series",
    "style",
    "weights",
]
