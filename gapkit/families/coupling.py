"""Coupling layers with weights of each datapoint's own: the flexible part of flow posteriors.

A layer leaves one half of the coordinates as it is and gives the other half a shift and a scale computed from the
first; halves swap from layer to layer. Source: Dinh, Sohl-Dickstein, Bengio, "Density Estimation using Real NVP"
(2017), https://arxiv.org/abs/1605.08803, section 3.2. The elementwise maps and the splitting are zuko's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Transform, constraints
from zuko.transforms import CouplingTransform, DependentTransform, MonotonicAffineTransform

__all__ = ["CouplingStack", "identity_weights", "layer_sizes"]

_PARTS = ("hidden_weight", "hidden_bias", "out_weight", "out_bias")


def layer_sizes(dim: int, num_layers: int) -> list[tuple[int, int]]:
    """How many coordinates each layer reads and moves.

    Example:
        >>> layer_sizes(5, 2)
        [(2, 3), (3, 2)]
    """
    half = dim // 2
    return [(half, dim - half) if number % 2 == 0 else (dim - half, half) for number in range(num_layers)]


def identity_weights(
    num_datapoints: int,
    dim: int,
    num_layers: int,
    num_hidden: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> dict[str, Tensor]:
    """Weights of a stack that does nothing yet: random hidden layers (always the same), zero outputs.

    Args:
        num_datapoints: B.
        dim: coordinates of a latent.
        num_layers: coupling layers.
        num_hidden: hidden units of each.
        dtype: of the weights.
        device: of the weights.

    Returns:
        Tensors of leading axis B by the names that :class:`CouplingStack` expects.
    """
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = {}
    for number, (read, moved) in enumerate(layer_sizes(dim, num_layers)):
        hidden = torch.randn(num_hidden, read, generator=generator) / max(1, read) ** 0.5
        bias = torch.linspace(-1.5, 1.5, num_hidden)
        shapes = (hidden, bias, torch.zeros(2 * moved, num_hidden), torch.zeros(2 * moved))
        for part, values in zip(_PARTS, shapes, strict=True):
            weights[f"{number}.{part}"] = values.to(device, dtype).expand(num_datapoints, *values.shape).contiguous()
    return weights


class CouplingStack(Transform):
    """Coupling layers u -> y over latents of shape (S, B, D) or (B, D), each datapoint with its own weights.

    Args:
        weights: ``{layer}.hidden_weight`` (B, H, read), ``{layer}.hidden_bias`` (B, H), ``{layer}.out_weight``
            (B, 2 moved, H) and ``{layer}.out_bias`` (B, 2 moved) for layers 0, 1, ...; a leading axis of 1 stands for
            weights that all datapoints share.

    Example:
        >>> stack = CouplingStack(identity_weights(3, 4, num_layers=2, num_hidden=8))
        >>> u = torch.ones(5, 3, 4)
        >>> torch.equal(stack(u), u)
        True
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__(cache_size=0)
        self.weights = dict(weights)
        self.num_layers = len(self.weights) // len(_PARTS)
        read, moved = self.weights["0.hidden_weight"].shape[2], self.weights["0.out_weight"].shape[1] // 2
        self.dim = read + moved

    def with_cache(self, cache_size: int = 1) -> "CouplingStack":
        """The same stack; nothing is cached."""
        return self

    def call_and_ladj(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """Return y and log|det dy/du|: shapes (..., B, D) and (..., B)."""
        total = torch.zeros_like(u[..., 0])
        for layer in self._layers(u):
            u, ladj = layer.call_and_ladj(u)
            total = total + ladj
        return u, total

    def inverse_and_ladj(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return u and log|det dy/du| at it."""
        total = torch.zeros_like(y[..., 0])
        for layer in reversed(list(self._layers(y))):
            u = layer.inv(y)
            total = total + layer.log_abs_det_jacobian(u, y)
            y = u
        return y, total

    def _call(self, u: Tensor) -> Tensor:
        return self.call_and_ladj(u)[0]

    def _inverse(self, y: Tensor) -> Tensor:
        return self.inverse_and_ladj(y)[0]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log|det dy/dx| at x: shape (..., B)."""
        return self.call_and_ladj(x)[1]

    def _layers(self, like: Tensor) -> Iterator[CouplingTransform]:
        first = torch.arange(self.dim, device=like.device) < self.dim // 2
        for number in range(self.num_layers):
            yield CouplingTransform(self._shift_and_scale(number), first if number % 2 == 0 else ~first)

    def _shift_and_scale(self, number: int) -> Any:
        hidden_weight, hidden_bias, out_weight, out_bias = (self.weights[f"{number}.{part}"] for part in _PARTS)

        def meta(read: Tensor) -> Transform:
            # One batched product per datapoint: (B, S, read) x (B, read, H).
            rows = read.transpose(0, 1) if read.dim() == 3 else read.unsqueeze(1)
            hidden = torch.tanh(rows @ hidden_weight.mT + hidden_bias.unsqueeze(1))
            out = hidden @ out_weight.mT + out_bias.unsqueeze(1)
            shift, scale = (out.transpose(0, 1) if read.dim() == 3 else out.squeeze(1)).chunk(2, -1)
            return DependentTransform(MonotonicAffineTransform(shift, scale), 1)

        return meta
