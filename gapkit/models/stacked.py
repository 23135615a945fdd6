"""Many networks of one architecture side by side: row n goes through the network that it is said to belong to."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.models.heads import PosteriorHead
from gapkit.models.nets import activation

__all__ = ["DecoderBank", "EncoderBank", "StackedMlp", "dataset_of"]


class StackedMlp(nn.Module):
    """T multilayer perceptrons of the same sizes, one for each data set.

    Example:
        >>> net = StackedMlp(3, (4, 5, 2), "elu")
        >>> net(torch.zeros(6, 4), torch.tensor([0, 2, 1, 1, 0, 0])).shape
        torch.Size([6, 2])
    """

    def __init__(self, count: int, sizes: Sequence[int], act: str) -> None:
        super().__init__()
        self.count, self.act = count, activation(act)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in itertools.pairwise(sizes):
            bound = 1 / math.sqrt(inputs)  # as in torch's Linear
            self.weights.append(nn.Parameter(torch.empty(count, outputs, inputs).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(count, outputs).uniform_(-bound, bound)))

    def forward(self, x: Tensor, dataset: Tensor) -> Tensor:
        """Return (N, sizes[-1]) for rows (N, sizes[0]) of the data sets (N,).

        Raises:
            InputError: a data set that there is no network for.
        """
        counts = torch.bincount(dataset.clamp(min=0), minlength=self.count)
        if len(counts) > self.count or bool((dataset < 0).any()):
            found = (
                f"data sets from {int(dataset.min())} to {int(dataset.max())}, and networks for 0 to {self.count - 1}"
            )
            raise InputError("the network of a data set", found, "number the data sets as in training")
        order = torch.argsort(dataset, stable=True)
        groups = [(which, size) for which, size in enumerate(counts.tolist()) if size]
        sizes = {size for _, size in groups}
        rows = x[order]
        if len(sizes) == 1 and len(groups) > 1:  # one product for all
            which = torch.tensor([number for number, _ in groups], device=x.device)
            out = self._together(rows.unflatten(0, (len(groups), sizes.pop())), which).flatten(0, 1)
        else:
            parts = rows.split([size for _, size in groups])
            out = torch.cat([self._one(part, which) for part, (which, _) in zip(parts, groups, strict=True)])
        return out[torch.argsort(order)]

    def _one(self, x: Tensor, which: int) -> Tensor:
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = nn.functional.linear(self.act(x) if place else x, weight[which], bias[which])
        return x

    def _together(self, x: Tensor, which: Tensor) -> Tensor:
        """Rows (G, Q, inputs) of G different data sets."""
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias[which].unsqueeze(1), self.act(x) if place else x, weight[which].transpose(1, 2))
        return x

    @torch.no_grad()
    def copy_from(self, net: nn.Sequential, which: int | slice = slice(None)) -> None:
        """Take the weights of an ordinary network of the same sizes, for one data set or all."""
        layers = [layer for layer in net if isinstance(layer, nn.Linear)]
        for weight, bias, layer in zip(self.weights, self.biases, layers, strict=True):
            weight[which] = layer.weight
            bias[which] = layer.bias


def dataset_of(condition: Any) -> Tensor:
    """The numbers of the data sets in a condition, shape (N,).

    Raises:
        InputError: there are none.
    """
    found = condition.get("dataset") if isinstance(condition, Mapping) else condition
    if not isinstance(found, Tensor) or found.is_floating_point():
        do = 'give condition={"dataset": whole numbers of shape (N,), ...}'
        raise InputError("the data set of every datapoint", "none in the condition", do)
    return found


class DecoderBank(nn.Module):
    """One decoder for each of T data sets: z of shape (N, latent) -> parameters of the likelihood, (N, *output_shape).

    Example:
        >>> DecoderBank(2, 3, (1, 4, 4), (8,), "elu")(torch.zeros(5, 3), torch.tensor([0, 1, 1, 0, 0])).shape
        torch.Size([5, 1, 4, 4])
    """

    def __init__(self, count: int, latent: int, output_shape: Sequence[int], hidden: Sequence[int], act: str) -> None:
        super().__init__()
        self.output_shape = tuple(output_shape)
        self.net = StackedMlp(count, (latent, *hidden, math.prod(output_shape)), act)

    def forward(self, z: Tensor, c: Any) -> Tensor:
        """Return the parameters; c holds ``dataset``, (N,)."""
        out: Tensor = self.net(z, dataset_of(c))
        return out.reshape(z.shape[0], *self.output_shape)


class EncoderBank(nn.Module):
    """One encoder for each of T data sets: r of x and a context vector of the data set's own, both free for each.

    Its class contains r(concat(x, h(D_i))) for every fixed D_i, so that the best of it is not below that on average.
    """

    def __init__(
        self, count: int, inputs: int, context: int, head: PosteriorHead, hidden: Sequence[int], act: str
    ) -> None:
        super().__init__()
        self.contexts = nn.Parameter(torch.zeros(count, context))
        self.net = StackedMlp(count, (inputs + context, *hidden, head.size), act)
        self.head = head

    def forward(self, x: Tensor, c: Any) -> Any:
        """Return what the head makes of (B, *x_shape); c holds ``dataset``, (B,)."""
        dataset = dataset_of(c)
        return self.head(self.net(torch.cat([x.flatten(1), self.contexts[dataset]], 1), dataset))
