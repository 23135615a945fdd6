"""Do the data lie where p(x|z) puts its mass? The answer in words a user can act on.

A likelihood evaluated outside its support is not an error in torch with ``validate_args=False``: grey pixels under a
Bernoulli give a number that is no log probability, and every gap computed from it is wrong.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from gapkit.core.errors import InputError
from gapkit.models.distributions import Grid
from gapkit.models.naming import name_of

__all__ = ["check_support", "check_values", "describe"]


def describe(value: Any) -> str:
    """Say what ``value`` is, with the shapes of tensors, for the *found* line of an error.

    Example:
        >>> describe((torch.zeros(8, 2), torch.zeros(8, 3)))
        'a tuple of tensors of shape (8, 2), (8, 3)'
    """
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple | list) and value and all(isinstance(v, Tensor) for v in value):
        return f"a {type(value).__name__} of tensors of shape {', '.join(str(tuple(v.shape)) for v in value)}"
    if isinstance(value, Mapping) and value:
        parts = [f"{k!r:.40} {tuple(v.shape) if isinstance(v, Tensor) else type(v).__name__}" for k, v in value.items()]
        return f"a {type(value).__name__} with {', '.join(parts[:8])}"
    if isinstance(value, Distribution):
        known = getattr(value, "known_as", repr(value))
        return f"{known} of batch shape {tuple(value.batch_shape)}, event shape {tuple(value.event_shape)}"
    return f"{type(value).__name__}: {value!r:.80}"


def _refuse_if(bad: Tensor, asked: str, fault: str, do: str) -> None:
    count = int(bad.sum())
    if count:
        raise InputError(asked, f"{count} of {bad.numel()} values {fault}", do)


def _extent(x: Tensor) -> str:
    return f"(smallest {x.min().item():g}, largest {x.max().item():g})"


def _check_binary(x: Tensor, asked: str) -> None:
    outside = f"lie outside [0, 1] {_extent(x)}"
    _refuse_if((x < 0) | (x > 1), asked, outside, "scale the data as in training (pixels / 255), then binarise them")
    grey = "lie strictly between 0 and 1, but a Bernoulli has mass only on 0 and 1 (its value there is not a density)"
    do = (
        "a model that was trained on grey pixels with binary cross-entropy has two honest ways: (1) grey pixels stay, "
        "with the weight exp(-cross-entropy) in the place of p(x|z): --likelihood cross_entropy; gaps are as valid as "
        "any, and the top of the ladder is the log of the weight's integral, not log p(x); (2) the encoder is given "
        "the grey image and the target is a binary sample of it: --binarize sample --encode-from original "
        "(gapkit.inputs.data.binarize, and encoder_x= in gapkit.analyze). A model that was trained on binary images "
        "needs --binarize alone, and one trained with another likelihood its name (continuous_bernoulli, ...)"
    )
    _refuse_if((x > 0) & (x < 1), asked, grey, do)
    if not x.dtype.is_floating_point:
        raise InputError(asked, f"0/1 values of dtype {x.dtype}", "convert them: x.float()")


def _check_interval(low: Any, high: Any, x: Tensor, asked: str) -> None:
    do = "scale the data as in training (pixels / 255 for [0, 1])"
    _refuse_if((x < low) | (x > high), asked, f"lie outside [{low:g}, {high:g}] {_extent(x)}", do)


def _check_counts(x: Tensor, asked: str) -> None:
    _refuse_if(x < 0, asked, f"are negative {_extent(x)}", "counts start at 0: undo any log or centring of the data")
    do = (
        "use the raw counts: undo any normalisation, log or dequantisation noise (where gapkit took 8-bit counts for "
        "pixels and divided them by 255: scale='none', --scale none)"
    )
    _refuse_if(x != x.round(), asked, "are not whole numbers", do)


def _check_classes(low: Any, high: Any, x: Tensor, asked: str) -> None:
    do = "give class numbers (torch.long), not probabilities or one-hot vectors"
    _refuse_if(x != x.round(), asked, "are not whole numbers", do)
    do = f"number the classes from {low} to {high}, or build the likelihood with the right num_classes"
    _refuse_if((x < low) | (x > high), asked, f"lie outside {low}, ..., {high} {_extent(x)}", do)


def _check_grid(grid: Grid, x: Tensor, asked: str) -> None:
    _check_interval(grid.low, grid.high, x, asked)
    do = "quantise the data as in training and remove any noise added to the pixels, or change bins="
    _refuse_if(~grid.check(x), asked, f"lie between the {grid.bins} values of the grid", do)


def check_values(support: constraints.Constraint, x: Tensor, asked: str) -> None:
    """Refuse data outside a support constraint of ``torch.distributions``.

    Args:
        support: the constraint, possibly wrapped by ``constraints.independent``.
        x: data of any shape.
        asked: what the data are wanted for, first line of the error.

    Raises:
        InputError: if values are NaN or infinite, or outside the support; it counts them and names the remedy.

    Example:
        >>> check_values(constraints.boolean, torch.tensor([0.0, 0.3, 1.0]), "a Bernoulli p(x|z)")
        Traceback (most recent call last):
        ...
        gapkit.core.errors.InputError: asked: a Bernoulli p(x|z)
        found: 1 of 3 values lie strictly between 0 and 1, ...
    """
    do = "remove or fill the missing values before the analysis"
    _refuse_if(~torch.isfinite(x), asked, "are NaN or infinite", do)
    inner: Any = support
    while isinstance(inner, constraints.independent):
        inner = inner.base_constraint
    if x.numel() == 0 or constraints.is_dependent(inner):
        return
    if inner is constraints.boolean:
        _check_binary(x, asked)
    elif isinstance(inner, Grid):
        _check_grid(inner, x, asked)
    elif inner is constraints.nonnegative_integer:
        _check_counts(x, asked)
    elif isinstance(inner, constraints.integer_interval) and not isinstance(inner.upper_bound, Tensor):
        _check_classes(inner.lower_bound, inner.upper_bound, x, asked)
    elif isinstance(inner, constraints.interval) and not isinstance(inner.upper_bound, Tensor):
        _check_interval(inner.lower_bound, inner.upper_bound, x, asked)
    else:
        do = "transform the data as in training, or name the likelihood the model was trained with"
        _refuse_if(~inner.check(x), asked, f"lie outside the support {inner!r}", do)


def check_support(dist: Distribution, x: Tensor) -> None:
    """Refuse data that a distribution, such as a user's own ``decode(z)``, does not cover.

    Args:
        dist: any torch distribution with event shape ``x_shape``.
        x: data of shape (B, *x_shape).

    Raises:
        InputError: if the shape of x does not end in the event shape, or values lie outside ``dist.support``.

    Example:
        >>> from torch.distributions import Independent, Poisson
        >>> check_support(Independent(Poisson(torch.ones(2, 3)), 1), torch.tensor([[0.0, 1.0, 5.0]]))
    """
    asked = f"data for p(x|z) = {name_of(dist)}"
    event = tuple(dist.event_shape)
    if tuple(x.shape[x.dim() - len(event) :]) != event:
        do = "give the data the shape that decode returns, or reshape inside decode"
        raise InputError(asked, f"data of shape {tuple(x.shape)}, event shape {event}", do)
    try:
        support = dist.support
    except NotImplementedError:
        support = None
    # A distribution that does not say leaves only NaN and infinities to refuse.
    check_values(constraints.real if support is None else support, x, asked)
