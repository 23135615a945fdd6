"""What an estimator returns: a bound on log p(x) for each datapoint, with an error bar."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.errors import InputError
from gapkit.core.numerics import standard_error
from gapkit.core.randomness import Key, as_key
from gapkit.core.trees import Tree, rows_of
from gapkit.families.protocol import Draws
from gapkit.models.conditions import condition_for, require_condition
from gapkit.models.coordinates import RealCoordinates, in_real_coordinates
from gapkit.models.freeze import frozen
from gapkit.models.protocol import LatentModel
from gapkit.models.pulled import in_reals
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


class Estimator(ABC):
    """Base of all estimators: settings in a frozen dataclass, and one method, :meth:`on`.

    Users call it with a model and data, ``estimator(model, x, q, seed)``; an analysis with data that are bound to the
    model already, ``estimator.on(target, q, key)``. An estimator of one's own may have a ``label``, what it is called
    in tables; the first line of its docstring says there what it is.

    Attributes:
        label: what it is called in tables; empty for the name of its column.

    Example:
        >>> from gapkit.models.reference import build
        >>> class OneDraw(Estimator):
        ...     def on(self, target, q, key):
        ...         z, log_q = q.draw(key.streams("one", target.dtype, target.device), 2)
        ...         draws = (target.log_joint(z) - log_q).double()
        ...         return Estimate.from_draws(draws.mean(0), draws, Bound.LOWER)
        >>> model = build("mlp_vae", x_shape=(4,), latent=2, hidden=(8,))
        >>> OneDraw()(model, torch.ones(3, 4), model.encode(torch.ones(3, 4)), seed=1).value.shape
        torch.Size([3])
    """

    label: ClassVar[str] = ""

    def __call__(
        self, model: LatentModel, x: Tensor, q: Distribution | Draws, seed: int | Key = 0, *, condition: Tree = None
    ) -> Estimate:
        """Estimate for data x of shape (B, *x_shape) with one proposal per datapoint: shape (B,), in nats.

        The model is frozen in eval mode meanwhile and put back afterwards. A conditional one wants a ``condition`` of
        one row per datapoint.

        Raises:
            InputError: a target in the place of the model, or settings out of range.
        """
        with bound_inputs(model, x, q, seed, condition) as (target, proposal, key):
            return self.on(target, proposal, key)

    @abstractmethod
    def on(self, target: Target, q: Any, key: Key) -> Estimate:
        """Estimate for B datapoints that are bound to a model: shape (B,), in nats.

        Args:
            target: log p(x, z) of the datapoints.
            q: one proposal per datapoint; it draws from streams of ``key``.
            key: seed and indices of the datapoints: all noise comes from ``key.streams``.
        """


@contextmanager
def bound_inputs(
    model: LatentModel, x: Tensor, q: Distribution | Draws, seed: int | Key, condition: Tree = None
) -> Iterator[tuple[Target, Any, Key]]:
    """Bring the arguments of an estimator into one form; gradients are off meanwhile.

    The model is frozen in eval mode and put back afterwards.

    Raises:
        InputError: a target in the place of the model.
    """
    if isinstance(model, Target):
        found = "a target, which holds its data already"
        raise InputError("an estimate for a model and data", found, "call estimator.on(target, q, key)")
    if condition is None:
        require_condition(model, "give it: condition=, one row for each datapoint")
    with frozen(model), torch.no_grad():
        given = condition_for(model, condition, len(x), x.dtype, x.device)
        seen = in_real_coordinates(model, x[:1], rows_of(given, slice(1)))
        if seen is not model and isinstance(seen, RealCoordinates) and isinstance(q, Distribution):
            q = in_reals(q, seen.to_latents)[0] if q.batch_shape else seen.pulled(q)
        target = Target(seen, x, condition=given)
        proposal = as_proposal(q, target.num_datapoints, target.dtype, target.device)
        yield target, proposal, as_key(seed, target.num_datapoints)


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
