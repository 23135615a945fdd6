"""Likelihoods of counts: Poisson and negative binomial."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch import distributions as td
from torch.distributions import Independent, constraints

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
from gapkit.models.support import check_values

__all__ = ["NegativeBinomial", "Poisson"]


@dataclass(frozen=True)
class NegativeBinomial:
    """Overdispersed counts with mean m and inverse dispersion r: variance m + m^2 / r.

    The decoder returns log m, and log r is shared; with ``dispersion="pixel"`` it returns both.
    Reference: Lopez et al., "Deep generative modeling for single-cell transcriptomics" (2018),
    https://doi.org/10.1038/s41592-018-0229-2, equation 3 (their theta is r).

    Args:
        dispersion: "global" or "pixel".
        chunk_dim: for "pixel", axis of a single output tensor (batch axis included) that holds log m, then log r.

    Example:
        >>> import torch
        >>> counts = NegativeBinomial()(torch.zeros(1, 2), shared=torch.zeros(2))  # m = r = 1: P(k) = 2^-(k + 1)
        >>> counts.log_prob(torch.tensor([[0.0, 2.0]])).exp()
        tensor([0.0625])
    """

    dispersion: str = "global"
    chunk_dim: int = 1
    name: ClassVar[str] = "negative_binomial"

    def __post_init__(self) -> None:
        choose(self.name, "dispersion", self.dispersion, ("global", "pixel"))
        check_axis(self.name, self.chunk_dim)

    @property
    def shared(self) -> str | None:
        """Meaning of the shared parameter, None if there is none."""
        return "log inverse dispersion" if self.dispersion == "global" else None

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint."""
        return doubled(x_shape, self.chunk_dim) if self.dispersion == "pixel" else tuple(x_shape)

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return p(x|z) for log means (B, *x_shape), or log means and log r; ``shared`` broadcasts with x_shape."""
        if self.dispersion == "pixel":
            log_mean, log_r = two_tensors(params, self.name, "log means and log inverse dispersions", self.chunk_dim)
        else:
            log_mean = one_tensor(params, self.name, "log means")
            log_r = required(shared, self.name, "log inverse dispersion")
        base = td.NegativeBinomial(log_r.exp(), logits=log_mean - log_r, validate_args=False)
        return independent(base, log_mean.dim() - 1)

    def check_support(self, x: Tensor) -> None:
        """Refuse negative and fractional counts; ``x`` has shape (B, *x_shape)."""
        check_values(constraints.nonnegative_integer, x, "data for a negative_binomial likelihood")


@dataclass(frozen=True)
class Poisson:
    """Counts 0, 1, 2, ...; the decoder returns log rates or rates of shape (B, *x_shape).

    Args:
        output: "log_rate", or "rate" for a decoder that ends in exp or softplus; None says nothing and is read as
            "log_rate".

    Example:
        >>> import torch
        >>> Poisson()(torch.zeros(1, 2)).log_prob(torch.tensor([[0.0, 1.0]]))
        tensor([-2.])
    """

    output: str | None = None
    name: ClassVar[str] = "poisson"
    shared: ClassVar[None] = None
    outputs: ClassVar[tuple[str, ...]] = ("log_rate", "rate")

    def __post_init__(self) -> None:
        check_output(self.name, self.output, self.outputs)

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint."""
        return tuple(x_shape)

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return p(x|z) for log rates or rates of shape (B, *x_shape)."""
        if self.output == "rate":
            do = "the decoder seems to return log rates: say so (poisson:log_rate), or end it in exp or softplus"
            asked = "poisson:rate, whose decoder returns rates"
            rate = within(one_tensor(params, self.name, "rates"), 0.0, float("inf"), asked, do)
        else:
            rate = one_tensor(params, self.name, "log rates").exp()
        return independent(td.Poisson(rate, validate_args=False), rate.dim() - 1)

    def check_support(self, x: Tensor) -> None:
        """Refuse negative and fractional counts; ``x`` has shape (B, *x_shape)."""
        check_values(constraints.nonnegative_integer, x, "data for a poisson likelihood")
