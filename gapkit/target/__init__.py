"""The unnormalised posterior log p(x, z) of a batch, its gradients, and what proposals for it are made of."""

from gapkit.target.prior_proposal import PriorProposal
from gapkit.target.recognise import as_proposal, family_name, recognise
from gapkit.target.standard_prior import standard_normal_prior
from gapkit.target.target import Target

__all__ = ["PriorProposal", "Target", "as_proposal", "family_name", "recognise", "standard_normal_prior"]
