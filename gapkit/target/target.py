"""log p(x, z) of a batch of datapoints as a function of flat latents: what every estimator and fit works on.

Shapes: S samples, B datapoints, D = number of latent dimensions after flattening the model's latent event.
"""

import contextlib
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.trees import Tree, mapped, repeated, rows_of
from gapkit.models.conditions import has_place, prior_with
from gapkit.models.encoding import encoded
from gapkit.models.priors import log_prob, log_prob_and_grad, moved
from gapkit.models.protocol import LatentModel
from gapkit.models.resolution import log_prob_in_double, needs_double
from gapkit.models.squashed import sharp
from gapkit.models.steady import steady
from gapkit.models.unvalidated import unvalidated
from gapkit.target.dense import DenseDecoder, Layer, read_dense
from gapkit.target.observation import fisher_features
from gapkit.target.precision import gradient_dtype, tf32
from gapkit.target.prior_proposal import PriorProposal
from gapkit.target.work import Work

__all__ = ["Target"]

# Rows of one decoder call hold about this many data values: enough to keep the cores busy, small enough for the caches
# and for decoders whose inner layers are many times wider than the data.
_VALUES_PER_CALL = 1_300_000
_MAX_ROWS = 4096


class Target:
    """The unnormalised posteriors of a batch: z -> log p(x_b, z) for every datapoint b.

    Samples are processed in chunks of at most ``max_rows`` decoder rows, so memory stays bounded whatever S is. The
    chunk is a function of shapes alone, never of free memory, so that results can be repeated.

    A decoder that is a chain of linear maps and pointwise functions with a Bernoulli or a normal likelihood is
    differentiated by hand; every other one by automatic differentiation.

    Args:
        model: an object of the model contract.
        x: data, shape (B, *x_shape).
        max_rows: decoder rows per call; None chooses from the size of a datapoint.
        like: a target of the same model, whose reading of the decoder and whose count of work are shared.
        condition: c of p(x, z|c), a tensor or a tree of one row per datapoint, on the data's device; None for a model
            without one.

    Attributes:
        work: what has been evaluated so far, for this target and all that share its count.
        in_double: whether log p(x|z) is taken and summed in float64, because its own type is not precise enough; then
            it is returned in float64 too. Gradients keep the type of the latents.
    """

    def __init__(
        self,
        model: LatentModel,
        x: Tensor,
        *,
        max_rows: int | None = None,
        like: "Target | None" = None,
        condition: Tree = None,
    ) -> None:
        self.model, self.x, self.condition = model, x, condition
        self.num_datapoints = x.shape[0]
        with torch.no_grad(), unvalidated():
            self.latent_shape: torch.Size = like.latent_shape if like else self._encoded_first().event_shape
            self.prior: Distribution = steady(moved(prior_with(model, condition), x.dtype, x.device))
            self.in_double: bool = like.in_double if like else needs_double(model, x, self.latent_shape, condition)
            self._dense: DenseDecoder | None = like._dense if like else self._read(x)
        self.work: Work = like.work if like else Work()
        self.dim = math.prod(self.latent_shape)
        self.max_rows = max_rows or max(16, min(_MAX_ROWS, _VALUES_PER_CALL // max(1, x[0].numel())))
        self._bound = self._dense.bind(x) if self._dense else None
        self._repeated: tuple[int, Tensor, Tree] | None = None

    def __reduce__(self) -> tuple[Any, tuple[LatentModel, Tensor, Tree]]:
        """Sent elsewhere, it reads the decoder again there, and counts from zero."""
        return _again, (self.model, self.x, self.condition)

    def _encoded_first(self) -> Distribution:
        return encoded(self.model, self.x[:1], rows_of(self.condition, slice(1)))

    def _read(self, x: Tensor) -> DenseDecoder | None:
        # What is written out by hand keeps one type from end to end, and is a function of z alone.
        own = self.in_double or self.conditional
        return None if own else read_dense(self.model, x[:1], self.latent_shape)

    @cached_property
    def conditional(self) -> bool:
        """Whether p(x|z) depends on a condition, so that every latent point belongs to a datapoint."""
        return self.condition is not None and has_place(self.model, "decode")

    @property
    def decodes_for_all(self) -> bool:
        """Whether latents that are decoded once can be held against all datapoints."""
        return not self.conditional and bool(getattr(self.model, "decodes_for_all", True))

    @property
    def own_prior(self) -> bool:
        """Whether every datapoint has a prior of its own."""
        return bool(self.prior.batch_shape)

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the data and the latents."""
        return self.x.dtype

    @property
    def device(self) -> torch.device:
        """Device of the data and the latents."""
        return self.x.device

    @property
    def by_hand(self) -> bool:
        """Whether the decoder's derivatives are written out, not left to automatic differentiation."""
        return self._bound is not None

    @property
    def dense_layers(self) -> tuple[Layer, ...]:
        """The linear layers of the decoder where its derivatives are written out, else none."""
        return self._dense.layers if self._dense else ()

    def select(self, rows: Tensor) -> "Target":
        """Return the target of some rows of the batch (a row may be repeated): rows has shape (P,)."""
        condition = rows_of(self.condition, rows)
        return Target(self.model, self.x[rows], max_rows=self.max_rows, like=self, condition=condition)

    def decode(self, z: Tensor, owner: Tensor | None = None) -> Distribution:
        """Return p(x|z) for flat latents z of shape (N, D).

        Args:
            z: latents.
            owner: which datapoint each belongs to, shape (N,); only asked for where there is a condition. None takes
                all datapoints in their order, so many times as there are latents.

        Raises:
            ValueError: a condition, no owner, and latents that are no multiple of the datapoints.
        """
        shaped = z.reshape(-1, *self.latent_shape)
        if not self.conditional:
            with unvalidated():
                return sharp(self.model.decode, shaped)
        decode: Any = self.model.decode  # with a condition, which the plain contract does not have
        condition = self._condition_of(len(shaped)) if owner is None else rows_of(self.condition, owner)
        with unvalidated():
            return sharp(lambda part: decode(part, mapped(condition, Tensor.clone)), shaped)  # it may write into it

    def _condition_of(self, count: int) -> Tree:
        """The condition of so many latents, of all datapoints in their order, again and again."""
        times, rest = divmod(count, self.num_datapoints)
        if rest:
            raise ValueError(f"{count} latents for {self.num_datapoints} datapoints: say whose they are")
        return self._repeat(times)[1]

    def chunks(self, num_samples: int) -> list[int]:
        """Cut S samples of all B datapoints into chunks of at most ``max_rows`` decoder rows (at least one sample)."""
        size = max(1, self.max_rows // self.num_datapoints)
        return [min(size, num_samples - start) for start in range(0, num_samples, size)]

    def log_prior(self, z: Tensor) -> Tensor:
        """Log p(z): z has shape (S, B, D), the result (S, B), in nats."""
        with unvalidated():
            return log_prob(self.prior, z.reshape(*z.shape[:-1], *self.latent_shape))

    def log_likelihood(self, z: Tensor) -> Tensor:
        """Log p(x|z): z has shape (S, B, D), the result (S, B), in nats; chunked over samples."""
        self.work.values += z.shape[0] * z.shape[1]
        return _joined([self._log_likelihood(part) for part in z.split(self.chunks(z.shape[0]))])

    def log_joint(self, z: Tensor) -> Tensor:
        """Log p(x, z): z has shape (S, B, D), the result (S, B), in nats; chunked over samples."""
        return self.log_likelihood(z) + self.log_prior(z)

    def log_joint_and_grad(self, z: Tensor, precision: str = "full") -> tuple[Tensor, Tensor]:
        """Log p(x, z) and its gradient in z: shapes (S, B) and (S, B, D); chunked over samples, no graph is kept.

        Args:
            z: latents, shape (S, B, D).
            precision: of the gradient's products; the value keeps the model's own type.
        """
        dtype = gradient_dtype(precision, self.dtype, self.device)
        self.work.gradients += z.shape[0] * z.shape[1]
        values, gradients = [], []
        for part in z.detach().split(self.chunks(z.shape[0])):
            value, gradient = self._value_and_grad(part, dtype, coarse=precision == "tf32")
            values.append(value)
            gradients.append(gradient)
        prior, prior_grad = self.log_prior_and_grad(z.detach())
        return _joined(values) + prior, _joined(gradients) + prior_grad

    def grad(self, z: Tensor, precision: str = "full") -> Tensor:
        """The gradient of log p(x, z) alone, shape (S, B, D): inner steps of a trajectory and fits need no value."""
        dtype = gradient_dtype(precision, self.dtype, self.device)
        self.work.gradients += z.shape[0] * z.shape[1]
        chunks = z.detach().split(self.chunks(z.shape[0]))
        parts = [self._grad(part, dtype, coarse=precision == "tf32") for part in chunks]
        return _joined(parts) + self.log_prior_and_grad(z.detach())[1]

    def root_fisher(self, z: Tensor, precision: str = "full", owner: Tensor | None = None) -> Tensor:
        """A root R of the Gauss-Newton curvature of -log p(x|z): rows z of shape (N, D) to (N, D, M), R R' = curvature.

        Costs D columns of the decoder's Jacobian per row; not chunked. A lower precision is used where the derivatives
        are written out, and ignored elsewhere. Where likelihoods have heavy tails the curvature depends on the data:
        ``owner``, shape (N,), says which datapoint a row belongs to; without it that is averaged over.
        """
        dtype = gradient_dtype(precision, self.dtype, self.device)
        self.work.columns += z.numel()
        if self._bound is not None:
            with tf32(precision == "tf32"):
                return self._bound.root_fisher(z, dtype)
        basis = torch.eye(self.dim, dtype=z.dtype, device=z.device)
        x = None if owner is None else self.x[owner]

        def features(points: Tensor) -> tuple[Tensor, Tensor]:
            return fisher_features(self.decode(points, owner), x)

        def column(direction: Tensor) -> tuple[Tensor, Tensor]:
            result = torch.func.jvp(features, (z,), (direction.expand_as(z),), has_aux=True)
            return result[1], result[2]  # type: ignore[misc]

        slopes, weights = torch.func.vmap(column, out_dims=(0, None))(basis)  # type: ignore[arg-type]
        return (slopes * weights.sqrt()).transpose(0, 1)

    def _log_likelihood(self, z: Tensor) -> Tensor:
        """One decoder call: (S, B, D) to (S, B). Differentiable where gradients are on."""
        if self._bound is not None and not torch.is_grad_enabled():
            return self._bound.value(z)
        with unvalidated():
            p, x = self.decode(z), self._repeat(z.shape[0])[0]
            values = log_prob_in_double(p, x) if self.in_double else p.log_prob(x)
        return values.reshape(z.shape[:2])

    def _value_and_grad(self, z: Tensor, dtype: torch.dtype, *, coarse: bool) -> tuple[Tensor, Tensor]:
        if self._bound is not None and not coarse:
            return self._bound.value_and_grad(z, dtype)
        if dtype == self.dtype and not coarse:
            return self._by_autograd(z)
        with torch.no_grad():
            value = self._log_likelihood(z)
        return value, self._grad(z, dtype, coarse=coarse)

    def _grad(self, z: Tensor, dtype: torch.dtype, *, coarse: bool) -> Tensor:
        with tf32(coarse):
            if self._bound is not None:
                return self._bound.grad(z, dtype)
            with self._autocast(dtype):
                return self._by_autograd(z)[1]

    def _by_autograd(self, z: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            leaf = z.detach().requires_grad_(True)
            value = self._log_likelihood(leaf)
            if not value.requires_grad:  # a decoder that does not look at z
                return value, torch.zeros_like(leaf)
            (gradient,) = torch.autograd.grad(value.sum(), leaf)
        return value.detach(), gradient

    def _autocast(self, dtype: torch.dtype) -> contextlib.AbstractContextManager[object]:
        lower = dtype != self.dtype
        return torch.autocast(self.device.type, dtype) if lower else contextlib.nullcontext()

    def prior_proposal(self) -> PriorProposal:
        """P(z) of the datapoints as a proposal."""
        return PriorProposal(self.prior, self.num_datapoints, self.dtype, self.device, self._prior_of)

    @property
    def _prior_of(self) -> Callable[[Tensor], Distribution] | None:
        return (lambda rows: self.select(rows).prior) if self.own_prior else None

    def log_prior_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Log p(z) and its gradient: z has shape (S, B, D), the results (S, B) and (S, B, D), in nats."""
        with unvalidated():
            value, gradient = log_prob_and_grad(self.prior, z.reshape(*z.shape[:-1], *self.latent_shape))
        return value, gradient.reshape(z.shape)

    def _repeat(self, num_samples: int) -> tuple[Tensor, Tree]:
        # Data and condition are repeated once per chunk size and kept: a chain of transitions asks for the same size
        # every time.
        if self._repeated is None or self._repeated[0] != num_samples:
            shape = self.x.shape
            x = self.x.expand(num_samples, *shape).reshape(num_samples * shape[0], *shape[1:])
            self._repeated = (num_samples, x, repeated(self.condition, num_samples))
        return self._repeated[1:]


def _again(model: LatentModel, x: Tensor, condition: Tree) -> Target:
    return Target(model, x, condition=condition)


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
