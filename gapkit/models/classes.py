"""A few classes y beside continuous latents z, summed out exactly: p(x, z) = sum_y p(y) p(z|y) p(x|z, y).

Discrete latents have no gradient, so that q* cannot be climbed to; but a sum over a few classes leaves a model of z
alone. Its posterior is the mixture q(z|x) = sum_y q(y|x) q(z|x, y). L[q] of that is not below the bound that such
models are trained with, which draws y too (Kingma et al., "Semi-supervised Learning with Deep Generative Models"
(2014), https://arxiv.org/abs/1406.5298, equation 7): the difference is how sure z makes one of y.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from gapkit.core.errors import InputError
from gapkit.families.distribution import TransportDistribution
from gapkit.families.gaussian_mixture import GaussianMixture
from gapkit.models.conditions import decode_with, encode_with, has_place, prior_with, users_of_condition
from gapkit.models.naming import innermost, name_of
from gapkit.models.owners import owners_of
from gapkit.models.protocol import LatentModel
from gapkit.models.support import describe

__all__ = ["ClassesSummedOut", "classes_summed_out"]

_MOST = 50


class ClassesSummedOut(nn.Module):
    """Satisfies ``LatentModel``; built by :func:`classes_summed_out`.

    Attributes:
        inner: the model that takes a class as its condition.
        num_classes: K.
    """

    def __init__(
        self, inner: Any, num_classes: int, q_classes: Callable[[Tensor], Tensor], p_classes: Tensor | None
    ) -> None:
        super().__init__()
        self.inner, self.num_classes, self.q_classes = inner, num_classes, q_classes
        self.owners = owners_of(q_classes)
        self.register_buffer("p_classes", p_classes)

    def encode(self, x: Tensor) -> Distribution:
        """Q(z|x), a mixture of K Gaussians: x has shape (B, *x_shape), the result batch shape (B,).

        Raises:
            InputError: logits of another shape, or q(z|x, y) that is no Gaussian.
        """
        logits, count = self.q_classes(x), self.num_classes
        if not isinstance(logits, Tensor) or logits.shape != (len(x), count):
            asked = f"q_classes(x) of shape ({len(x)}, {count})"
            raise InputError(asked, describe(logits), "return a logit for every datapoint and class")
        parts = [_gaussian(encode_with(self.inner, x, self._class(k, len(x), x.device))) for k in range(count)]
        means, trils = (torch.stack(each, 1) for each in zip(*parts, strict=True))
        mixture = GaussianMixture(torch.log_softmax(logits, 1), means, trils)
        return TransportDistribution(mixture, validate_args=False)

    def decode(self, z: Tensor) -> Distribution:
        """P(x|z) = sum_y p(y|z) p(x|z, y): z has shape (N, D), the result batch shape (N,)."""
        weights = self._log_prior().to(z)
        if has_place(self.inner, "prior"):
            weights = weights + self._priors(z.device).log_prob(z.unsqueeze(1))
        weights = torch.log_softmax(weights.expand(len(z), -1), 1)
        parts = [decode_with(self.inner, z, self._class(k, len(z), z.device)) for k in range(self.num_classes)]
        return _Summed(weights, parts)

    def prior(self) -> Distribution:
        """P(z) = sum_y p(y) p(z|y): batch shape ()."""
        if not has_place(self.inner, "prior"):
            return prior_with(self.inner, None)
        weight = next(iter(self.parameters()), torch.zeros(()))
        priors = self._priors(weight.device)
        logits = self._log_prior().to(weight.device)
        return MixtureSameFamily(Categorical(logits=logits, validate_args=False), priors, validate_args=False)

    def _priors(self, device: torch.device) -> Distribution:
        return prior_with(self.inner, torch.arange(self.num_classes, device=device))

    def _log_prior(self) -> Tensor:
        logits: Any = self.p_classes
        return torch.log_softmax(torch.zeros(self.num_classes) if logits is None else logits, 0)

    @staticmethod
    def _class(k: int, rows: int, device: torch.device) -> Tensor:
        return torch.full((rows,), k, device=device)


def classes_summed_out(
    model: LatentModel,
    num_classes: int,
    q_classes: Callable[[Tensor], Tensor],
    p_classes: Tensor | Sequence[float] | None = None,
) -> ClassesSummedOut:
    """Make a model of z alone from one whose ``encode``, ``decode`` or ``prior`` take a class y as their condition.

    Args:
        model: ``encode(x, y)``, ``decode(z, y)`` and, where classes have priors of their own, ``prior(y)``: y are whole
            numbers of shape (N,), from 0 to K - 1. q(z|x, y) is Gaussian.
        num_classes: K, at most 50: every evaluation of log p(x, z) decodes each z so many times.
        q_classes: x of shape (B, *x_shape) -> logits of q(y|x), (B, K).
        p_classes: logits of p(y), (K,); None for equal ones.

    Returns:
        A model that ``gapkit.analyze`` takes. The encoder's family is a mixture of K Gaussians.

    Raises:
        InputError: a model without a place for the class, or a number of classes that is not between 2 and 50.

    Example:
        >>> from torch.distributions import Independent, Normal
        >>> class PerClass:
        ...     def encode(self, x, y):
        ...         return Independent(Normal(x + y.unsqueeze(1), torch.ones_like(x)), 1)
        ...     def decode(self, z, y):
        ...         return Independent(Normal(z - y.unsqueeze(1), 1.0), 1)
        ...     def prior(self):
        ...         return Independent(Normal(torch.zeros(2), 1.0), 1)
        >>> model = classes_summed_out(PerClass(), 3, lambda x: torch.zeros(len(x), 3))
        >>> model.decode(torch.zeros(4, 2)).log_prob(torch.zeros(4, 2)).shape
        torch.Size([4])
    """
    if not 2 <= num_classes <= _MOST:
        do = "use 2 to 50 classes; for many more, z given the classes as a condition is what can be analysed"
        raise InputError(f"{num_classes} classes to sum over", "too few or too many", do)
    if not users_of_condition(model):
        do = "give it an argument for the class, as in decode(z, y)"
        raise InputError("a model whose classes are summed out", f"{type(model).__name__} takes no class", do)
    logits = None if p_classes is None else torch.as_tensor(p_classes, dtype=torch.get_default_dtype())
    if logits is not None and logits.shape != (num_classes,):
        do = "give a logit for each class, or leave it out"
        raise InputError(f"p_classes of shape ({num_classes},)", describe(logits), do)
    return ClassesSummedOut(model, num_classes, q_classes, logits)


def _gaussian(q: Distribution) -> tuple[Tensor, Tensor]:
    """Mean (B, D) and Cholesky factor (B, D, D)."""
    inner = innermost(q)
    if isinstance(inner, torch.distributions.Normal):
        batch = q.batch_shape[0]
        return inner.loc.reshape(batch, -1), torch.diag_embed(inner.scale.reshape(batch, -1))
    if isinstance(inner, torch.distributions.MultivariateNormal):
        return inner.loc, inner.scale_tril
    raise InputError("q(z|x, y) that is Gaussian", describe(q), "return Independent(Normal) or MultivariateNormal")


class _Summed(Distribution):
    """A mixture of distributions of batch shape (N,) with weights of each row's own."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, log_weights: Tensor, parts: Sequence[Distribution]) -> None:
        self.log_weights, self.parts = log_weights, tuple(parts)
        super().__init__(parts[0].batch_shape, parts[0].event_shape, validate_args=False)

    @property
    def known_as(self) -> str:
        """Of one class."""
        return f"{name_of(self.parts[0])} of {len(self.parts)} classes"

    @property
    def support(self) -> Any:
        """That of the classes."""
        return self.parts[0].support

    @property
    def mean(self) -> Tensor:
        """Shape (N, *x_shape)."""
        means = torch.stack([part.mean for part in self.parts], -1)
        weights = self.log_weights.exp().reshape(len(means), *[1] * len(self.event_shape), -1)
        return (means * weights).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Shape (..., N, *x_shape) to (..., N), in nats."""
        each = torch.stack([part.log_prob(value) for part in self.parts], -1)
        return torch.logsumexp(self.log_weights + each, -1)

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008
        """A class for every row and draw, and x given it: shape (*sample_shape, N, *x_shape)."""
        chosen = Categorical(logits=self.log_weights).sample(sample_shape)
        draws = torch.stack([part.sample(sample_shape) for part in self.parts], -1)
        index = chosen.reshape(*chosen.shape, *[1] * len(self.event_shape), 1)
        return torch.gather(draws, -1, index.expand(*draws.shape[:-1], 1))[..., 0]
