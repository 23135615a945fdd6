"""From the distribution an encoder returns to a proposal gapkit can draw from, and the name of its family."""

import torch
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)
from torch.distributions.transforms import ComposeTransform

from gapkit.checks import InputError
from gapkit.families.flow import TransformedGaussian
from gapkit.families.gaussian import DiagonalGaussian, FullRankGaussian
from gapkit.families.prior import PriorProposal
from gapkit.families.protocol import Proposal
from gapkit.models.priors import moved

__all__ = ["as_proposal", "family_name", "recognise"]


def recognise(q: Distribution) -> DiagonalGaussian | FullRankGaussian | TransformedGaussian:
    """Return the transport that a ``torch`` distribution is: the encoder's own family.

    Args:
        q: what ``encode`` returned, batch shape (B,).

    Returns:
        Mean-field for (independent) normals, full-rank for multivariate normals, and a transformed Gaussian for a
        ``TransformedDistribution`` of either.

    Raises:
        InputError: a distribution that is not a transform of Gaussian noise.

    Example:
        >>> import torch
        >>> q = torch.distributions.Normal(torch.zeros(4, 3), torch.ones(4, 3))
        >>> family_name(recognise(torch.distributions.Independent(q, 1)))
        'mean_field'
    """
    inner = q
    while isinstance(inner, Independent):
        inner = inner.base_dist
    if isinstance(inner, Normal):
        batch = q.batch_shape[0]
        return DiagonalGaussian(inner.loc.reshape(batch, -1), inner.scale.reshape(batch, -1))
    if isinstance(inner, MultivariateNormal | LowRankMultivariateNormal) and inner.loc.dim() == 2:
        return FullRankGaussian(inner.loc, inner.scale_tril)
    if isinstance(inner, TransformedDistribution):
        base = recognise(inner.base_dist)
        if not isinstance(base, TransformedGaussian) and base.dim == q.event_shape.numel():
            return TransformedGaussian(base, ComposeTransform(inner.transforms), q.event_shape)
    raise InputError(
        "a posterior that is a transform of Gaussian noise",
        f"encode returned {type(inner).__name__} with batch shape {tuple(q.batch_shape)} and event shape "
        f"{tuple(q.event_shape)}",
        "return Independent(Normal), MultivariateNormal over flat latents, or a TransformedDistribution of one of them "
        "that keeps the dimension; "
        "discrete latents cannot be analysed because there is no gradient in z",
    )


def as_proposal(
    q: Distribution | Proposal,
    num_datapoints: int = 1,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Proposal:
    """Accept a proposal, a posterior of batch shape (B,), or a prior of batch shape () for B datapoints."""
    if not isinstance(q, Distribution):
        return q
    if q.batch_shape == ():
        return PriorProposal(moved(q, dtype, torch.device(device)), num_datapoints, dtype, device)
    return recognise(q)


def family_name(q: Proposal) -> str:
    """The name of a family, as settings and tables spell it."""
    names = {DiagonalGaussian: "mean_field", FullRankGaussian: "full_rank", TransformedGaussian: "transformed"}
    return names.get(type(q), type(q).__name__)
