"""Path-gradient ascent for families of many parameters: flows, auxiliary-variable flows, low rank.

With z = T(u; theta) the gradient of L[q] is E[dz/dtheta' r], r = grad_z [log p(x, z) - log q(z)] at fixed theta: its
noise vanishes as q approaches the posterior. Source: Roeder, Wu, Duvenaud, "Sticking the Landing" (2017),
https://arxiv.org/abs/1703.09194, equation 7. Steps are Adam's (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980); they
work on each number by itself, so every datapoint has an optimiser of its own, and one whose gradient is not finite does
not move in that step.
"""

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Chart", "ascend"]

_BETA1, _BETA2, _TINY = 0.9, 0.99, 1e-8
_LARGEST = 10.0


class Chart(Protocol):
    """A family around one of its members, as free parameters of shape (B, ...) that begin at given values."""

    def parameters(self) -> dict[str, Tensor]:
        """The values to begin with; the member itself."""
        ...

    def surrogate(self, parameters: Mapping[str, Tensor], u: Tensor) -> Tensor:
        """A number per datapoint, shape (B,), whose gradient is the path gradient of L[q] on noise u."""
        ...


def ascend(
    chart: Chart,
    noise: Callable[[int], Tensor],
    num_steps: int,
    num_samples: int,
    rate: float,
    strides: Mapping[str, float] | None = None,
) -> dict[str, Tensor]:
    """Take Adam steps whose size falls to zero along half a cosine, and return the parameters.

    Args:
        chart: the family around the member to begin at.
        noise: standard normal draws of shape (S, B, noise_dim) for a count S.
        num_steps: steps.
        num_samples: draws per step, even (antithetic pairs).
        rate: size of the first step.
        strides: the size of a tensor's steps as a multiple of that of the others.
    """
    values = chart.parameters()
    first = {name: torch.zeros_like(tensor) for name, tensor in values.items()}
    second = {name: torch.zeros_like(tensor) for name, tensor in values.items()}
    count = torch.zeros(len(next(iter(values.values()))), device=next(iter(values.values())).device)
    strides = strides or {}
    for step in range(num_steps):
        size = 0.5 * rate * (1.0 + math.cos(math.pi * step / num_steps))
        u = noise(num_samples // 2)
        u = torch.cat([u, -u])
        with torch.enable_grad():
            leaves = {name: tensor.requires_grad_(True) for name, tensor in values.items()}
            total = chart.surrogate(leaves, u).sum()
            gradients = dict(zip(leaves, torch.autograd.grad(total, list(leaves.values())), strict=True))
        squares = torch.stack([g.square().flatten(1).sum(1) for g in gradients.values()]).sum(0)
        fine = squares.isfinite()
        shorten = (_LARGEST / squares.sqrt().clamp(min=_LARGEST)).nan_to_num(0.0)
        count = count + fine
        for name, tensor in values.items():
            shape = (-1, *[1] * (tensor.dim() - 1))
            moves = fine.reshape(shape)
            gradient = torch.where(moves, gradients[name] * shorten.reshape(shape), 0.0)
            first[name] = torch.where(moves, torch.lerp(gradient, first[name], _BETA1), first[name])
            second[name] = torch.where(moves, torch.lerp(gradient.square(), second[name], _BETA2), second[name])
            done = count.clamp(min=1).reshape(shape)
            mean, square = first[name] / (1 - _BETA1**done), second[name] / (1 - _BETA2**done)
            moved = tensor.detach() + strides.get(name, 1.0) * size * mean / (square.sqrt() + _TINY)
            values[name] = torch.where(moves, moved, tensor.detach())
    return {name: tensor.detach() for name, tensor in values.items()}
