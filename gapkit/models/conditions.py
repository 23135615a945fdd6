"""The three methods of a model with a condition c beside x: those that have a place for it are given it.

    p(x, z|c) = prior(c).log_prob(z) + decode(z, c).log_prob(x)        q(z|x, c) = encode(x, c)

A place is an argument after x or z that must be given, or that is None unless it is given. Reference: Sohn, Lee, Yan,
"Learning Structured Output Representation using Deep Conditional Generative Models" (2015).
"""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from gapkit.core.errors import InputError
from gapkit.core.rows import Placed, Rows
from gapkit.core.trees import Tree, as_tree, mapped
from gapkit.models.protocol import LatentModel

__all__ = [
    "behind",
    "condition_for",
    "decode_with",
    "encode_with",
    "has_place",
    "needs_condition",
    "place_in",
    "prior_with",
    "require_condition",
    "users_of_condition",
]

_BEFORE = {"encode": 1, "decode": 1, "prior": 0}  # arguments of each method before the condition
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def encode_with(model: LatentModel, x: Tensor, condition: Tree) -> Distribution:
    """Q(z|x, c), or q(z|x) where there is no condition or encode has no place for it.

    Args:
        model: an object of the model contract.
        x: data, shape (B, *x_shape).
        condition: one row per datapoint; None for none.
    """
    encode: Callable[..., Distribution] = model.encode
    return encode(x, _own(condition)) if condition is not None and has_place(model, "encode") else encode(x)


def decode_with(model: LatentModel, z: Tensor, condition: Tree) -> Distribution:
    """P(x|z, c) for latents of shape (N, *z_shape) and as many rows of the condition."""
    decode: Callable[..., Distribution] = model.decode
    return decode(z, _own(condition)) if condition is not None and has_place(model, "decode") else decode(z)


def prior_with(model: LatentModel, condition: Tree) -> Distribution:
    """P(z|c), batch shape (B,), or p(z), batch shape ()."""
    prior: Callable[..., Distribution] = model.prior
    return prior(_own(condition)) if condition is not None and has_place(model, "prior") else prior()


def _own(condition: Tree) -> Tree:
    """A copy: a model may write into what it is given."""
    return mapped(condition, Tensor.clone)


def has_place(model: LatentModel, name: str) -> bool:
    """Whether a method of the contract has a place for a condition."""
    return place_in(behind(model, name), _BEFORE[name]) is not None


def needs_condition(model: LatentModel) -> str:
    """The first method that cannot be called without a condition; empty where there is none."""
    needing = (name for name, before in _BEFORE.items() if place_in(behind(model, name), before))
    return next(needing, "")


def require_condition(model: LatentModel, do: str = "") -> None:
    """Refuse a model that needs a condition where there is none.

    Args:
        model: an object of the model contract.
        do: what to do about it; empty for how to give one.

    Raises:
        InputError: it needs one.
    """
    need = needs_condition(model)
    if not need:
        return
    beside = {"encode": " beside x", "decode": " beside z", "prior": ""}[need]
    give = (
        "give it: condition= in Python, --condition NAME (of the array or column beside the data) on the command line; "
        "what is made of x itself (skip connections) is none, and leaves no p(x|z) to analyse"
    )
    raise InputError(f"a model whose {need} needs a condition{beside}", "no condition for the datapoints", do or give)


def condition_for(
    model: LatentModel, given: Tree, size: int | None, dtype: torch.dtype, device: torch.device | str
) -> Tree:
    """A condition as models take it: tensors of one row per datapoint on the device, floats in the model's type.

    Args:
        model: an object of the model contract.
        given: as it was given; None stays None.
        size: number of datapoints N; None takes that of the first leaf.
        dtype: of floats.
        device: where to compute.

    Raises:
        InputError: the model has no place for it, or it has no row of finite numbers for each datapoint.
    """
    if given is None:
        return None
    if not users_of_condition(model):
        raise InputError(
            "a condition for a model without a place for one",
            f"{type(model).__name__} has encode(x), decode(z) and prior()",
            "add an argument for it where the model needs it, as in decode(z, c), or leave the condition out",
        )

    def moved(leaf: Any) -> Any:
        wanted = dtype if leaf.dtype.is_floating_point else leaf.dtype
        if isinstance(leaf, Rows):
            return leaf.map(Placed(torch.device(device), wanted, tuple(leaf.shape[1:])))
        return leaf.to(device, wanted)

    return mapped(as_tree(given, size), moved)


def users_of_condition(model: LatentModel) -> tuple[str, ...]:
    """The methods that have a place for a condition."""
    return tuple(name for name in _BEFORE if has_place(model, name))


def place_in(function: Any, before: int) -> bool | None:
    """Whether the argument after so many must be given; None where there is no place for one.

    Example:
        >>> place_in(lambda z, c: None, 1), place_in(lambda z, c=None: None, 1), place_in(lambda z, scale=1: None, 1)
        (True, False, None)
    """
    try:
        parameters = list(
            inspect.signature(function.forward if isinstance(function, nn.Module) else function).parameters.values()
        )
    except (TypeError, ValueError):  # no function, or one without a signature
        return None
    if len(parameters) <= before or parameters[before].kind not in _POSITIONAL:
        return None
    default = parameters[before].default
    return True if default is inspect.Parameter.empty else False if default is None else None


def behind(model: LatentModel, name: str) -> Any:
    """What decides whether a method takes a condition: that of the user, where a class of gapkit's stands before it."""
    own: Callable[[str], Any] | None = getattr(model, "behind", None)
    return own(name) if callable(own) and not isinstance(own, Tensor) else getattr(model, name, None)
