"""What an estimator returns: a bound on log p(x) for each datapoint, with an error bar."""

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.numerics import standard_error
from gapkit.core.randomness import Key, as_key
from gapkit.families.protocol import Draws
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.target import Target, as_proposal

__all__ = ["Bound", "Estimate", "Estimator", "blocks", "bound_inputs", "without_nan"]


# Latents of a block fit the caches, and arrays of their size are quickly allocated; larger ones are no faster.
_LARGEST_BLOCK, _VALUES_PER_BLOCK = 512, 250_000


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

    def select(self, rows: Tensor) -> "Estimate":
        """The estimates of some datapoints: rows has shape (P,). Noise is per datapoint, so pairing stays."""
        draws = None if self.draws is None else self.draws[:, rows]
        diagnostics = {name: values[rows] for name, values in self.diagnostics.items()}
        noise = None
        if self.noise is not None:
            noise = tuple(part.select(rows) if isinstance(part, Key) else part for part in self.noise)
        return Estimate(self.value[rows], self.std_error[rows], self.bound, diagnostics, draws, noise)

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

    def __call__(self, model: LatentModel, x: Tensor, q: Distribution | Draws, seed: int | Key = 0) -> Estimate:
        """Estimate for data x of shape (B, *x_shape) with one proposal per datapoint."""
        ...


@contextmanager
def bound_inputs(
    model: LatentModel | Target, x: Tensor, q: Distribution | Draws, seed: int | Key
) -> Iterator[tuple[Target, Any, Key]]:
    """Bring the arguments of an estimator into one form; gradients to the model are off meanwhile.

    A model is frozen in eval mode and put back afterwards; a target is bound to its data and frozen already.
    """
    with contextlib.ExitStack() as stack:
        if not isinstance(model, Target):
            stack.enter_context(frozen(model))
            model = Target(model, x)
        stack.enter_context(torch.no_grad())
        proposal = as_proposal(q, model.num_datapoints, model.dtype, model.device)
        yield model, proposal, as_key(seed, model.num_datapoints)


def blocks(num_samples: int, target: Target) -> Iterator[int]:
    """Cut S samples into even blocks to draw at a time (the last may be odd), so that memory stays bounded."""
    size = max(2, min(_LARGEST_BLOCK, _VALUES_PER_BLOCK // (target.num_datapoints * target.dim)))
    chunk = target.chunks(size)[0]
    size = size // chunk * chunk if size > 2 * chunk else size  # whole decoder calls, no small rest
    size = max(2, size // 2 * 2)
    for start in range(0, num_samples, size):
        yield min(size, num_samples - start)


def without_nan(log_w: Tensor) -> tuple[Tensor, Tensor]:
    """Give undefined log weights the weight zero, and count them: (S, B) to (S, B) and (B,)."""
    undefined = log_w.isnan() | log_w.isposinf()
    return torch.where(undefined, -torch.inf, log_w), undefined.sum(0)
