"""From the distribution an encoder returns to a proposal gapkit can draw from, and the name of its family."""

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
from gapkit.families.protocol import Proposal

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
        return DiagonalGaussian(inner.loc.flatten(1), inner.scale.flatten(1))
    if isinstance(inner, MultivariateNormal):
        return FullRankGaussian(inner.loc, inner.scale_tril)
    if isinstance(inner, LowRankMultivariateNormal):
        return FullRankGaussian(inner.loc, inner.scale_tril)
    if isinstance(inner, TransformedDistribution):
        base = recognise(inner.base_dist)
        if not isinstance(base, TransformedGaussian):
            return TransformedGaussian(base, ComposeTransform(inner.transforms), q.event_shape)
    raise InputError(
        "a posterior that is a transform of Gaussian noise",
        f"encode returned {type(inner).__name__} with batch shape {tuple(q.batch_shape)} and event shape "
        f"{tuple(q.event_shape)}",
        "return Independent(Normal), MultivariateNormal, or a TransformedDistribution of one of them; "
        "discrete latents cannot be analysed because there is no gradient in z",
    )


def as_proposal(q: "Distribution | Proposal") -> Proposal:
    """Accept a ``torch`` distribution or a gapkit proposal."""
    return recognise(q) if isinstance(q, Distribution) else q


def family_name(q: Proposal) -> str:
    """The name of a family, as settings and tables spell it."""
    names = {DiagonalGaussian: "mean_field", FullRankGaussian: "full_rank", TransformedGaussian: "transformed"}
    return names.get(type(q), type(q).__name__)
