"""Variational families: transports of Gaussian noise, and mixtures of them."""

from gapkit.families.auxiliary import AuxiliaryFlow
from gapkit.families.distribution import TransportDistribution
from gapkit.families.flow import CouplingFlow, TransformedGaussian
from gapkit.families.gaussian import DiagonalGaussian, FullRankGaussian
from gapkit.families.gaussian_mixture import GaussianMixture
from gapkit.families.low_rank import LowRankGaussian
from gapkit.families.mixture import Mixture
from gapkit.families.own import Family
from gapkit.families.protocol import Posterior, Proposal, Transport

__all__ = [
    "AuxiliaryFlow",
    "CouplingFlow",
    "DiagonalGaussian",
    "Family",
    "FullRankGaussian",
    "GaussianMixture",
    "LowRankGaussian",
    "Mixture",
    "Posterior",
    "Proposal",
    "TransformedGaussian",
    "Transport",
    "TransportDistribution",
]
