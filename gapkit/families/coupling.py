"""Coupling layers with weights of each datapoint's own: the flexible part of flow posteriors.

A layer leaves one half of the coordinates as it is and gives the other half a shift and a scale computed from the
first; halves swap from layer to layer. Source: Dinh, Sohl-Dickstein, Bengio, "Density Estimation using Real NVP"
(2017), https://arxiv.org/abs/1605.08803, section 3.2.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.distributions import Transform, constraints

__all__ = ["CouplingStack", "identity_weights", "layer_sizes"]

# A layer can scale by at most exp of this, softly: one bad step cannot blow a flow up.
_LARGEST_LOG_SCALE = 7.0
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
        first, second = u[..., : self.dim // 2], u[..., self.dim // 2 :]
        total = torch.zeros_like(u[..., 0])
        for number in range(self.num_layers):
            read, moved = (first, second) if number % 2 == 0 else (second, first)
            shift, log_scale = self._shift_and_log_scale(number, read)
            moved = torch.addcmul(shift, moved, log_scale.exp())
            total = total + log_scale.sum(-1)
            first, second = (read, moved) if number % 2 == 0 else (moved, read)
        return torch.cat([first, second], -1), total

    def inverse_and_ladj(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return u and log|det dy/du| at it."""
        first, second = y[..., : self.dim // 2], y[..., self.dim // 2 :]
        total = torch.zeros_like(y[..., 0])
        for number in reversed(range(self.num_layers)):
            read, moved = (first, second) if number % 2 == 0 else (second, first)
            shift, log_scale = self._shift_and_log_scale(number, read)
            moved = (moved - shift) * torch.exp(-log_scale)
            total = total + log_scale.sum(-1)
            first, second = (read, moved) if number % 2 == 0 else (moved, read)
        return torch.cat([first, second], -1), total

    def _call(self, u: Tensor) -> Tensor:
        return self.call_and_ladj(u)[0]

    def _inverse(self, y: Tensor) -> Tensor:
        return self.inverse_and_ladj(y)[0]

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """log|det dy/dx| at x: shape (..., B)."""
        return self.call_and_ladj(x)[1]

    def _shift_and_log_scale(self, number: int, read: Tensor) -> tuple[Tensor, Tensor]:
        """What a layer makes of the half that it reads: two tensors in the shape of the other half."""
        hidden_weight, hidden_bias, out_weight, out_bias = (self.weights[f"{number}.{part}"] for part in _PARTS)
        # One batched product per datapoint: (B, S, read) x (B, read, H).
        rows = read.transpose(0, 1) if read.dim() == 3 else read.unsqueeze(1)
        hidden = torch.tanh(rows @ hidden_weight.mT + hidden_bias.unsqueeze(1))
        out = hidden @ out_weight.mT + out_bias.unsqueeze(1)
        shift, raw = (out.transpose(0, 1) if read.dim() == 3 else out.squeeze(1)).chunk(2, -1)
        return shift, raw / (1.0 + raw.abs() / _LARGEST_LOG_SCALE)
