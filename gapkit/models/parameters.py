"""Are the parameters of a distribution such as it takes? torch's own check stops at the first, and is switched off."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from gapkit.models.naming import set_words

__all__ = ["faulty", "not_positive"]

_INSIDE = ("base_dist", "component_distribution", "mixture_distribution", "genes")
_DIGITS = 5  # that a probability may be beyond its bounds


def faulty(dist: Distribution) -> str:
    """Which parameters are not what a distribution takes, with numbers; empty for none.

    NaN and infinity are left to other checks, and so are scales of exactly 0, to which small ones may round.

    Example:
        >>> from torch.distributions import Normal
        >>> faulty(Normal(torch.zeros(2), torch.tensor([1.0, -1.0]), validate_args=False))
        'scale of Normal: 1 of 2 values are not positive'
    """
    return "; ".join(words for part in _parts(dist) for words in _faults(part))


def not_positive(scale: Tensor, name: str) -> str:
    """How many of some scales are below 0, or 0 beside such; empty for none below."""
    if not bool((scale < 0).any()):
        return ""
    return f"{name}: {int((scale <= 0).sum())} of {scale.numel()} values are not positive"


def _parts(dist: Any) -> Iterator[Any]:
    yield dist
    inner = [vars(dist)[name] for name in _INSIDE if name in vars(dist)]
    for part in (*inner, *vars(dist).get("parts", ())):
        if isinstance(part, Distribution):
            yield from _parts(part)


def _faults(dist: Any) -> Iterator[str]:
    taken = getattr(dist, "arg_constraints", None)
    for name, constraint in taken.items() if isinstance(taken, Mapping) else ():
        value = vars(dist).get(name)  # what was not given, as probs beside logits, is worked out of what was
        if not isinstance(value, Tensor) or constraints.is_dependent(constraint) or constraint.event_dim:
            continue
        whose = f"{name} of {type(dist).__name__}"
        if constraint is constraints.positive:
            if words := not_positive(value, whose):
                yield words
            continue
        wrong = value.isfinite() & ~constraint.check(value)
        if isinstance(constraint, constraints.interval):
            wrong &= ~constraint.check(torch.round(value, decimals=_DIGITS))
        if bool(wrong.any()):
            yield f"{whose}: {int(wrong.sum())} of {value.numel()} values lie outside {set_words(constraint)}"
