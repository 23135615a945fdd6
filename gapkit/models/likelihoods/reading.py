"""Reading decoder outputs and options, with errors that name the likelihood."""

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import Distribution, Independent

from gapkit.checks import InputError
from gapkit.models.likelihoods.protocol import Params
from gapkit.models.support import describe

__all__ = ["check_axis", "choose", "doubled", "independent", "one_tensor", "required", "two_tensors"]


def one_tensor(params: Params, name: str, what: str) -> Tensor:
    """Return a decoder output that must be one tensor with a batch axis; ``what`` names its content."""
    if isinstance(params, Tensor) and params.dim() > 0:
        return params
    do = "return that tensor from the decoder; a model that returns distributions needs no from_pair"
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
        do = f"pass the trained {what} to from_pair as likelihood_param="
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
