"""A model that is given as one density log p(x, z) and an amortized q(z|x), without a decoder or a prior of its own.

The estimators need p(x, z) alone. Where they want a prior (draws to begin searches from, the units of a latent), a
reference density r(z) stands in its place, and log p(x, z) - log r(z) in the place of log p(x|z); their sum, and so
every number of an analysis, does not depend on it.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints

from gapkit.core.errors import InputError
from gapkit.core.trees import Tree
from gapkit.models.conditions import place_in
from gapkit.models.owners import owners_of
from gapkit.models.priors import log_prob, moved, standard_normal
from gapkit.models.steady import steady
from gapkit.models.support import describe

__all__ = ["GivenLatents", "JointModel", "ValuesAlone", "from_joint"]


class OfJoint(Protocol):
    """A model that has log p(x, z) and nothing finer."""

    x_shape: tuple[int, ...] | None

    @property
    def log_joint(self) -> Callable[..., Tensor]:
        """X and z, and a condition where there is one, to log p(x, z), shape (N,)."""
        ...

    def reference(self, dtype: torch.dtype, device: torch.device) -> Distribution:
        """The density r(z) that stands for a prior, batch shape ()."""
        ...


class ValuesAlone(Distribution):
    """A density of x of which nothing is known but its values: all x are taken, and there are no means."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = False

    @property
    def support(self) -> Any:
        """Nobody knows it: all values are taken."""
        return constraints.independent(constraints.real, len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        """There is none.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a density that is known by its values alone has no reconstructions")


class GivenLatents(ValuesAlone):
    """Log p(x, z) - log r(z) as a function of x for given z: all that there is of p(x|z). It cannot be drawn from.

    Args:
        model: has ``log_joint``, ``reference`` and ``x_shape``.
        z: latents, shape (N, *latent_shape).
        c: a condition of N rows; None for none.
    """

    known_as = "log p(x, z) - log p(z)"

    def __init__(self, model: "OfJoint", z: Tensor, c: Tree) -> None:
        self._model, self._z, self._c = model, z, c
        super().__init__(z.shape[:1], torch.Size(model.x_shape or ()), validate_args=False)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Nothing can be drawn.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("log p(x, z) alone cannot be drawn from")

    def log_prob(self, value: Tensor) -> Tensor:
        """Shape (N, *x_shape) to (N,), in nats."""
        x = value.expand(self.batch_shape + self.event_shape)
        further = () if self._c is None else (self._c,)
        found = self._model.log_joint(x, self._z, *further)
        if not isinstance(found, Tensor) or found.shape != self.batch_shape:
            asked = f"log_joint(x, z) of shape ({len(x)},) for {len(x)} pairs"
            raise InputError(
                asked, describe(found), "sum over all but the first axis: one number in nats for each pair"
            )
        return found - log_prob(self._model.reference(x.dtype, x.device), self._z)


class JointModel(nn.Module):
    """Satisfies ``LatentModel``; built by :func:`from_joint`.

    Attributes:
        log_joint: (x, z) -> log p(x, z), shape (N,).
        latent_shape: event shape of z; None until given or seen in the first encode.
        x_shape: shape of a datapoint, None until then.
        decodes_for_all: False: nothing can be decoded once and held against all datapoints.
    """

    decodes_for_all = False

    def __init__(
        self,
        log_joint: Callable[..., Tensor],
        q: Callable[..., Distribution],
        prior: Distribution | Callable[..., Distribution] | None,
        latent_shape: Sequence[int] | None,
    ) -> None:
        super().__init__()
        self.log_joint, self.q, self.given = log_joint, q, prior
        self.owners = owners_of(log_joint, q, prior)
        self.latent_shape = None if latent_shape is None else tuple(latent_shape)
        self.x_shape: tuple[int, ...] | None = None

    def behind(self, name: str) -> Any:
        """What a method calls: it decides who is given a condition."""
        if name == "decode":  # log_joint has its place after x and z
            needed = place_in(self.log_joint, 2)
            return (lambda z: None) if needed is None else (lambda z, c: None) if needed else (lambda z, c=None: None)
        return self.q if name == "encode" else None

    def encode(self, x: Tensor, c: Tree = None) -> Distribution:
        """Return q(z|x): x has shape (B, *x_shape), the result batch shape (B,)."""
        q = self.q(x) if c is None else self.q(x, c)
        if isinstance(q, Distribution):
            self.latent_shape = tuple(q.event_shape)
        self.x_shape = tuple(x.shape[1:])
        return q

    def decode(self, z: Tensor, c: Tree = None) -> Distribution:
        """Log p(x, z) - log r(z) as a function of x, batch shape (N,): z has shape (N, *latent_shape)."""
        return GivenLatents(self, z, c)

    def prior(self) -> Distribution:
        """The reference density r(z), batch shape ()."""
        weight = next((part for part in self.parameters() if part.is_floating_point()), torch.zeros(()))
        return self.reference(weight.dtype, weight.device)

    def reference(self, dtype: torch.dtype, device: torch.device) -> Distribution:
        """The same, in a type and a place.

        Raises:
            InputError: the shape of z is not known, or a prior is no distribution of batch shape ().
        """
        if self.given is None:
            if self.latent_shape is None:
                do = "say it (latent_shape=), or encode a batch first"
                raise InputError("a reference density of z", "the latent shape is not known yet", do)
            return standard_normal(self.latent_shape, dtype, device)
        source: Any = self.given
        found = steady(moved(source if isinstance(source, Distribution) else source(), dtype, device))
        if not isinstance(found, Distribution) or found.batch_shape:
            do = "give a torch distribution of batch shape (), or a function that returns one"
            raise InputError("a reference density of z (prior=)", describe(found), do)
        return found


def from_joint(
    log_joint: Callable[..., Tensor],
    q: Callable[..., Distribution],
    *,
    prior: Distribution | Callable[..., Distribution] | None = None,
    latent_shape: Sequence[int] | None = None,
) -> JointModel:
    """Make a model from log p(x, z) and an amortized q(z|x); nothing is drawn from it, and there are no pictures.

    Args:
        log_joint: x of shape (N, *x_shape) and z of shape (N, *latent_shape) -> log p(x, z) of shape (N,), in nats,
            differentiable in z; with a third argument for a condition of N rows where there is one.
        q: x of shape (B, *x_shape) -> q(z|x), a ``torch`` distribution of batch shape (B,): normals, or a flow over
            them.
        prior: a density of z to begin searches from and to measure latents in, batch shape (): the model's p(z), where
            it has one of its own. It changes no exact number. None takes a standard normal; where z
            has bounds, say it, since a density alone does not tell them: a prior on the same set.
        latent_shape: event shape of z; None learns it from the first q.

    Returns:
        A model that ``gapkit.analyze`` takes. What needs a decoder is left out and said: certificates on simulated
        data, the search for modes on them, pictures, simple models beside it.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> def log_joint(x, z):  # z ~ N(0, 1), x ~ N(z, 1)
        ...     return (Normal(0.0, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(x)).sum(1)
        >>> model = from_joint(log_joint, lambda x: Independent(Normal(x / 2, 0.5**0.5 * torch.ones_like(x)), 1))
        >>> x = torch.tensor([[1.0]])  # q is exact, so that this is log p(x) = log N(1; 0, 2):
        >>> round(float((log_joint(x, x / 2) - model.encode(x).log_prob(x / 2))[0]), 4)
        -1.5155
    """
    for name, function in (("log_joint", log_joint), ("q", q)):
        if not callable(function):
            raise InputError(f"a model of {name}", describe(function), f"give a function or a module as {name}")
    return JointModel(log_joint, q, prior, latent_shape)
