"""Pictures: each takes a result, a comparison, results by name or a scored table, and returns the Axes it drew on."""

from gapkit.plots.aggregate import aggregate
from gapkit.plots.amortization import amortization
from gapkit.plots.bits_per_dimension import bits_per_dimension
from gapkit.plots.certificate import certificate
from gapkit.plots.class_gaps import class_gaps
from gapkit.plots.compare import differences, ladders
from gapkit.plots.contours import contours
from gapkit.plots.convergence import ais_convergence, fit_convergence
from gapkit.plots.gallery import gallery
from gapkit.plots.gap_bars import gap_bars
from gapkit.plots.gap_distributions import gap_distributions
from gapkit.plots.gap_scatter import gap_scatter
from gapkit.plots.iwae_curve import iwae_curve
from gapkit.plots.ladder import ladder
from gapkit.plots.latent_correlations import latent_correlations
from gapkit.plots.latents import latents
from gapkit.plots.reliability import reliability
from gapkit.plots.roc import roc
from gapkit.plots.samples import samples
from gapkit.plots.sandwich import sandwich
from gapkit.plots.score_histogram import score_histogram, score_histograms
from gapkit.plots.semi_amortized import semi_amortized
from gapkit.plots.series import series
from gapkit.plots.simulated import simulated
from gapkit.plots.style import style
from gapkit.plots.weights import weights

__all__ = [
    "aggregate",
    "ais_convergence",
    "amortization",
    "bits_per_dimension",
    "certificate",
    "class_gaps",
    "contours",
    "differences",
    "fit_convergence",
    "gallery",
    "gap_bars",
    "gap_distributions",
    "gap_scatter",
    "iwae_curve",
    "ladder",
    "ladders",
    "latent_correlations",
    "latents",
    "reliability",
    "roc",
    "samples",
    "sandwich",
    "score_histogram",
    "score_histograms",
    "semi_amortized",
    "series",
    "simulated",
    "style",
    "weights",
]
