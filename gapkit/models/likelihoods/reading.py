"""Reading decoder outputs and options, with errors that name the likelihood."""

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent

from gapkit.core.errors import InputError
from gapkit.models.likelihoods.protocol import Params
from gapkit.models.support import describe

__all__ = [
    "SPREADS",
    "check_axis",
    "check_output",
    "choose",
    "doubled",
    "independent",
    "logits_of",
    "one_tensor",
    "positive",
    "required",
    "scale_of",
    "two_tensors",
    "within",
]


SPREADS = ("logvar", "std", "logstd", "var")  # what networks return for a scale


def scale_of(spread: Tensor, meaning: str) -> Tensor:
    """The standard deviation from what a network returns, one of ``SPREADS``."""
    if meaning == "logvar":
        return (0.5 * spread).exp()
    if meaning == "logstd":
        return spread.exp()
    return spread if meaning == "std" else spread.sqrt()


def one_tensor(params: Params, name: str, what: str) -> Tensor:
    """Return a decoder output that must be one tensor with a batch axis; ``what`` names its content."""
    if isinstance(params, Tensor) and params.dim() > 0:
        return params
    do = "return that tensor from the decoder; a model that returns distributions needs no from_pair, no --likelihood"
    raise InputError(f"{name} likelihood, whose decoder returns one tensor of {what}", describe(params), do)


def two_tensors(params: Params, name: str, what: str, axis: int) -> tuple[Tensor, Tensor]:
    """Split the decoder's output into two tensors of equal shape: a pair is taken as it is, a tensor cut in half."""
    if isinstance(params, Tensor) and -params.dim() <= axis < params.dim() and params.shape[axis] % 2 == 0:
        first, second = params.chunk(2, dim=axis)
        return first, second
    pair = params if isinstance(params, tuple | list) and len(params) == 2 else ()
    if len(pair) == 2 and all(isinstance(p, Tensor) for p in pair) and pair[0].shape == pair[1].shape:
        return pair[0], pair[1]
    do = f"return a pair of tensors of equal shape, or one tensor with both halves along axis {axis} (chunk_dim=)"
    raise InputError(f"{name} likelihood, whose decoder returns {what}", describe(params), do)


def required(shared: Tensor | None, name: str, what: str) -> Tensor:
    """Return the shared parameter, or say where to pass it."""
    if shared is None:
        do = f"pass the trained {what} (likelihood_param=, --likelihood-param)"
        raise InputError(f"{name} likelihood with a shared {what}", "no such parameter", do)
    return shared


def independent(base: Distribution, event_dims: int) -> Independent:
    """Make the last ``event_dims`` axes of ``base`` one event."""
    return Independent(base, event_dims, validate_args=False)


def choose(owner: str, option: str, value: object, allowed: Sequence[object]) -> None:
    """Refuse an option value that is not among the ``allowed`` ones."""
    if value not in allowed:
        raise InputError(
            f"{owner} likelihood with {option}={value}", "no such choice", f"choose from {', '.join(map(str, allowed))}"
        )


def check_axis(owner: str, chunk_dim: object) -> None:
    """Refuse a ``chunk_dim`` that is not an axis after the batch axis."""
    if not isinstance(chunk_dim, int) or chunk_dim == 0:
        do = "use 1 for the channel axis (the default) or -1 for the last axis"
        raise InputError(f"{owner} likelihood with chunk_dim={chunk_dim}", "not an axis after the batch axis", do)


def doubled(x_shape: Sequence[int], chunk_dim: int) -> tuple[int, ...]:
    """Return ``x_shape`` with the axis ``chunk_dim`` (counted with the batch axis) twice as long."""
    shape = [1, *x_shape]
    shape[chunk_dim] *= 2
    return tuple(shape[1:])


def check_output(owner: str, output: object, outputs: Sequence[str]) -> None:
    """Refuse a kind of decoder output that the likelihood does not know; None says nothing."""
    if output is not None:
        choose(owner, "output", output, outputs)


def within(values: Tensor, low: float, high: float, asked: str, do: str) -> Tensor:
    """Return decoder outputs that must lie in [low, high].

    Where values cannot be looked at (inside ``torch.func.vmap``), those outside become NaN. NaN is passed on.

    Raises:
        InputError: some lie outside; it counts them.
    """
    bounds = f"[{low:g}, {high:g}]" if high < float("inf") else f"[{low:g}, inf)"
    return _kept(values, (values < low) | (values > high), f"lie outside {bounds}", asked, do)


def positive(values: Tensor, asked: str, do: str) -> Tensor:
    """Return decoder outputs that must be above zero; as :func:`within`.

    Raises:
        InputError: some are not; it counts them.
    """
    return _kept(values, values <= 0, "are zero or negative", asked, do)


def _kept(values: Tensor, outside: Tensor, fault: str, asked: str, do: str) -> Tensor:
    with contextlib.suppress(RuntimeError):  # of vmap, which knows no single values
        count = int(outside.sum())
        if not count:
            return values
        seen = values[values.isfinite()]
        extent = f" (smallest {seen.min().item():g}, largest {seen.max().item():g})" if seen.numel() else ""
        raise InputError(asked, f"{count} of {values.numel()} values {fault}{extent}", do)
    return torch.where(outside, torch.nan, values)


def logits_of(probabilities: Tensor, name: str) -> Tensor:
    """Turn probabilities into logits; those of 0 and 1 are finite, as in ``torch.distributions``.

    Raises:
        InputError: values outside [0, 1].
    """
    asked = f"{name}:probs, whose decoder returns probabilities"
    do = f"the decoder seems to return logits: say so ({name}:logits), or end it in a sigmoid"
    smallest = torch.finfo(probabilities.dtype).eps
    return torch.logit(within(probabilities, 0.0, 1.0, asked, do), eps=smallest)
