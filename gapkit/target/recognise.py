"""From the distribution an encoder returns to a proposal gapkit can draw from, and the name of its family."""

import sys
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.distributions import (
    Distribution,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    Transform,
    TransformedDistribution,
)
from torch.distributions.transforms import AffineTransform, ComposeTransform

from gapkit.core.errors import InputError
from gapkit.families.auxiliary import AuxiliaryFlow
from gapkit.families.conditional_flow import ConditionalFlow
from gapkit.families.distribution import TransportDistribution
from gapkit.families.flow import CouplingFlow, TransformedGaussian
from gapkit.families.gaussian import Affine, DiagonalGaussian, FullRankGaussian
from gapkit.families.gaussian_mixture import GaussianMixture
from gapkit.families.low_rank import LowRankGaussian
from gapkit.families.one_way import OneWayFlow, has_inverse
from gapkit.families.protocol import Draws, Posterior, Proposal
from gapkit.families.truncated import Truncated
from gapkit.models.naming import innermost
from gapkit.models.priors import moved
from gapkit.models.pulled import flattened
from gapkit.models.steady import steady
from gapkit.models.unfit import no_family
from gapkit.target.prior_proposal import PriorProposal

__all__ = ["as_proposal", "family_name", "forget_name", "name_family", "recognise"]

_NAMES = {
    DiagonalGaussian: "mean_field",
    FullRankGaussian: "full_rank",
    LowRankGaussian: "low_rank",
    CouplingFlow: "flow",
    AuxiliaryFlow: "auxiliary",
    GaussianMixture: "mixture",
    TransformedGaussian: "transformed",
    ConditionalFlow: "transformed",
    OneWayFlow: "transformed",
    Truncated: "truncated",
}
_KNOWN = tuple(_NAMES)
_READERS: dict[str, Callable[[Distribution], Posterior | None]] = {}  # of families of one's own, by their names


def name_family(kind: type, name: str, reader: Callable[[Distribution], Posterior | None] | None = None) -> None:
    """Name the posteriors of a class of one's own; the reader finds them in what encoders return.

    Raises:
        InputError: a class that has a name of gapkit's.
    """
    known = _NAMES[kind] if kind in _KNOWN else vars(kind).get("family", "")
    if known:
        raise InputError(f"the name {name} for {kind.__name__}", f"gapkit calls it {known}", "use that name")
    forget_name(name)
    _NAMES[kind] = name
    if reader is not None:
        _READERS[name] = reader


def forget_name(name: str) -> None:
    """Undo :func:`name_family`."""
    _READERS.pop(name, None)
    for kind in [kind for kind, called in _NAMES.items() if called == name and kind not in _KNOWN]:
        del _NAMES[kind]


def recognise(q: Distribution) -> Posterior:
    """Return what a ``torch`` distribution is as a function of Gaussian noise: the encoder's own family.

    Args:
        q: what ``encode`` returned, batch shape (B,).

    Returns:
        Mean-field for (independent) normals, full-rank and low-rank for torch's multivariate normals, also where an
        ``AffineTransform`` shifts and stretches them, a transformed Gaussian for any other ``TransformedDistribution``
        or a zuko ``NormalizingFlow`` over any of them (without a density of z where the transform has no inverse), the
        transport of a ``TransportDistribution``, which may be without a density of z, and what a family of one's own
        reads.

    Raises:
        InputError: a distribution that is not a transform of Gaussian noise.

    Example:
        >>> import torch
        >>> q = torch.distributions.Normal(torch.zeros(4, 3), torch.ones(4, 3))
        >>> family_name(recognise(torch.distributions.Independent(q, 1)))
        'mean_field'
    """
    readings = (read(q) for read in (_known, *_READERS.values()))
    found = next((posterior for posterior in readings if posterior is not None), None)
    if found is None:
        raise no_family(q)
    return found


def _known(q: Distribution) -> Posterior | None:
    """As one of gapkit's own families; None for others."""
    inner = innermost(q)
    if isinstance(inner, Normal):
        batch = q.batch_shape[0]
        return DiagonalGaussian(inner.loc.reshape(batch, -1), inner.scale.reshape(batch, -1))
    if isinstance(inner, MultivariateNormal) and inner.loc.dim() == 2:
        return FullRankGaussian(inner.loc, inner.scale_tril)
    if isinstance(inner, LowRankMultivariateNormal) and inner.loc.dim() == 2:
        return LowRankGaussian(inner.loc, inner.cov_diag.sqrt(), inner.cov_factor)
    if isinstance(inner, TransportDistribution):
        return inner.transport
    if isinstance(inner, TransformedDistribution):
        return _transformed(q, inner.base_dist, ComposeTransform(inner.transforms))
    if _is_zuko_flow(inner):
        flow: Any = inner
        return _transformed(q, flow.base, flow.transform.inv)  # zuko's transforms go from data to noise
    return None


def _is_zuko_flow(q: object) -> bool:
    """Whether q is a flow of zuko, which is not imported for it: that would switch off torch's argument checks."""
    zuko = sys.modules.get("zuko.distributions")
    return zuko is not None and isinstance(q, zuko.NormalizingFlow)


def _transformed(q: Distribution, base_dist: Distribution, transform: Transform) -> Posterior | None:
    """Q as a transform of the Gaussian that its base must be; one that is shifted and stretched is one itself."""
    base, steps = _known(base_dist), flattened([transform])
    if not isinstance(base, Affine) or base.dim != q.event_shape.numel() or not all(map(_has_density, steps)):
        return None
    if isinstance(base, DiagonalGaussian | FullRankGaussian) and all(isinstance(s, AffineTransform) for s in steps):
        gaussian: DiagonalGaussian | FullRankGaussian = base
        for step in steps:
            shift, factor = (_of_latents(value, q, base.loc) for value in (step.loc, step.scale))
            gaussian = gaussian.stretched(shift, factor)
        return gaussian
    flow = TransformedGaussian(base, transform, q.event_shape)
    return flow if has_inverse(flow) else OneWayFlow(flow)


def _has_density(step: Transform) -> bool:
    """Whether a transform says how it changes volumes: those of many latents to one (Abs, Softmax) do not."""
    return type(step).log_abs_det_jacobian is not Transform.log_abs_det_jacobian


def _of_latents(value: Any, q: Distribution, like: Tensor) -> Tensor:
    """A number or a tensor beside z as one of shape (B, D)."""
    shape = q.batch_shape + q.event_shape
    return torch.as_tensor(value).to(like).expand(shape).reshape(like.shape)


def as_proposal(
    q: Distribution | Draws,
    num_datapoints: int = 1,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Proposal:
    """Accept a proposal, a posterior of batch shape (B,), or a prior of batch shape () for B datapoints.

    A posterior without a density of z passes too: it is enough for estimators that only draw, and its draws carry what
    their importance weights need.
    """
    if not isinstance(q, Distribution):
        return cast(Proposal, q)
    if q.batch_shape == ():
        return PriorProposal(steady(moved(q, dtype, torch.device(device))), num_datapoints, dtype, device)
    return cast(Proposal, recognise(q))


def family_name(q: Posterior | Proposal) -> str:
    """The name of a family, as settings and tables spell it."""
    return _NAMES.get(type(q)) or getattr(q, "family", "") or type(q).__name__
