"""Distributions on a bounded set as those of real coordinates y with z = f(y).

A log-normal variable is the exponential of a Gaussian, which is what is left of it without the exponential; gamma,
Weibull, beta and Dirichlet variables are no transforms of Gaussians, and their densities are written in y.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import (
    Beta,
    Chi2,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Independent,
    MixtureSameFamily,
    Transform,
    TransformedDistribution,
    Weibull,
    constraints,
)
from torch.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    IndependentTransform,
    PowerTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftplusTransform,
    StickBreakingTransform,
    TanhTransform,
)

from gapkit.families.distribution import TransportDistribution
from gapkit.families.own import Family
from gapkit.families.positive import LogGamma, LogWeibull
from gapkit.families.simplex import LogitBeta, LogRatioDirichlet
from gapkit.models.naming import innermost, name_of
from gapkit.models.steady import plain_class

__all__ = ["LogRatios", "coordinates_of", "flattened", "in_reals", "only_in_coordinates", "own_family", "pulled"]

_WITHOUT_PARAMETERS = (
    ExpTransform,
    ReshapeTransform,
    SigmoidTransform,
    SoftplusTransform,
    StickBreakingTransform,
    TanhTransform,
)


class LogRatios(Transform):
    """Real y of shape (..., K - 1) to a point z of the simplex, shape (..., K): z = softmax of (y, 0).

    Example:
        >>> LogRatios()(torch.zeros(2))
        tensor([0.3333, 0.3333, 0.3333])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogRatios)

    __hash__ = Transform.__hash__

    def _call(self, x: Tensor) -> Tensor:
        return torch.softmax(torch.cat([x, torch.zeros_like(x[..., :1])], -1), -1)

    def _inverse(self, y: Tensor) -> Tensor:
        logs = y.clamp(min=torch.finfo(y.dtype).tiny).log()
        return logs[..., :-1] - logs[..., -1:]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The sum of log z, shape (...)."""
        return torch.log_softmax(torch.cat([x, torch.zeros_like(x[..., :1])], -1), -1).sum(-1)

    def forward_shape(self, shape: Any) -> torch.Size:
        """(..., K - 1) to (..., K)."""
        return torch.Size((*shape[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> torch.Size:
        """(..., K) to (..., K - 1)."""
        return torch.Size((*shape[:-1], shape[-1] - 1))


def in_reals(q: Distribution, to_latents: Transform | None = None) -> tuple[Distribution, Transform | None]:
    """q(y|x) of B datapoints and what makes z of y; q itself and None where z is real.

    Args:
        q: batch shape (B,).
        to_latents: z = f(y); None takes what fits q.
    """
    found = coordinates_of(q) if to_latents is None else to_latents
    if found is None:
        return q, None
    own = own_family(q, found) if len(q.batch_shape) < 2 else None
    if own is not None:
        return TransportDistribution(own, validate_args=False), found
    return pulled(q, found, torch.Size()), found


def coordinates_of(q: Distribution) -> Transform | None:
    """What makes z of real coordinates: the last steps of q that have no parameters, or those of a known support."""
    inner = innermost(q)
    if isinstance(inner, Gamma | Weibull | Exponential):
        return ExpTransform()
    if isinstance(inner, Beta):
        return SigmoidTransform()
    if isinstance(inner, Dirichlet):
        return LogRatios()
    if isinstance(inner, TransformedDistribution):
        steps = _steps(inner)
        return None if not steps else steps[0] if len(steps) == 1 else ComposeTransform(steps)
    return None


def only_in_coordinates(q: Distribution) -> bool:
    """Whether q is no transform of Gaussians, but known in coordinates without bounds."""
    return isinstance(innermost(q), Gamma | Weibull | Exponential | Beta | Dirichlet)


def flattened(transforms: list[Transform]) -> list[Transform]:
    """Compositions within compositions as one list; how many axes a step sums over is no part of what it does."""
    found: list[Transform] = []
    for step in transforms:
        if isinstance(step, ComposeTransform):
            found += flattened(step.parts)
        else:
            found += flattened([step.base_transform]) if isinstance(step, IndependentTransform) else [step]
    return found


def _steps(q: TransformedDistribution) -> list[Transform]:
    """The last transforms of q that are the same for every datapoint."""
    found: list[Transform] = []
    for step in reversed(flattened(q.transforms)):
        if not _fixed(step):
            break
        found.insert(0, step)
    return found


def _fixed(step: Transform) -> bool:
    if isinstance(step, IndependentTransform):
        return _fixed(step.base_transform)
    if isinstance(step, AffineTransform):
        return not any(isinstance(value, Tensor) and value.dim() for value in (step.loc, step.scale))
    if isinstance(step, PowerTransform):
        return not step.exponent.dim()
    inverse = getattr(step, "_inv", None)
    return isinstance(step, _WITHOUT_PARAMETERS) or isinstance(inverse, _WITHOUT_PARAMETERS)


def pulled(dist: Distribution, to_latents: Transform, shape: torch.Size) -> Distribution:
    """The distribution of y where z = f(y) has the given one; what f is made of is taken off where it is on top.

    Gamma and like densities are those of y by their formulas, each component's in a mixture: near its bounds z has no
    digits left.
    """
    if own_family(dist, to_latents) is not None:
        return _Exact(dist, to_latents, shape)
    if isinstance(innermost(dist), MixtureSameFamily):
        mixture = _mixed(dist, to_latents)
        if mixture is not None:
            return mixture
    inner, wanted = innermost(dist), flattened([to_latents])
    if isinstance(inner, TransformedDistribution):
        steps = flattened(inner.transforms)
        if len(steps) >= len(wanted) and all(a == b for a, b in zip(steps[-len(wanted) :], wanted, strict=True)):
            rest = steps[: -len(wanted)]
            base = TransformedDistribution(inner.base_dist, rest, validate_args=False) if rest else inner.base_dist
            missing = len(dist.event_shape) - len(base.event_shape)
            return Independent(base, missing, validate_args=False) if missing > 0 else base
    return TransformedDistribution(dist, [to_latents.inv], validate_args=False)


def _mixed(dist: Distribution, to_latents: Transform) -> Distribution | None:
    """The mixture of what its components are in y; None where these have no density of their own there.

    It may stand within ``Independent``: then every latent, or group of them, has a mixture to itself.
    """
    mixture = innermost(dist)
    components = mixture.component_distribution
    own = torch.Size(to_latents.inverse_shape(components.event_shape))
    parts = pulled(components, to_latents, own)
    if parts.event_shape != own or (isinstance(parts, TransformedDistribution) and to_latents.inv in parts.transforms):
        return None
    found: Distribution = MixtureSameFamily(mixture.mixture_distribution, parts, validate_args=False)
    within = len(dist.event_shape) - len(mixture.event_shape)
    return Independent(found, within, validate_args=False) if within else found


def own_family(dist: Distribution, to_latents: Transform) -> Family | None:
    """Y of families that are no transforms of Gaussians: as many members as there are in a batch, or one; else None."""
    inner, batch = innermost(dist), dist.batch_shape.numel()
    if isinstance(inner, Exponential):
        inner = Gamma(torch.ones_like(inner.rate), inner.rate, validate_args=False)
    elif isinstance(inner, Chi2):
        inner = Gamma(inner.concentration, inner.rate, validate_args=False)
    fitting = {Gamma: ExpTransform, Weibull: ExpTransform, Beta: SigmoidTransform, Dirichlet: LogRatios}
    if not isinstance(to_latents, fitting.get(plain_class(inner), ())):
        return None
    if plain_class(inner) is Gamma:
        return LogGamma((-inner.rate.log()).reshape(batch, -1), inner.concentration.reshape(batch, -1))
    if type(inner) is Weibull:
        return LogWeibull(inner.scale.log().reshape(batch, -1), inner.concentration.reshape(batch, -1))
    if plain_class(inner) is Beta:
        both = torch.stack([inner.concentration1, inner.concentration0], -1)
        return LogitBeta(both.reshape(batch, -1, 2))
    return LogRatioDirichlet(inner.concentration.reshape(batch, -1, inner.concentration.shape[-1]))


class _Exact(Distribution):
    """A gamma, Weibull, beta or Dirichlet density of z as one of y."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, source: Distribution, to_latents: Transform, shape: torch.Size) -> None:
        self.source, self.to_latents = source, to_latents
        super().__init__(source.batch_shape, shape, validate_args=False)

    @property
    def support(self) -> Any:
        """All of R^D."""
        return constraints.independent(constraints.real, len(self.event_shape))

    @property
    def known_as(self) -> str:
        """The name of the density of z."""
        return name_of(self.source)

    def _family(self) -> Any:  # made when it is asked for, so that the source can be moved
        return own_family(self.source, self.to_latents)

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """Draws of shape (*sample_shape, *batch_shape, *event_shape)."""
        shape = torch.Size(sample_shape)
        draws = TransportDistribution(self._family(), validate_args=False).rsample(torch.Size([shape.numel()]))
        return draws.reshape(shape + self.batch_shape + self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Shape (..., *batch_shape, *event_shape) to (..., *batch_shape), in nats."""
        shape = torch.broadcast_shapes(value.shape, self.batch_shape + self.event_shape)
        lead = shape[: len(shape) - len(self.event_shape)]
        flat = value.expand(shape).reshape(-1, self.batch_shape.numel(), self.event_shape.numel())
        found: Tensor = self._family().log_prob(flat)
        return found.reshape(lead)
