"""Distributions and the sets they live on by the names that their user knows: torch's or his own, never a wrapper's."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import (
    AffineTransform,
    Distribution,
    Independent,
    IndependentTransform,
    MixtureSameFamily,
    Transform,
    TransformedDistribution,
    constraints,
)
from torch.distributions.transforms import ComposeTransform

__all__ = ["bounds_of", "innermost", "name_of", "set_of", "set_words", "support_of", "words_of"]

_SETS = {
    constraints.real: "all real numbers",
    constraints.real_vector: "all real numbers",
    constraints.simplex: "the simplex",
    constraints.boolean: "0 and 1",
    constraints.one_hot: "one-hot vectors",
    constraints.nonnegative_integer: "the whole numbers from 0",
    constraints.corr_cholesky: "factors of correlation matrices",
    constraints.positive_definite: "positive definite matrices",
}

_REAL = (constraints.real, constraints.real_vector)
_INTERVALS = (constraints.interval, constraints.half_open_interval, constraints.integer_interval)
_ABOVE = (constraints.greater_than, constraints.greater_than_eq)


def innermost(dist: Any) -> Any:
    """What is inside ``Independent``, which says only which axes make one event."""
    while isinstance(dist, Independent):
        dist = dist.base_dist
    return dist


def name_of(dist: Any) -> str:
    """A distribution's name; those that gapkit wraps around another say in ``known_as`` what stands for them.

    Example:
        >>> from torch.distributions import AffineTransform, ExpTransform, Gamma, Normal
        >>> name_of(Independent(Gamma(torch.ones(2), 1.0), 1))
        'Gamma'
        >>> name_of(TransformedDistribution(Normal(0.0, 1.0), [AffineTransform(1.0, 2.0), ExpTransform().inv.inv]))
        'Normal through AffineTransform, ExpTransform'
    """
    inner = innermost(dist)
    known = getattr(inner, "known_as", None)
    if isinstance(known, str):
        return known
    if type(inner) is TransformedDistribution and inner.transforms:
        return f"{name_of(inner.base_dist)} through {', '.join(map(words_of, inner.transforms))}"
    return type(inner).__name__


def words_of(step: Transform) -> str:
    """A transform by its name."""
    if isinstance(step, ComposeTransform):
        return ", ".join(map(words_of, step.parts)) or "no transform"
    if isinstance(step, IndependentTransform):
        return words_of(step.base_transform)
    kind = type(step).__name__
    return f"the inverse of {words_of(step.inv)}" if kind == "_InverseTransform" else kind


def support_of(dist: Distribution) -> Any:
    """The support without ``independent``; None where it is not known."""
    inner = innermost(dist)
    if isinstance(inner, TransformedDistribution) and type(inner).support is TransformedDistribution.support:
        last = inner.transforms[-1] if inner.transforms else None
        before = TransformedDistribution(inner.base_dist, inner.transforms[:-1], validate_args=False)
        if isinstance(last, AffineTransform) and support_of(before) not in _REAL:
            return _shifted(support_of(before), last)  # torch says all real numbers, also for shifted positive ones
    try:
        support: Any = dist.support
    except NotImplementedError:
        return None
    if isinstance(inner, MixtureSameFamily):
        return support_of(inner.component_distribution)
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support


def _shifted(support: Any, step: AffineTransform) -> Any:
    """The set of shifted and stretched values; None where it is not the same for all."""
    (low, high), shift, factor = bounds_of(support), _bound(step.loc), _bound(step.scale)
    if low is None or shift is None or factor is None or factor <= 0:
        return None
    first = shift + factor * low
    return constraints.greater_than(first) if high is None else constraints.interval(first, shift + factor * high)


def set_of(dist: Distribution) -> str:
    """Where a distribution has mass, in a few words.

    Example:
        >>> from torch.distributions import Beta, Gamma, Uniform
        >>> set_of(Independent(Gamma(torch.ones(2), 1.0), 1)), set_of(Beta(torch.ones(2), 1.0))
        ('the positive numbers', 'the interval [0, 1]')
        >>> set_of(Uniform(torch.zeros(2), torch.arange(1.0, 3.0)))
        'intervals, each with bounds of its own'
        >>> set_of(TransformedDistribution(Gamma(torch.ones(2), 1.0), [AffineTransform(1.0, 2.0)]))
        'the numbers above 1'
    """
    return set_words(support_of(dist))


def set_words(support: Any) -> str:
    """The set of a constraint, in a few words."""
    if support in _SETS:
        return _SETS[support]
    low, high = bounds_of(support)
    if isinstance(support, _INTERVALS) and not _is_open(support):
        if low is None or high is None:
            return "intervals, each with bounds of its own"
        if isinstance(support, constraints.integer_interval):
            return f"the whole numbers from {low:g} to {high:g}"
        return f"the interval [{low:g}, {high:g}]"
    if isinstance(support, _INTERVALS + _ABOVE):
        if low is None:
            return "numbers above bounds of their own"
        return "the positive numbers" if low == 0 else f"the numbers above {low:g}"
    return "a set that torch does not tell" if support is None else type(support).__name__.strip("_").replace("_", " ")


def bounds_of(support: Any) -> tuple[float | None, float | None]:
    """The lower and the upper bound of a support, where they are the same for all latents and datapoints; else None."""
    low = getattr(support, "lower_bound", None) if isinstance(support, _INTERVALS + _ABOVE) else None
    high = getattr(support, "upper_bound", None) if isinstance(support, _INTERVALS) else None
    return _bound(low), _bound(high)


def _is_open(support: Any) -> bool:
    """Whether an interval ends nowhere."""
    return bool((torch.as_tensor(support.upper_bound) == torch.inf).all())


def _bound(value: Any) -> float | None:
    """A bound that is the same everywhere; None for others."""
    every = torch.as_tensor(value).flatten() if isinstance(value, Tensor | int | float) else torch.zeros(0)
    same = bool(every.numel()) and bool((every == every[0]).all() & every.isfinite().all())
    return float(every[0]) if same else None
