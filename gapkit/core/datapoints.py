"""Datapoints with what belongs to them: what the encoder is given in their place, and a condition."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gapkit.core.rows import Rows
from gapkit.core.trees import Tree, concatenated, rows_of

__all__ = ["Datapoints", "Loaded", "joined"]


@dataclass(frozen=True)
class Datapoints:
    """N datapoints, in memory or read when they are taken; used like a tensor by its first axis.

    Attributes:
        x: shape (N, *x_shape): what log p(x|z) is a density of.
        inputs: what the encoder is given for them, one row each: x itself (the same object), or another form of it.
        condition: c of p(x, z|c) and q(z|x, c), a tree of one row each; None where the model has none.

    Example:
        >>> import torch
        >>> points = Datapoints.of(torch.zeros(4, 2), condition={"label": torch.arange(4)})
        >>> points[1:3].condition, len(points)
        ({'label': tensor([1, 2])}, 4)
    """

    x: Tensor | Rows
    inputs: Tensor | Rows
    condition: Tree = None

    @staticmethod
    def of(x: Tensor | Rows, inputs: Tensor | Rows | None = None, condition: Tree = None) -> "Datapoints":
        """Of data whose encoder is given them, unless something else is said."""
        return Datapoints(x, x if inputs is None else inputs, condition)

    def __len__(self) -> int:
        """Number of datapoints N."""
        return len(self.x)

    @property
    def plain(self) -> bool:
        """Whether the encoder is given x."""
        return self.inputs is self.x

    def __getitem__(self, rows: Any) -> "Loaded":
        """Some of them, in memory, by a slice, places or a mask."""
        x = self.x[rows]
        return Loaded(x, x if self.plain else self.inputs[rows], rows_of(self.condition, rows))

    def some(self) -> "Loaded":
        """What is looked at to tell what they are: all that are in memory, else a sample."""
        return self[self.x.sampled] if isinstance(self.x, Rows) else self[:]

    def split(self, size: int) -> Iterator["Loaded"]:
        """So many at a time, in their order."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


@dataclass(frozen=True)
class Loaded(Datapoints):
    """Datapoints in memory, shapes as above."""

    x: Tensor
    inputs: Tensor
    condition: Tree = None

    @staticmethod
    def of(x: Tensor, inputs: Tensor | None = None, condition: Tree = None) -> "Loaded":  # type: ignore[override]
        """Of data whose encoder is given them, unless something else is said."""
        return Loaded(x, x if inputs is None else inputs, condition)


def joined(parts: Sequence[Loaded]) -> Loaded:
    """All of them, one after the other; their encoders are given x."""
    return Loaded.of(torch.cat([part.x for part in parts]), condition=concatenated([p.condition for p in parts]))
