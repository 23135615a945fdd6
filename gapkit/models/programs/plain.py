"""Distributions of other libraries as torch's own, their axes in the order of the model contract."""

import copy
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, constraints

__all__ = ["plain", "rows_first", "single"]


def plain(dist: Distribution) -> Distribution:
    """The same density as an object of torch's class, where a library derived its class from that and kept the density.

    What looks at classes (curvature, matrix products, the encoder's family) then knows it.

    Example:
        >>> class Named(torch.distributions.Normal):
        ...     pass
        >>> type(plain(Independent(Named(torch.zeros(2), torch.ones(2)), 1)).base_dist).__module__
        'torch.distributions.normal'
    """
    own: Any = next((kind for kind in type(dist).__mro__ if kind.__module__.startswith("torch.distributions")), None)
    if own is None or own is Distribution or type(dist).log_prob is not own.log_prob:
        return dist
    made: Any = copy.copy(dist) if type(dist) is own else own.__new__(own)
    made.__dict__.update(vars(dist))
    if isinstance(made, Independent):
        made.base_dist = plain(made.base_dist)
    return made


def rows_first(dist: Distribution, axis: int, shape: tuple[int, ...]) -> Distribution | None:
    """A distribution whose batch axis ``axis`` (negative) counts datapoints, as one of batch shape (N,).

    Args:
        dist: of any batch shape.
        axis: which of its batch axes counts datapoints.
        shape: the event shape that a datapoint is to have.

    Returns:
        None where the density does not fall into one for each value of x, and its event has another shape.

    Example:
        >>> pixels = torch.distributions.Bernoulli(logits=torch.zeros(4, 3))  # 4 pixels of 3 datapoints
        >>> made = rows_first(pixels, -1, (2, 2))
        >>> made.batch_shape, made.event_shape
        (torch.Size([3]), torch.Size([2, 2]))
    """
    if axis == -1 and len(dist.batch_shape) == 1 and dist.event_shape == torch.Size(shape):
        return plain(dist)
    base, inner = dist, 0
    while isinstance(base, Independent):
        base, inner = base.base_dist, inner + base.reinterpreted_batch_ndims
    arguments: dict[str, constraints.Constraint] = getattr(base, "arg_constraints", {})
    given = {name: vars(base)[name] for name in arguments if name in vars(base)}
    of_values = all(constraint.event_dim == 0 for constraint in arguments.values())
    if base.event_shape or not of_values or not all(isinstance(value, Tensor) for value in given.values()):
        return None
    place = len(base.batch_shape) - inner + axis
    size = base.batch_shape[place]
    if base.batch_shape.numel() != size * torch.Size(shape).numel():
        return None
    kind: Any = type(base)
    moved = {
        name: value.expand(base.batch_shape).movedim(place, 0).reshape(size, *shape) for name, value in given.items()
    }
    try:
        made = kind(**moved, validate_args=False)
    except (TypeError, ValueError):  # a class that takes other arguments than it names
        return None
    return Independent(plain(made), len(shape), validate_args=False)


def single(dist: Distribution) -> Distribution | None:
    """The one density of independent normals of batch shape (1,), as one of batch shape (); None of any other.

    Example:
        >>> normal = torch.distributions.Normal(torch.zeros(1, 2), torch.ones(1, 2))
        >>> single(Independent(normal, 1)).batch_shape
        torch.Size([])
    """
    base: Any = dist.base_dist if isinstance(dist, Independent) else dist
    if type(base) is not torch.distributions.Normal or dist.batch_shape != (1,):
        return None
    normal = torch.distributions.Normal(base.loc[0], base.scale[0], validate_args=False)
    return Independent(normal, len(dist.event_shape), validate_args=False)
