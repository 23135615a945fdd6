"""Variational families: transports of Gaussian noise, mixtures of them, and the prior as a proposal."""

from gapkit.families.flow import TransformedGaussian
from gapkit.families.gaussian import DiagonalGaussian, FullRankGaussian
from gapkit.families.mixture import Mixture
from gapkit.families.prior import PriorProposal
from gapkit.families.protocol import Proposal, Transport
from gapkit.families.recognise import as_proposal, family_name, recognise

__all__ = [
    "DiagonalGaussian",
    "FullRankGaussian",
    "Mixture",
    "PriorProposal",
    "Proposal",
    "TransformedGaussian",
    "Transport",
    "as_proposal",
    "family_name",
    "recognise",
]
