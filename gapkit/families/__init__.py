"""Variational families: transports of Gaussian noise, and mixtures of them."""

from gapkit.families.auxiliary import AuxiliaryFlow
from gapkit.families.distribution import TransportDistribution
from gapkit.families.flow import CouplingFlow, TransformedGaussian
from gapkit.families.gaussian import DiagonalGaussian, FullRankGaussian
from gapkit.families.gaussian_mixture import GaussianMixture
from gapkit.families.grouped import Conditionals, GroupedGaussian
from gapkit.families.low_rank import LowRankGaussian
from gapkit.families.mixture import Mixture
from gapkit.families.own import Family
from gapkit.families.positive import LogGamma, LogWeibull
from gapkit.families.protocol import Posterior, Proposal, Transport
from gapkit.families.simplex import LogitBeta, LogRatioDirichlet

__all__ = [
    "STORED",
    "AuxiliaryFlow",
    "Conditionals",
    "CouplingFlow",
    "DiagonalGaussian",
    "Family",
    "FullRankGaussian",
    "GaussianMixture",
    "GroupedGaussian",
    "LogGamma",
    "LogRatioDirichlet",
    "LogWeibull",
    "LogitBeta",
    "LowRankGaussian",
    "Mixture",
    "Posterior",
    "Proposal",
    "TransformedGaussian",
    "Transport",
    "TransportDistribution",
]

# Those that are tensors and nothing else; members of the others hold code of the model.
STORED = (
    AuxiliaryFlow,
    CouplingFlow,
    DiagonalGaussian,
    FullRankGaussian,
    GaussianMixture,
    LogGamma,
    LogRatioDirichlet,
    LogWeibull,
    LogitBeta,
    LowRankGaussian,
    Mixture,
)
