"""Pointwise functions between linear maps, each with its derivative, computed in place where that is possible."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["READERS", "Activation"]

aten = torch.ops.aten


class Activation(NamedTuple):
    """A pointwise function.

    Attributes:
        apply: writes f(x) to ``out``: ``apply(x, out)``; ``out`` may be x itself where ``in_place`` says so.
        backward: ``backward(grad, saved)`` multiplies ``grad`` by f' in place.
        in_place: f' can be computed from f(x), which is then saved; else x is.
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]
    in_place: bool


def _relu(*_: Any) -> Activation:
    return Activation(
        lambda x, out: torch.clamp(x, min=0.0, out=out),
        lambda grad, y: aten.threshold_backward.grad_input(grad, y, 0, grad_input=grad),
        in_place=True,
    )


def _tanh(*_: Any) -> Activation:
    return Activation(
        lambda x, out: torch.tanh(x, out=out),
        lambda grad, y: aten.tanh_backward.grad_input(grad, y, grad_input=grad),
        in_place=True,
    )


def _sigmoid(*_: Any) -> Activation:
    return Activation(
        lambda x, out: torch.sigmoid(x, out=out),
        lambda grad, y: aten.sigmoid_backward.grad_input(grad, y, grad_input=grad),
        in_place=True,
    )


def _elu(alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Activation:
    # From the output only where f is monotone: alpha, scale and input_scale positive, as all ELUs in use have it.
    return Activation(
        lambda x, out: aten.elu.out(x, alpha, scale, input_scale, out=out),
        lambda grad, y: aten.elu_backward.grad_input(grad, alpha, scale, input_scale, True, y, grad_input=grad),
        in_place=True,
    )


def _leaky_relu(slope: float = 0.01) -> Activation:
    return Activation(
        lambda x, out: aten.leaky_relu.out(x, slope, out=out),
        lambda grad, x: aten.leaky_relu_backward.grad_input(grad, x, slope, False, grad_input=grad),
        in_place=False,
    )


def _softplus(beta: float = 1.0, threshold: float = 20.0) -> Activation:
    return Activation(
        lambda x, out: aten.softplus.out(x, beta, threshold, out=out),
        lambda grad, x: aten.softplus_backward.grad_input(grad, x, beta, threshold, grad_input=grad),
        in_place=False,
    )


def _silu(*_: Any) -> Activation:
    return Activation(
        lambda x, out: aten.silu.out(x, out=out),
        lambda grad, x: aten.silu_backward.grad_input(grad, x, grad_input=grad),
        in_place=False,
    )


def _gelu(*, approximate: str = "none") -> Activation:
    return Activation(
        lambda x, out: aten.gelu.out(x, approximate=approximate, out=out),
        lambda grad, x: aten.gelu_backward.grad_input(grad, x, approximate=approximate, grad_input=grad),
        in_place=False,
    )


# By the operation that a recording shows; each reader takes the operation's further arguments.
READERS: dict[Any, Callable[..., Activation]] = {
    aten.relu: _relu,
    aten.relu_: _relu,
    aten.tanh: _tanh,
    aten.tanh_: _tanh,
    aten.sigmoid: _sigmoid,
    aten.sigmoid_: _sigmoid,
    aten.elu: _elu,
    aten.elu_: _elu,
    aten.leaky_relu: _leaky_relu,
    aten.leaky_relu_: _leaky_relu,
    aten.softplus: _softplus,
    aten.silu: _silu,
    aten.silu_: _silu,
    aten.gelu: _gelu,
}
