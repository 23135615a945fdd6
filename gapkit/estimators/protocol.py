"""What an estimator returns: a bound on log p(x) for each datapoint, with an error bar."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.families.protocol import Proposal
from gapkit.models.protocol import LatentModel
from gapkit.models.target import Target
from gapkit.numerics import standard_error
from gapkit.randomness import Key

__all__ = ["Bound", "Estimate", "Estimator", "as_target"]


class Bound(Enum):
    """On which side of log p(x) the expectation of an estimate lies."""

    LOWER = "lower"
    EXACT = "exact"
    UPPER = "upper"


@dataclass(frozen=True)
class Estimate:
    """Per-datapoint estimates in nats.

    Attributes:
        value: estimates, shape (B,), float64.
        std_error: Monte Carlo standard errors, shape (B,), float64.
        bound: the side of log p(x) on which the expectation lies.
        diagnostics: further per-datapoint figures, each of shape (B,).
        draws: values whose mean over the first axis is ``value`` (to first order), shape (M, B). Two estimates that
            were made from the same noise can be subtracted draw by draw, which cancels what they share.
        noise: names the noise behind ``draws``; equal names mean that rows of ``draws`` belong together.
    """

    value: Tensor
    std_error: Tensor
    bound: Bound
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)
    draws: Tensor | None = None
    noise: tuple[object, ...] | None = None

    @staticmethod
    def from_draws(
        value: Tensor,
        draws: Tensor,
        bound: Bound,
        noise: tuple[object, ...] | None = None,
        diagnostics: Mapping[str, Tensor] | None = None,
    ) -> "Estimate":
        """Build an estimate whose standard error is that of the mean of its draws."""
        return Estimate(value, standard_error(draws), bound, diagnostics or {}, draws, noise)


class Estimator(Protocol):
    """A callable with frozen settings: ``(model, x, q, seed) -> Estimate``."""

    def __call__(self, model: LatentModel, x: Tensor, q: Distribution | Proposal, seed: int | Key = 0) -> Estimate:
        """Estimate for data x of shape (B, *x_shape) with one proposal per datapoint."""
        ...


def as_target(model: LatentModel | Target, x: Tensor) -> Target:
    """Accept a model, or a target already bound to these data."""
    return model if isinstance(model, Target) else Target(model, x)


def without_nan(log_w: Tensor) -> tuple[Tensor, Tensor]:
    """Give undefined log weights the weight zero, and count them: (S, B) to (S, B) and (B,)."""
    undefined = log_w.isnan() | log_w.isposinf()
    return torch.where(undefined, -torch.inf, log_w), undefined.sum(0)
