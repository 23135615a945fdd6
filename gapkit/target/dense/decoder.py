"""A chain of linear maps and pointwise functions with its derivatives, in buffers that are made once.

What a gradient must cost is two matrix products per layer, forward and back. Automatic differentiation adds about two
thirds to that in bookkeeping and in passes over the widest layer; here it is a sixth.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gapkit.target.dense.activations import Activation
from gapkit.target.dense.heads import LikelihoodHead
from gapkit.target.dense.workspace import Workspace

__all__ = ["BoundDecoder", "DenseDecoder", "Layer"]


class Layer(NamedTuple):
    """y = f(W h + b): weight of shape (out, in), bias (out,) or none, f or none."""

    weight: Tensor
    bias: Tensor | None
    activation: Activation | None


class DenseDecoder:
    """Layers and a likelihood; :meth:`bind` gives log p(x|z) for data.

    Args:
        layers: from z outwards.
        head: makes the likelihood for data of shape (B, M).
    """

    def __init__(self, layers: Sequence[Layer], head: Callable[[Tensor, Workspace], LikelihoodHead | None]) -> None:
        self._head = head
        self.layers = tuple(Layer(w.detach(), None if b is None else b.detach(), f) for w, b, f in layers)
        self._cast: dict[torch.dtype, tuple[Layer, ...]] = {layers[0].weight.dtype: self.layers}
        self.work = Workspace()

    def bind(self, x: Tensor) -> "BoundDecoder":
        """Log p(x|z) as a function of z, for data x of shape (B, *x_shape)."""
        head = self._head(x.reshape(len(x), -1), self.work)
        assert head is not None  # the same likelihood was read before
        return BoundDecoder(self, head, len(x))

    def cast(self, dtype: torch.dtype) -> tuple[Layer, ...]:
        """The layers in another floating-point type, converted once."""
        if dtype not in self._cast:
            self._cast[dtype] = tuple(
                Layer(layer.weight.to(dtype), None if layer.bias is None else layer.bias.to(dtype), layer.activation)
                for layer in self.layers
            )
        return self._cast[dtype]

    def forward(self, z: Tensor, dtype: torch.dtype) -> tuple[Tensor, list[Tensor]]:
        """Rows z of shape (N, D) to outputs (N, M), and what each layer's derivative needs. Both lie in buffers."""
        h, saved = z.to(dtype), []
        for number, (weight, bias, activation) in enumerate(self.cast(dtype)):
            out = self.work(("out", number), h, len(h), len(weight))
            if bias is None:
                torch.mm(h, weight.t(), out=out)
            else:
                torch.addmm(bias, h, weight.t(), out=out)
            h = out
            if activation is not None:
                h = activation.apply(out, out if activation.in_place else self.work(("f", number), out))
                # A likelihood may overwrite the output: what the derivative needs of the last layer is put aside.
                last = number == len(self.layers) - 1
                out = self.work("last", out).copy_(out) if last and activation.in_place else out
            saved.append(out)
        return h, saved

    def backward(self, grad: Tensor, saved: list[Tensor], dtype: torch.dtype) -> Tensor:
        """Gradient in the output, (N, M), to the gradient in z, (N, D), with products in ``dtype``."""
        full = grad.dtype
        for number in range(len(self.layers) - 1, -1, -1):
            weight, _, activation = self.cast(dtype)[number]
            if activation is not None:
                grad = activation.backward(grad.to(full), saved[number])
            grad = grad.to(dtype)
            # The last product leaves as the result; the others live only until the next call.
            out = self.work(("back", number), grad, len(grad), weight.shape[1]) if number else None
            grad = torch.mm(grad, weight, out=out)
        return grad.to(full)

    def slopes(self, factors: list[Tensor], dtype: torch.dtype) -> Tensor:
        """The Jacobian (N, D, M) from the factor of each layer, (N, width); it lies in a buffer."""
        first, *rest = self.cast(dtype)
        rows, dim = len(factors[0]), first.weight.shape[1]
        slopes = self.work(("slopes", 0), factors[0], rows, dim, len(first.weight))
        torch.mul(first.weight.t(), factors[0].unsqueeze(1), out=slopes)
        for number, ((weight, _, _), factor) in enumerate(zip(rest, factors[1:], strict=True), 1):
            wider = self.work(("slopes", number), factor, rows * dim, len(weight))
            torch.mm(slopes.reshape(rows * dim, -1), weight.t(), out=wider)
            slopes = wider.view(rows, dim, -1).mul_(factor.unsqueeze(1))
        return slopes


class BoundDecoder(NamedTuple):
    """Log p(x|z) for B datapoints; latents have shape (S, B, D)."""

    decoder: DenseDecoder
    head: LikelihoodHead
    num_datapoints: int

    def value(self, z: Tensor) -> Tensor:
        """Log p(x|z), shape (S, B), in nats."""
        output, _ = self.decoder.forward(z.reshape(-1, z.shape[-1]), z.dtype)
        return self.head.value(output.reshape(*z.shape[:2], -1))

    def value_and_grad(self, z: Tensor, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
        """Log p(x|z), (S, B), and its gradient, (S, B, D); ``dtype`` is that of the products on the way back."""
        output, saved = self.decoder.forward(z.reshape(-1, z.shape[-1]), z.dtype)
        value, grad = self.head.value_and_grad(output.reshape(*z.shape[:2], -1))
        back = self.decoder.backward(grad.reshape(len(output), -1), saved, dtype or z.dtype)
        return value, back.reshape(z.shape)

    def grad(self, z: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """The gradient alone, (S, B, D); ``dtype`` is that of the whole calculation."""
        dtype = dtype or z.dtype
        output, saved = self.decoder.forward(z.reshape(-1, z.shape[-1]), dtype)
        grad = self.head.grad(output.reshape(*z.shape[:2], -1)).reshape(len(output), -1)
        return self.decoder.backward(grad, saved, dtype).reshape(z.shape).to(z.dtype)

    def root_fisher(self, z: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Jacobian of the output times the root of its Fisher information, for rows z of shape (N, D): (N, D, M).

        R R' is the Gauss-Newton curvature of -log p(x|z), whatever x is. The result lies in a buffer.
        """
        dtype = dtype or z.dtype
        output, saved = self.decoder.forward(z, dtype)
        # The factor of each layer's slopes, put where it costs least: on the way to the next product.
        factors = [
            torch.ones_like(kept) if f is None else f.backward(torch.ones_like(kept), kept)
            for (_, _, f), kept in zip(self.decoder.layers, saved, strict=True)
        ]
        factors[-1] *= self.head.root_fisher(output)
        slopes = self.decoder.slopes(factors, dtype)
        return slopes if dtype == z.dtype else self.decoder.work("slopes", z, *slopes.shape).copy_(slopes)
