"""Wider copies of a mixture's heaviest Gaussian: a defence of importance weights."""

import torch

from gapkit.families import DiagonalGaussian, FullRankGaussian, Mixture
from gapkit.families.protocol import Transport

__all__ = ["defended", "wider_factors"]

# Shares of copies wider by one, two and three steps. Most is for the tails; the widest detect, by a heavy importance
# weight, a posterior that extends beyond its Gaussian.
_SHARES = (0.11, 0.02, 0.02)


def wider_factors(dim: int, count: int) -> list[float]:
    """How much wider the copies are: the radius of a Gaussian's draws varies by about 1 / sqrt(D), and so do these."""
    return [(1.0 + dim**-0.5) ** number for number in range(1, count + 1)]


def defended(proposal: Mixture) -> Mixture:
    """Add wider copies of the heaviest Gaussian: a defensive component for importance weights.

    A fitted Gaussian is narrower than the posterior in the tails, and its tails make importance weights heavy. The
    copies are wider by factors that cost few effective samples in any dimension. AIS needs no such help: it moves.
    Source: Hesterberg, "Weighted Average Importance Sampling and Defensive Mixture Distributions" (1995).
    """
    frame = proposal.whitening()
    if not isinstance(frame, DiagonalGaussian | FullRankGaussian):
        return proposal
    there = frame.loc.isfinite().all(-1).to(frame.loc.dtype)
    shares = torch.stack([share * there for share in _SHARES])
    copies: list[Transport] = [frame.widened(factor) for factor in wider_factors(frame.dim, len(_SHARES))]
    log_weights = torch.cat([proposal.log_weights + torch.log1p(-shares.sum(0)), shares.log()])
    return Mixture(log_weights, (*proposal.components, *copies), proposal.frame)
