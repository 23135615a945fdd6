"""Latents that are positive, in an interval, or on a simplex, seen in real coordinates y with z = f(y).

Estimators, fits and chains move in all of R^D. So a model whose q(z|x) has another support is brought into coordinates
in which it is real: log p(x, y) = log p(x, f(y)) + log|det df/dy|. No number of an analysis depends on that (bounds and
gaps are those of z), and q* is fitted in the encoder's own family: a log-normal posterior is a Gaussian of y, a gamma,
beta, Dirichlet or Weibull one is that of y = log z, logit z, log ratios.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import (
    Beta,
    Dirichlet,
    Distribution,
    Exponential,
    Gamma,
    Independent,
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

from gapkit.core.randomness import seeded
from gapkit.core.trees import Tree
from gapkit.families.distribution import TransportDistribution
from gapkit.families.positive import LogGamma, LogWeibull
from gapkit.families.simplex import LogitBeta, LogRatioDirichlet
from gapkit.models.conditions import encode_with, prior_with
from gapkit.models.encoding import encoded
from gapkit.models.priors import whole_space
from gapkit.models.protocol import LatentModel

__all__ = ["LogRatios", "RealCoordinates", "in_real_coordinates", "in_reals"]

_DRAWS = 256
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


class RealCoordinates(nn.Module):
    """A model in coordinates in which its posteriors are real; satisfies ``LatentModel``.

    Attributes:
        inner: the model itself.
        to_latents: z = f(y).
    """

    def __init__(self, inner: LatentModel, to_latents: Transform) -> None:
        super().__init__()
        self.inner, self.to_latents = inner, to_latents

    @property
    def decodes_for_all(self) -> bool:
        """As the model."""
        return bool(getattr(self.inner, "decodes_for_all", True))

    def behind(self, name: str) -> Any:
        """What decides whether a method is given a condition."""
        own: Callable[[str], Any] | None = getattr(self.inner, "behind", None)
        return own(name) if callable(own) else getattr(self.inner, name, None)

    @property
    def words(self) -> str:
        """What y is, in a few words."""
        steps = [type(step).__name__.removesuffix("Transform") for step in _flat([self.to_latents])]
        known = {"Exp": "log z", "Sigmoid": "logit z", "LogRatios": "log ratios of z", "Tanh": "artanh z"}
        return known.get(steps[0], steps[0]) if len(steps) == 1 else f"the inverse of {', then '.join(steps)}"

    def pulled(self, dist: Distribution) -> Distribution:
        """A distribution of z as one of y."""
        return _without(dist, self.to_latents)

    def of(self, model: LatentModel) -> "RealCoordinates":
        """Another model, with the same latents, in the same coordinates."""
        return RealCoordinates(model, self.to_latents)

    def encode(self, x: Tensor, c: Tree = None) -> Distribution:
        """Q(y|x): batch shape (B,)."""
        return _without(encode_with(self.inner, x, c), self.to_latents)

    def decode(self, z: Tensor, c: Tree = None) -> Distribution:
        """P(x|f(y)) for y of shape (N, ...)."""
        decode: Any = self.inner.decode
        latents = self.to_latents(z)
        return decode(latents) if c is None else decode(latents, c)

    def prior(self, c: Tree = None) -> Distribution:
        """P(y), the density of z times the Jacobian."""
        return _without(prior_with(self.inner, c), self.to_latents)


def in_real_coordinates(model: LatentModel, x: Tensor, condition: Tree = None) -> LatentModel:
    """The model itself where its posteriors are real and no fixed function of real ones; else in coordinates of y.

    A prior with mass where q(z|x) cannot have any, or without where it has, leaves the model as it is: y would miss the
    one, and the checks of the wiring tell the other.

    Args:
        model: an object of the model contract.
        x: what the encoder is given, shape (B, *x_shape); one row is enough.
        condition: of as many rows.

    Example:
        >>> from torch.distributions import LogNormal
        >>> class Positive:
        ...     def encode(self, x):
        ...         return Independent(LogNormal(x, 0.5 * torch.ones_like(x)), 1)
        ...     def decode(self, z):
        ...         return Independent(torch.distributions.Poisson(z), 1)
        ...     def prior(self):
        ...         return Independent(LogNormal(torch.zeros(2), torch.ones(2)), 1)
        >>> real = in_real_coordinates(Positive(), torch.zeros(1, 2))
        >>> real.prior().log_prob(torch.zeros(2))  # a standard normal
        tensor(-1.8379)
    """
    if isinstance(model, RealCoordinates):
        return model
    q = encoded(model, x, condition)
    found = _coordinates(q)
    if found is None or not _reaches(prior_with(model, condition), q, found):
        return model
    return RealCoordinates(model, found)


def _reaches(prior: Distribution, q: Distribution, to_latents: Transform) -> bool:
    """Whether z = f(y) reaches all that the prior gives mass to, as far as draws show, and q stays within that."""
    try:
        with seeded(0, "coordinates"), torch.no_grad():
            z, own = prior.sample(torch.Size([_DRAWS])), q.sample(torch.Size([_DRAWS]))
        support = prior.support
    except NotImplementedError:  # a prior that cannot be drawn from says nothing about its reach
        return False
    if whole_space(support):  # then the map must reach far out too
        far = torch.full_like(z[:1], 1e3)
        z = torch.cat([z, far, -far, 0.03 * far, -0.03 * far])
    back = to_latents(to_latents.inv(z))
    reached = bool(torch.isclose(back, z, rtol=1e-3, atol=1e-5).all())
    return reached and (support is None or bool(support.check(own).all()))


def in_reals(q: Distribution) -> tuple[Distribution, Transform | None]:
    """q(y|x) and what makes z of y; q itself and None where z is real."""
    found = _coordinates(q)
    return (q, None) if found is None else (_without(q, found), found)


def _coordinates(q: Distribution) -> Transform | None:
    """What makes z of real coordinates: the last steps of q that have no parameters, or those of a known support."""
    inner = _innermost(q)
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


def _innermost(q: Distribution) -> Any:
    while isinstance(q, Independent):
        q = q.base_dist
    return q


def _flat(transforms: list[Transform]) -> list[Transform]:
    """Compositions within compositions as one list."""
    found: list[Transform] = []
    for step in transforms:
        found += _flat(step.parts) if isinstance(step, ComposeTransform) else [step]
    return found


def _steps(q: TransformedDistribution) -> list[Transform]:
    """The last transforms of q that are the same for every datapoint."""
    found: list[Transform] = []
    for step in reversed(_flat(q.transforms)):
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


def _without(dist: Distribution, to_latents: Transform) -> Distribution:
    """The distribution of y where z = f(y) has the given one; what f is made of is taken off where it is on top."""
    own = _own_family(_innermost(dist), dist)
    if own is not None:
        return own
    inner, wanted = _innermost(dist), _flat([to_latents])
    if isinstance(inner, TransformedDistribution) and not isinstance(inner, Gamma | Beta | Weibull | Dirichlet):
        steps = _flat(inner.transforms)
        if len(steps) >= len(wanted) and all(a == b for a, b in zip(steps[-len(wanted) :], wanted, strict=True)):
            rest = steps[: -len(wanted)]
            base = TransformedDistribution(inner.base_dist, rest, validate_args=False) if rest else inner.base_dist
            missing = len(dist.event_shape) - len(base.event_shape)
            return Independent(base, missing, validate_args=False) if missing > 0 else base
    return TransformedDistribution(dist, [to_latents.inv], validate_args=False)


def _own_family(inner: Any, dist: Distribution) -> Distribution | None:
    """Families that are no transforms of Gaussians, for B datapoints."""
    if len(dist.batch_shape) != 1:
        return None
    batch = dist.batch_shape[0]
    if type(inner) is Gamma:
        place, a = (-inner.rate.log()).reshape(batch, -1), inner.concentration.reshape(batch, -1)
        return TransportDistribution(LogGamma(place, a), validate_args=False)
    if type(inner) is Weibull:
        place, k = inner.scale.log().reshape(batch, -1), inner.concentration.reshape(batch, -1)
        return TransportDistribution(LogWeibull(place, k), validate_args=False)
    if type(inner) is Beta:
        both = torch.stack([inner.concentration1, inner.concentration0], -1)
        return TransportDistribution(LogitBeta(both.reshape(batch, -1, 2)), validate_args=False)
    if type(inner) is Dirichlet:
        parts = inner.concentration.shape[-1]
        return TransportDistribution(
            LogRatioDirichlet(inner.concentration.reshape(batch, -1, parts)), validate_args=False
        )
    return None
