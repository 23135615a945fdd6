"""Networks of a set: a support set D of M elements becomes a summary h(D), whatever the order of its elements.

    mean        h(D) = rho( 1/M sum_m phi(x_m) )         Zaheer et al., "Deep Sets" (2017), https://arxiv.org/abs/1703.06114
    attention   phi, self-attention, and pooling by attention of a learned seed
                Lee et al., "Set Transformer" (2019), https://arxiv.org/abs/1810.00825, equations 7, 9 and 11

The mean is over the axis of the set: neither the size of the batch nor the other sets in it enter.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.models.nets import mlp

__all__ = ["POOLINGS", "AttentionPooled", "MeanPooled", "SetEncoder", "make_set_encoder"]


class SetEncoder(nn.Module):
    """Support sets (B, M, *element_shape) -> summaries (B, summary). An empty set (M = 0) has a summary too.

    Attributes:
        element_shape: of an element.
        summary: width of h(D).
    """

    def __init__(
        self, element_shape: Sequence[int], summary: int, hidden: Sequence[int], act: str, *, with_size: bool = False
    ) -> None:
        super().__init__()
        self.element_shape, self.summary, self.with_size = tuple(element_shape), summary, with_size
        self.elements = mlp((math.prod(self.element_shape), *hidden, summary), act)
        self.after = mlp((summary + with_size, *hidden, summary), act)

    def forward(self, support: Tensor) -> Tensor:
        """Return h(D).

        Raises:
            InputError: elements of another shape.
        """
        if tuple(support.shape[2:]) != self.element_shape or support.dim() < 2:
            found = f"a support of shape {tuple(support.shape)}"
            asked = f"support sets of shape (B, M, {', '.join(map(str, self.element_shape))})"
            raise InputError(asked, found, "give as many elements of the data's shape for every datapoint")
        sets, size = support.shape[:2]
        if size:
            pooled = self.pooled(self.elements(support.reshape(sets, size, -1)))
        else:
            pooled = support.new_zeros(sets, self.summary)
        if self.with_size:  # how far a mean can be relied on
            pooled = torch.cat([pooled, pooled.new_full((sets, 1), 1 / (1 + size))], 1)
        out: Tensor = self.after(pooled)
        return out

    def pooled(self, elements: Tensor) -> Tensor:
        """From elements (B, M, summary) to (B, summary), the same for every order."""
        raise NotImplementedError


class MeanPooled(SetEncoder):
    """The mean over the set.

    Example:
        >>> MeanPooled((4,), 3, (8,), "elu")(torch.zeros(5, 10, 4)).shape
        torch.Size([5, 3])
    """

    def pooled(self, elements: Tensor) -> Tensor:
        """Return the mean."""
        return elements.mean(1)


class AttentionPooled(SetEncoder):
    """A round of self-attention, and the mean that a learned seed weights; each with one head.

    Example:
        >>> AttentionPooled((4,), 3, (8,), "elu")(torch.zeros(5, 10, 4)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self, element_shape: Sequence[int], summary: int, hidden: Sequence[int], act: str, *, with_size: bool = False
    ) -> None:
        super().__init__(element_shape, summary, hidden, act, with_size=with_size)
        self.among = nn.Linear(summary, 3 * summary)
        self.keys = nn.Linear(summary, 2 * summary)
        self.seed = nn.Parameter(torch.zeros(1, summary).normal_(0.0, 1 / math.sqrt(summary)))

    def pooled(self, elements: Tensor) -> Tensor:
        """Return what the seed attends to."""
        query, key, value = self.among(elements).chunk(3, -1)
        mixed = elements + _attended(query, key, value)
        key, value = self.keys(mixed).chunk(2, -1)
        return _attended(self.seed.expand(len(elements), 1, -1), key, value).squeeze(1)


def _attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    weights = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(query.shape[-1]), -1)
    return weights @ value


POOLINGS: dict[str, type[SetEncoder]] = {"attention": AttentionPooled, "mean": MeanPooled}


def make_set_encoder(
    pooling: str,
    element_shape: Sequence[int],
    summary: int,
    hidden: Sequence[int],
    act: str,
    *,
    with_size: bool = False,
) -> SetEncoder:
    """Make a set encoder.

    Args:
        pooling: ``mean`` or ``attention``.
        element_shape: of an element of a set.
        summary: width of h(D).
        hidden: sizes of the hidden layers of phi and of rho.
        act: a name of ``gapkit.models.nets.ACTIVATIONS``.
        with_size: tell rho how large the set is: sets of several sizes are trusted to several degrees.

    Raises:
        InputError: no such pooling.

    Example:
        >>> make_set_encoder("mean", (4,), 3, (8,), "elu")(torch.zeros(2, 0, 4)).shape
        torch.Size([2, 3])
    """
    if pooling not in POOLINGS:
        raise InputError(f"a set encoder with pooling {pooling!r}", "no such one", f"use {' or '.join(POOLINGS)}")
    return POOLINGS[pooling](element_shape, summary, hidden, act, with_size=with_size)
