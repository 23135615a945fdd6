"""Likelihoods of values from a finite set: classes and quantised pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch import distributions as td
from torch.distributions import Independent, constraints

from gapkit.core.errors import InputError
from gapkit.models import distributions
from gapkit.models.likelihoods.protocol import Params
from gapkit.models.likelihoods.reading import (
    check_axis,
    check_output,
    choose,
    doubled,
    independent,
    one_tensor,
    required,
    two_tensors,
    within,
)
from gapkit.models.support import check_values, describe

__all__ = ["Categorical", "DiscretizedLogistic"]


@dataclass(frozen=True)
class Categorical:
    """Class indices 0, ..., num_classes - 1; the decoder returns logits of shape (B, *x_shape, num_classes).

    Args:
        num_classes: number of classes, at least 2.
        output: "logits", or "probs" for a decoder that ends in a softmax; None says nothing and is read as logits.

    Raises:
        InputError: if num_classes is no such number.

    Example:
        >>> import torch
        >>> Categorical(4)(torch.zeros(1, 3, 4)).log_prob(torch.tensor([[0, 1, 3]]))
        tensor([-4.1589])
    """

    num_classes: int
    output: str | None = None
    name: ClassVar[str] = "categorical"
    shared: ClassVar[None] = None
    outputs: ClassVar[tuple[str, ...]] = ("logits", "probs")

    def __post_init__(self) -> None:
        check_output(self.name, self.output, self.outputs)
        if not isinstance(self.num_classes, int) or self.num_classes < 2:
            do = "give a whole number of classes, at least 2"
            raise InputError("categorical likelihood", f"num_classes={self.num_classes}", do)

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint."""
        return (*x_shape, self.num_classes)

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return p(x|z) for logits or probabilities of shape (B, *x_shape, num_classes)."""
        values = one_tensor(params, self.name, "probabilities" if self.output == "probs" else "logits")
        if values.shape[-1] != self.num_classes:
            do = "put the classes in the last axis of the decoder's output, or change num_classes"
            raise InputError(f"categorical likelihood of {self.num_classes} classes", describe(values), do)
        logits = values
        if self.output == "probs":
            do = f"the decoder seems to return logits: write categorical:num_classes={self.num_classes},logits"
            asked = "categorical likelihood, whose decoder returns probabilities"
            logits = within(values, 0.0, 1.0, asked, do).clamp_min(torch.finfo(values.dtype).tiny).log()
        return independent(td.Categorical(logits=logits, validate_args=False), logits.dim() - 2)

    def check_support(self, x: Tensor) -> None:
        """Refuse anything but class numbers; ``x`` has shape (B, *x_shape)."""
        check_values(constraints.integer_interval(0, self.num_classes - 1), x, "data for a categorical likelihood")


@dataclass(frozen=True)
class DiscretizedLogistic:
    """Quantised values on ``linspace(low, high, bins)``; the decoder returns the mean and the log scale.

    Reference: Salimans et al. (2017), https://arxiv.org/abs/1701.05517, equation 2 with one mixture component.

    Args:
        bins: number of grid values.
        low: smallest grid value.
        high: largest grid value.
        scale: "pixel" (the decoder returns mean and log scale) or "global" (one shared log scale held by the model).
        chunk_dim: for "pixel", axis of a single output tensor (batch axis included) that holds mean, then log scale.

    Example:
        >>> import torch
        >>> p = DiscretizedLogistic(bins=2)((torch.full((1, 3), 0.5), torch.zeros(1, 3)))
        >>> p.log_prob(torch.tensor([[0.0, 1.0, 1.0]])).exp()
        tensor([0.1250])
    """

    bins: int = 256
    low: float = 0.0
    high: float = 1.0
    scale: str = "pixel"
    chunk_dim: int = 1
    name: ClassVar[str] = "discretized_logistic"

    def __post_init__(self) -> None:
        choose(self.name, "scale", self.scale, ("global", "pixel"))
        check_axis(self.name, self.chunk_dim)
        try:
            if not (isinstance(self.bins, int) and self.bins >= 2 and float(self.low) < float(self.high)):
                raise ValueError
        except ValueError:
            found = f"bins={self.bins}, low={self.low}, high={self.high}"
            raise InputError("discretized_logistic likelihood", found, "use bins >= 2 and low < high") from None

    @property
    def shared(self) -> str | None:
        """Meaning of the shared parameter, None if there is none."""
        return "log scale" if self.scale == "global" else None

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint."""
        return doubled(x_shape, self.chunk_dim) if self.scale == "pixel" else tuple(x_shape)

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return p(x|z) for means and log scales (B, *x_shape), or for means; ``shared`` broadcasts with x_shape."""
        if self.scale == "pixel":
            mean, log_scale = two_tensors(params, self.name, "means and log scales", self.chunk_dim)
        else:
            mean = one_tensor(params, self.name, "means")
            log_scale = required(shared, self.name, "log scale")
        base = distributions.DiscretizedLogistic(
            mean, log_scale.exp(), self.bins, self.low, self.high, validate_args=False
        )
        return independent(base, mean.dim() - 1)

    def check_support(self, x: Tensor) -> None:
        """Refuse values that are not on the grid; ``x`` has shape (B, *x_shape)."""
        grid = distributions.Grid(self.low, self.high, self.bins)
        check_values(grid, x, "data for a discretized_logistic likelihood")
