"""The encoders and decoders of the reference models: multilayer perceptrons and small convolutional nets."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.models.heads import PosteriorHead

__all__ = ["ACTIVATIONS", "ConvDecoder", "ConvEncoder", "MlpDecoder", "MlpEncoder", "activation", "mlp"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
}


def activation(name: str) -> nn.Module:
    """Return a new activation layer.

    Raises:
        InputError: if the name is unknown; it lists the known ones.

    Example:
        >>> activation("elu")
        ELU(alpha=1.0)
    """
    if name not in ACTIVATIONS:
        raise InputError(f"activation {name!r}", "no such activation", f"choose from {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def mlp(sizes: Sequence[int], act: str) -> nn.Sequential:
    """Return linear layers of the given sizes with activations between them (none after the last).

    Example:
        >>> mlp((4, 3, 2), "elu")(torch.zeros(5, 4)).shape
        torch.Size([5, 2])
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation(act)]
    return nn.Sequential(*layers[:-1])


class MlpEncoder(nn.Module):
    """x of shape (B, *x_shape) -> q(z|x) in the form of its head, such as mean and log variance, each (B, latent).

    Example:
        >>> from gapkit.models.heads import MeanField
        >>> mean, logvar = MlpEncoder((1, 4, 4), MeanField(2), (8,), "elu")(torch.zeros(3, 1, 4, 4))
        >>> mean.shape
        torch.Size([3, 2])
    """

    def __init__(self, x_shape: Sequence[int], head: PosteriorHead, hidden: Sequence[int], act: str) -> None:
        super().__init__()
        self.net = mlp((math.prod(x_shape), *hidden, head.size), act)
        self.head = head

    def forward(self, x: Tensor) -> Any:
        """Return what the head makes of the network's output."""
        return self.head(self.net(x.flatten(1)))


class MlpDecoder(nn.Module):
    """z of shape (N, latent) -> parameters of the likelihood, (N, *output_shape).

    Example:
        >>> MlpDecoder(2, (1, 4, 4), (8,), "elu")(torch.zeros(3, 2)).shape
        torch.Size([3, 1, 4, 4])
    """

    def __init__(self, latent: int, output_shape: Sequence[int], hidden: Sequence[int], act: str) -> None:
        super().__init__()
        self.output_shape = tuple(output_shape)
        self.net = mlp((latent, *hidden, math.prod(output_shape)), act)

    def forward(self, z: Tensor) -> Tensor:
        """Return the parameters."""
        return self.net(z).reshape(z.shape[0], *self.output_shape)


def _halved(size: int, times: int) -> int:
    for _ in range(times):
        size = (size + 1) // 2
    return size


class ConvEncoder(nn.Module):
    """x of shape (B, C, H, W) -> q(z|x) in the form of its head, such as mean and log variance, each (B, latent).

    Every 3x3 convolution halves the picture (rounding up); linear layers of the ``hidden`` sizes follow.

    Example:
        >>> from gapkit.models.heads import MeanField
        >>> mean, logvar = ConvEncoder((1, 7, 8), MeanField(2), (4, 8), (), "elu")(torch.zeros(3, 1, 7, 8))
        >>> mean.shape
        torch.Size([3, 2])
    """

    def __init__(
        self, x_shape: Sequence[int], head: PosteriorHead, channels: Sequence[int], hidden: Sequence[int], act: str
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip((x_shape[0], *channels), channels, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), activation(act)]
        self.conv = nn.Sequential(*layers)
        height, width = (_halved(size, len(channels)) for size in x_shape[1:])
        self.net = mlp((channels[-1] * height * width, *hidden, head.size), act)
        self.head = head

    def forward(self, x: Tensor) -> Any:
        """Return what the head makes of the network's output."""
        return self.head(self.net(self.conv(x).flatten(1)))


class ConvDecoder(nn.Module):
    """z of shape (N, latent) -> parameters of the likelihood, (N, *output_shape).

    Linear layers of the ``hidden`` sizes, then one transposed 3x3 convolution per entry of ``channels``, each doubling
    the picture. An ``output_shape`` of four axes (C, H, W, K) holds K numbers per value (class logits).

    Example:
        >>> ConvDecoder(2, (1, 7, 8), (8, 4), (), "elu")(torch.zeros(3, 2)).shape
        torch.Size([3, 1, 7, 8])
    """

    def __init__(
        self, latent: int, output_shape: Sequence[int], channels: Sequence[int], hidden: Sequence[int], act: str
    ) -> None:
        super().__init__()
        self.output_shape = tuple(output_shape)
        planes, size = math.prod((output_shape[0], *output_shape[3:])), output_shape[1:3]
        depth = len(channels)
        self.start = (channels[0], *(_halved(s, depth) for s in size))
        self.net = nn.Sequential(mlp((latent, *hidden, math.prod(self.start)), act), activation(act))
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(zip(channels, (*channels[1:], planes), strict=True)):
            height, width = ((_halved(s, depth - 1 - i) + 1) % 2 for s in size)  # 1 where the next size is even
            layer = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=(height, width))
            layers += [layer, activation(act)]
        self.conv = nn.Sequential(*layers[:-1])

    def forward(self, z: Tensor) -> Tensor:
        """Return the parameters."""
        planes: Tensor = self.conv(self.net(z).reshape(z.shape[0], *self.start))
        channels, height, width, *rest = self.output_shape
        if not rest:
            return planes
        return torch.movedim(planes.reshape(z.shape[0], channels, *rest, height, width), 2, -1)
