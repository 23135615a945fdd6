"""Latents that are positive, in an interval, or on a simplex, seen in real coordinates y with z = f(y).

Estimators, fits and chains move in all of R^D. So a model whose q(z|x) has another support is brought into coordinates
in which it is real: log p(x, y) = log p(x, f(y)) + log|det df/dy|. No number of an analysis depends on that (bounds and
gaps are those of z), and q* is fitted in the encoder's own family: a log-normal posterior is a Gaussian of y, a gamma,
beta, Dirichlet or Weibull one is that of y = log z, logit z, log ratios.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Transform, TransformedDistribution
from torch.distributions.transforms import ReshapeTransform

from gapkit.core.randomness import seeded
from gapkit.core.trees import Tree
from gapkit.models.conditions import behind, encode_with, prior_with
from gapkit.models.encoding import encoded
from gapkit.models.naming import words_of
from gapkit.models.priors import whole_space
from gapkit.models.protocol import LatentModel
from gapkit.models.pulled import coordinates_of, flattened, in_reals, only_in_coordinates, pulled
from gapkit.models.unfit import other_set

__all__ = ["RealCoordinates", "in_real_coordinates"]

_DRAWS = 256


class RealCoordinates(nn.Module):
    """A model in coordinates in which its posteriors are real; satisfies ``LatentModel``.

    Attributes:
        inner: the model itself.
        to_latents: z = f(y).
        own_shape: of y, as f takes it.
        latent_shape: of y, as the analysis has it: flat where q is of a family that is no transform of Gaussians.
    """

    def __init__(self, inner: LatentModel, to_latents: Transform, own_shape: torch.Size, *, flat: bool) -> None:
        super().__init__()
        self.inner, self.to_latents, self.own_shape = inner, to_latents, own_shape
        self.latent_shape = torch.Size([own_shape.numel()]) if flat else own_shape

    @property
    def decodes_for_all(self) -> bool:
        """As the model."""
        return bool(getattr(self.inner, "decodes_for_all", True))

    def behind(self, name: str) -> Any:
        """What decides whether a method is given a condition."""
        return behind(self.inner, name)

    @property
    def words(self) -> str:
        """What y is, in a few words."""
        steps = [words_of(step).removesuffix("Transform") for step in flattened([self.to_latents])]
        known = {"Exp": "log z", "Sigmoid": "logit z", "LogRatios": "log ratios of z", "Tanh": "artanh z"}
        inverse = f"the inverse of {', then '.join(steps)}"
        return known.get(steps[0], inverse) if len(steps) == 1 else inverse

    def pulled(self, dist: Distribution) -> Distribution:
        """A prior of z, of batch shape () or (B,), as one of y."""
        found = pulled(dist, self.to_latents, self.latent_shape)
        if found.event_shape == self.latent_shape:
            return found
        return TransformedDistribution(
            found, [ReshapeTransform(self.own_shape, self.latent_shape)], validate_args=False
        )

    def of(self, model: LatentModel) -> "RealCoordinates":
        """Another model, with the same latents, in the same coordinates."""
        return RealCoordinates(model, self.to_latents, self.own_shape, flat=self.latent_shape != self.own_shape)

    def encode(self, x: Tensor, c: Tree = None) -> Distribution:
        """Q(y|x): batch shape (B,)."""
        return in_reals(encode_with(self.inner, x, c), self.to_latents)[0]

    def decode(self, z: Tensor, c: Tree = None) -> Distribution:
        """P(x|f(y)) for y of shape (N, ...)."""
        decode: Any = self.inner.decode
        latents = self.to_latents(z.reshape(-1, *self.own_shape))
        return decode(latents) if c is None else decode(latents, c)

    def prior(self, c: Tree = None) -> Distribution:
        """P(y), the density of z times the Jacobian."""
        return self.pulled(prior_with(self.inner, c))


def in_real_coordinates(model: LatentModel, x: Tensor, condition: Tree = None, *, strict: bool = False) -> LatentModel:
    """The model itself where its posteriors are real and no fixed function of real ones; else in coordinates of y.

    A prior with mass where q(z|x) cannot have any, or without where it has, leaves the model as it is: y would miss the
    one, and the checks of the wiring tell the other.

    Args:
        model: an object of the model contract.
        x: what the encoder is given, shape (B, *x_shape); one row is enough.
        condition: of as many rows.
        strict: refuse a model whose q(z|x) can be analysed in coordinates alone, where its prior does not let it.

    Raises:
        InputError: such a model; the message names the two supports.

    Example:
        >>> from torch.distributions import Independent, LogNormal
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
    found = coordinates_of(q)
    if found is None:
        return model
    prior = prior_with(model, condition)
    if not _reaches(prior, q, found):
        if strict and only_in_coordinates(q):
            raise other_set(q, prior)
        return model
    real, _ = in_reals(q, found)
    own = found.inverse_shape(q.event_shape)
    return RealCoordinates(model, found, torch.Size(own), flat=real.event_shape != own)


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
