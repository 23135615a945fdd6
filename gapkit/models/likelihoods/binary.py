"""Likelihoods of values in [0, 1] with one logit each: Bernoulli, cross-entropy, continuous Bernoulli."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch import distributions as td
from torch.distributions import Independent, constraints

from gapkit.models import distributions
from gapkit.models.likelihoods.protocol import Params
from gapkit.models.likelihoods.reading import check_output, independent, logits_of, one_tensor
from gapkit.models.support import check_values

__all__ = ["Bernoulli", "ContinuousBernoulli", "CrossEntropy"]


@dataclass(frozen=True)
class Bernoulli:
    """Bernoulli pixels in {0, 1}; the decoder returns logits or probabilities of shape (B, *x_shape).

    Reference: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014), https://arxiv.org/abs/1312.6114, equation 11.

    Args:
        output: "logits", or "probs" for a decoder that ends in a sigmoid; None says nothing and is read as logits.

    Example:
        >>> import torch
        >>> Bernoulli()(torch.zeros(2, 3)).log_prob(torch.ones(2, 3))
        tensor([-2.0794, -2.0794])
        >>> Bernoulli("probs")(torch.full((1, 2), 0.25)).log_prob(torch.zeros(1, 2)).exp()
        tensor([0.5625])
    """

    output: str | None = None
    name: ClassVar[str] = "bernoulli"
    shared: ClassVar[None] = None
    outputs: ClassVar[tuple[str, ...]] = ("logits", "probs")

    def __post_init__(self) -> None:
        check_output(self.name, self.output, self.outputs)

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint."""
        return tuple(x_shape)

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return p(x|z) for logits or probabilities of shape (B, *x_shape)."""
        logits = _logits(params, self.name, self.output)
        return independent(td.Bernoulli(logits=logits, validate_args=False), logits.dim() - 1)

    def check_support(self, x: Tensor) -> None:
        """Refuse values other than 0 and 1; ``x`` has shape (B, *x_shape)."""
        check_values(constraints.boolean, x, "data for a bernoulli likelihood")


@dataclass(frozen=True)
class CrossEntropy:
    """Grey pixels in [0, 1] as a VAE sees them that is trained on their binary cross-entropy.

    The weight exp(-cross-entropy) is no density of x: what stands at the top of the ladder is the log of its integral
    over the prior, and the gaps below are as valid as any. See :class:`gapkit.models.distributions.CrossEntropy`.

    Args:
        output: "logits", or "probs" for a decoder that ends in a sigmoid; None says nothing and is read as logits.

    Example:
        >>> import torch
        >>> CrossEntropy()(torch.zeros(1, 3)).log_prob(torch.full((1, 3), 0.5)).exp()
        tensor([0.1250])
    """

    output: str | None = None
    name: ClassVar[str] = "cross_entropy"
    shared: ClassVar[None] = None
    outputs: ClassVar[tuple[str, ...]] = ("logits", "probs")

    def __post_init__(self) -> None:
        check_output(self.name, self.output, self.outputs)

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint."""
        return tuple(x_shape)

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return the weight of x for logits or probabilities of shape (B, *x_shape), or for a Bernoulli p(x|z)."""
        given: object = params
        while isinstance(given, Independent):
            given = given.base_dist
        logits = given.logits if isinstance(given, td.Bernoulli) else _logits(params, self.name, self.output)
        return independent(distributions.CrossEntropy(logits=logits, validate_args=False), logits.dim() - 1)

    def check_support(self, x: Tensor) -> None:
        """Refuse values outside [0, 1]; ``x`` has shape (B, *x_shape)."""
        check_values(constraints.unit_interval, x, "data for a cross_entropy likelihood")


@dataclass(frozen=True)
class ContinuousBernoulli:
    """Values in [0, 1] with the normalised continuous Bernoulli density; the decoder returns logits (B, *x_shape).

    Reference: Loaiza-Ganem & Cunningham (2019), https://arxiv.org/abs/1907.06845, equation 3.

    Args:
        output: "logits", or "probs" for a decoder that returns their sigmoid (the paper's lambda, not the mean of x);
            None says nothing and is read as logits.

    Example:
        >>> import torch
        >>> ContinuousBernoulli()(torch.zeros(1, 3)).log_prob(torch.ones(1, 3)).exp()  # the uniform density
        tensor([1.])
    """

    output: str | None = None
    name: ClassVar[str] = "continuous_bernoulli"
    shared: ClassVar[None] = None
    outputs: ClassVar[tuple[str, ...]] = ("logits", "probs")

    def __post_init__(self) -> None:
        check_output(self.name, self.output, self.outputs)

    def output_shape(self, x_shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the decoder's output per datapoint."""
        return tuple(x_shape)

    def __call__(self, params: Params, shared: Tensor | None = None) -> Independent:
        """Return p(x|z) for logits or probabilities of shape (B, *x_shape)."""
        logits = _logits(params, self.name, self.output)
        return independent(distributions.ContinuousBernoulli(logits, validate_args=False), logits.dim() - 1)

    def check_support(self, x: Tensor) -> None:
        """Refuse values outside [0, 1]; ``x`` has shape (B, *x_shape)."""
        check_values(constraints.unit_interval, x, "data for a continuous_bernoulli likelihood")


def _logits(params: Params, name: str, output: str | None) -> Tensor:
    if output == "probs":
        return logits_of(one_tensor(params, name, "probabilities"), name)
    return one_tensor(params, name, "logits")
