"""Variational families: transports of Gaussian noise, mixtures of them, and the prior as a proposal."""

from gapkit.families.auxiliary import AuxiliaryFlow
from gapkit.families.distribution import TransportDistribution
from gapkit.families.flow import CouplingFlow, TransformedGaussian
from gapkit.families.gaussian import DiagonalGaussian, FullRankGaussian
from gapkit.families.gaussian_mixture import GaussianMixture
from gapkit.families.low_rank import LowRankGaussian
from gapkit.families.mixture import Mixture
from gapkit.families.prior import PriorProposal
from gapkit.families.protocol import Posterior, Proposal, Transport
from gapkit.families.recognise import as_proposal, family_name, recognise

__all__ = [
    "AuxiliaryFlow",
    "CouplingFlow",
    "DiagonalGaussian",
    "FullRankGaussian",
    "GaussianMixture",
    "LowRankGaussian",
    "Mixture",
    "Posterior",
    "PriorProposal",
    "Proposal",
    "TransformedGaussian",
    "Transport",
    "TransportDistribution",
    "as_proposal",
    "family_name",
    "recognise",
]
