"""Read a decoder as a chain of linear maps and pointwise functions, by watching one call of it.

Nothing is asked of the user and nothing is guessed: whatever the recording holds beside known operations, and whatever
does not give the same densities and gradients as the model itself, is left to automatic differentiation.
"""

import contextlib
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal
from torch.utils._python_dispatch import TorchDispatchMode

from gapkit.models.distributions import CrossEntropy
from gapkit.models.protocol import LatentModel
from gapkit.models.squashed import sharp
from gapkit.target.dense.activations import READERS
from gapkit.target.dense.decoder import DenseDecoder, Layer
from gapkit.target.dense.heads import head_of

__all__ = ["read_dense"]

aten = torch.ops.aten
_SHAPE_ONLY = {aten.view, aten._unsafe_view, aten.reshape, aten.alias, aten.detach, aten.expand, aten.unsqueeze}

_ASIDE = {aten.sigmoid, *_SHAPE_ONLY}


class _Call(NamedTuple):
    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any


class _Recording(TorchDispatchMode):
    """Every operation of a piece of code, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Call] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here, and torch would import its whole compiler to say so."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        self.calls.append(_Call(func.overloadpacket, args, kwargs, out))
        return out


class _NotAChainError(Exception):
    """The recording holds something that a chain does not."""


def read_dense(model: LatentModel, x: Tensor, latent_shape: torch.Size) -> DenseDecoder | None:
    """Return the decoder with derivatives written out, or None where it is not a chain with a known likelihood.

    Args:
        model: a frozen model of the contract.
        x: data, shape (B, *x_shape); used to check the outcome against the model's own.
        latent_shape: event shape of z.
    """
    z = _probe(x, latent_shape)
    try:
        # A decoder may do anything at all; whatever fails here fails again, and is reported, in ordinary use.
        with contextlib.suppress(_NotAChainError, RuntimeError, NotImplementedError, TypeError, ValueError):
            decoder = _read(model, z, x, latent_shape)
            if _agrees(decoder, model, z, x, latent_shape):
                return decoder
    finally:
        torch.clear_autocast_cache()
    return None


def _probe(x: Tensor, latent_shape: torch.Size) -> Tensor:
    """A few latents of several lengths, fixed: shape (3, D)."""
    dim = latent_shape.numel()
    wave = torch.sin(1.7 * torch.arange(3 * dim, dtype=torch.float64)).reshape(3, dim)
    return (wave * torch.tensor([[0.1], [1.0], [3.0]])).to(x.device, x.dtype)


def _read(model: LatentModel, z: Tensor, x: Tensor, latent_shape: torch.Size) -> DenseDecoder:
    shaped = z.reshape(-1, *latent_shape)
    with torch.no_grad(), _Recording() as recording:
        dist = sharp(model.decode, shaped)
    base: Distribution = dist
    while isinstance(base, Independent):
        base = base.base_dist
    # Exactly these types: a subclass may have a density of its own.
    if type(base) is Normal:
        parameter, fixed = base.loc, base.scale
        if not torch.equal(fixed, fixed[:1].expand_as(fixed)):
            raise _NotAChainError
    elif isinstance(base, Bernoulli) and type(base) in (Bernoulli, CrossEntropy) and "logits" in vars(base):
        parameter = base.logits
    else:
        raise _NotAChainError
    layers, output = _layers(recording.calls, shaped, _leading_to(parameter, recording.calls))
    if parameter.data_ptr() != output.data_ptr() or parameter.numel() != output.numel() or not layers:
        raise _NotAChainError
    if layers[-1].weight.shape[0] != x[0].numel():
        raise _NotAChainError
    return DenseDecoder(layers, lambda data, work: head_of(base, data, work))


def _leading_to(parameter: Tensor, calls: list[_Call]) -> set[int]:
    """The ids of all tensors that the likelihood's parameter is made of: not the sigmoid whose input it is, say."""
    wanted = {id(parameter)}
    for call in reversed(calls):
        made = call.out if isinstance(call.out, tuple | list) else (call.out,)
        if any(id(out) in wanted for out in made):
            wanted |= {id(arg) for arg in (*call.args, *call.kwargs.values()) if isinstance(arg, Tensor)}
    return wanted


def _layers(calls: list[_Call], z: Tensor, wanted: set[int]) -> tuple[list[Layer], Tensor]:
    """Follow z through the recording: every operation that touches it must continue the chain.

    Aside from the chain only a sigmoid may lie whose output is not ``wanted``, since its input is.
    """
    current, layers = z, list[Layer]()
    seen = {id(z)}
    for call in calls:
        inputs = [arg for arg in (*call.args, *call.kwargs.values()) if isinstance(arg, Tensor)]
        if not any(id(arg) in seen for arg in inputs):
            continue
        if call.op in _ASIDE and id(call.out) not in wanted:
            seen.add(id(call.out))
            continue
        if sum(id(arg) in seen for arg in inputs) != 1 or not any(arg is current for arg in inputs):
            raise _NotAChainError
        if call.op in _SHAPE_ONLY:
            if call.out.numel() != current.numel() or call.out.shape[0] != len(z):
                raise _NotAChainError
        elif call.op is aten.addmm and call.args[1] is current and not call.kwargs and call.args[0].dim() == 1:
            layers.append(Layer(call.args[2].t(), call.args[0], None))
        elif call.op is aten.linear and call.args[0] is current:
            layers.append(Layer(call.args[1], call.args[2] if len(call.args) > 2 else None, None))
        elif call.op is aten.mm and call.args[0] is current:
            layers.append(Layer(call.args[1].t(), None, None))
        elif call.op in READERS and call.args[0] is current and layers and layers[-1].activation is None:
            layers[-1] = layers[-1]._replace(activation=READERS[call.op](*call.args[1:], **call.kwargs))
        else:
            raise _NotAChainError
        current = call.out
        seen.add(id(current))
    return layers, current


def _agrees(decoder: DenseDecoder, model: LatentModel, z: Tensor, x: Tensor, latent_shape: torch.Size) -> bool:
    """Whether values and gradients are the model's own, at latents of several lengths."""
    bound = decoder.bind(x[:1])
    value, gradient = bound.value_and_grad(z.unsqueeze(1))
    with torch.enable_grad():
        leaf = z.clone().requires_grad_(True)
        own = sharp(model.decode, leaf.reshape(-1, *latent_shape)).log_prob(x[:1].expand(len(z), *x.shape[1:]))
        (own_gradient,) = torch.autograd.grad(own.sum(), leaf)
    if own.shape != value.flatten().shape or not bool(own.isfinite().all()):
        return False
    close = 1e-4 if x.dtype == torch.float32 else 1e-9
    pairs = [
        (value.flatten(), own.detach()),
        (bound.value(z.unsqueeze(1)).flatten(), own.detach()),
        (gradient.squeeze(1), own_gradient),
        (bound.grad(z.unsqueeze(1)).squeeze(1), own_gradient),
    ]
    return all(float((a - b).abs().max()) <= close * (1.0 + float(b.abs().max())) for a, b in pairs)
