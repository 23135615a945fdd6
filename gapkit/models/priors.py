"""Priors p(z): the standard normal, and two learned ones."""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, MixtureSameFamily, Normal, constraints

from gapkit.core.errors import InputError
from gapkit.models.support import describe

__all__ = [
    "GaussianMixturePrior",
    "VampPrior",
    "log_prob",
    "log_prob_and_grad",
    "moved",
    "standard_normal",
    "whole_space",
]


def standard_normal(
    shape: Sequence[int], dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> Independent:
    """Return N(0, I) with event shape ``shape``.

    Example:
        >>> standard_normal((2,)).log_prob(torch.zeros(2))
        tensor(-1.8379)
    """
    zeros = torch.zeros(tuple(shape), dtype=dtype, device=device)
    return Independent(Normal(zeros, torch.ones_like(zeros), validate_args=False), zeros.dim(), validate_args=False)


def _event(latent: int | Sequence[int]) -> tuple[int, ...]:
    return (latent,) if isinstance(latent, int) else tuple(latent)


def _mixture(logits: Tensor, components: Distribution) -> MixtureSameFamily:
    return MixtureSameFamily(Categorical(logits=logits, validate_args=False), components, validate_args=False)


class GaussianMixturePrior(nn.Module):
    """Learned mixture of diagonal Gaussians: p(z) = sum_k w_k N(z; m_k, diag(s_k^2)).

    Parameters: ``logits`` of shape (K,), ``mean`` and ``log_scale`` of shape (K, *latent); equal weights, unit scales
    and standard normal means at the start.

    Args:
        latent: size or shape of z.
        components: number K of Gaussians.

    Raises:
        InputError: if there is no component.

    Example:
        >>> GaussianMixturePrior(2, components=10)().sample((5,)).shape
        torch.Size([5, 2])
    """

    def __init__(self, latent: int | Sequence[int], components: int) -> None:
        super().__init__()
        if components < 1:
            raise InputError("a Gaussian mixture prior", f"components={components}", "use at least one component")
        shape = (components, *_event(latent))
        self.logits = nn.Parameter(torch.zeros(components))
        self.mean = nn.Parameter(torch.randn(shape))
        self.log_scale = nn.Parameter(torch.zeros(shape))

    def forward(self) -> MixtureSameFamily:
        """Return p(z), event shape ``latent``."""
        normal = Normal(self.mean, self.log_scale.exp(), validate_args=False)
        return _mixture(self.logits, Independent(normal, self.mean.dim() - 1, validate_args=False))


class VampPrior(nn.Module):
    """Mixture of the encoder's posteriors at K pseudo-inputs: p(z) = (1/K) sum_k q(z|u_k).

    Every call encodes the pseudo-inputs again: take the distribution once and use it often.
    Reference: Tomczak & Welling, "VAE with a VampPrior" (2018), https://arxiv.org/abs/1705.07120, equation 9.

    Args:
        encode: data -> q(z|x), for instance ``gapkit.models.PosteriorEncoder(encoder, "mean_logvar")``; a module is
            registered, so that its weights move and are saved with the prior.
        pseudo_inputs: the u_k, shape (K, *x_shape); learned.

    Example:
        >>> prior = VampPrior(lambda u: Independent(Normal(u, torch.ones_like(u)), 1), torch.zeros(3, 2))
        >>> prior().log_prob(torch.zeros(2))
        tensor(-1.8379, grad_fn=<LogsumexpBackward0>)
    """

    def __init__(self, encode: Callable[[Tensor], Distribution], pseudo_inputs: Tensor) -> None:
        super().__init__()
        self.encode = encode
        self.pseudo_inputs = nn.Parameter(pseudo_inputs.detach().clone())

    def forward(self) -> MixtureSameFamily:
        """Return p(z), event shape of q(z|x).

        Raises:
            InputError: if ``encode`` does not return one posterior per pseudo-input.
        """
        q = self.encode(self.pseudo_inputs)
        count = self.pseudo_inputs.shape[0]
        if not isinstance(q, Distribution) or tuple(q.batch_shape) != (count,):
            asked = (
                f"a VampPrior of {count} pseudo-inputs, whose encode returns a distribution of batch shape ({count},)"
            )
            do = 'wrap the encoder: PosteriorEncoder(encoder, encoder_output="mean_logvar")'
            raise InputError(asked, describe(q), do)
        return _mixture(torch.zeros(count, dtype=self.pseudo_inputs.dtype, device=self.pseudo_inputs.device), q)


def moved(dist: Any, dtype: torch.dtype, device: torch.device) -> Any:
    """Return a distribution with its tensors on ``device`` and its floating-point tensors in ``dtype``.

    Distributions inside it (mixtures, ``Independent``, transformed ones) are moved too; ``dist`` itself stays as it is.

    Example:
        >>> moved(standard_normal((2,)), torch.float64, torch.device("cpu")).sample().dtype
        torch.float64
    """
    return _moved(dist, dtype, device, {})


def _moved(value: Any, dtype: torch.dtype, device: torch.device, done: dict[int, Any]) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, dtype if value.dtype.is_floating_point else value.dtype)
    if isinstance(value, list):
        return [_moved(item, dtype, device, done) for item in value]
    if not isinstance(value, Distribution | torch.distributions.Transform):
        return value
    if id(value) not in done:  # a transform and its inverse refer to each other
        done[id(value)] = result = copy.copy(value)
        for name, part in vars(value).items():
            result.__dict__[name] = _moved(part, dtype, device, done)
        if "_validate_args" in vars(value):  # a copy of ours: one undefined latent must not stop a whole batch
            result.__dict__["_validate_args"] = False
    return done[id(value)]


def log_prob_and_grad(prior: Distribution, z: Tensor) -> tuple[Tensor, Tensor]:
    """Log p(z) and its gradient: z has shape (..., *event), the results (...) and (..., *event).

    Of a prior for each datapoint, batch shape (B,), z has shape (..., B, *event). Closed form for independent normals,
    automatic differentiation for everything else.

    Example:
        >>> log_prob_and_grad(standard_normal((2,)), torch.ones(1, 2))[1]
        tensor([[-1., -1.]])
    """
    base = prior.base_dist if isinstance(prior, Independent) else prior
    if type(base) is Normal and base.batch_shape == prior.batch_shape + prior.event_shape:
        inverse = 1.0 / base.scale
        standard = (z - base.loc) * inverse
        axes = len(prior.event_shape)
        constant = 0.5 * math.log(2 * math.pi) * prior.event_shape.numel() + _over_last(base.scale.log(), axes)
        square = _over_last(standard.square(), axes)
        return -0.5 * square - constant, -standard * inverse
    with torch.enable_grad():
        leaf = z.detach().requires_grad_(True)
        value = log_prob(prior, leaf)
        if not value.requires_grad:  # a density without slope, such as a uniform one
            return value, torch.zeros_like(leaf)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
    value = value.detach()
    outside = value.isneginf().reshape(*value.shape, *[1] * len(prior.event_shape))
    return value, torch.where(outside, 0.0, gradient)  # beyond the support the formula's slope means nothing


def _over_last(values: Tensor, axes: int) -> Tensor:
    """The sum over so many last axes; that over no axes would be one over all."""
    return values.sum(tuple(range(-axes, 0))) if axes else values


def log_prob(prior: Distribution, z: Tensor) -> Tensor:
    """Log p(z), -inf outside the support: z has shape (..., *event), the result (...).

    Without argument checks ``torch`` distributions of bounded support continue their formula beyond it.

    Example:
        >>> from torch.distributions import Exponential
        >>> log_prob(Exponential(torch.ones(()), validate_args=False), torch.tensor([-1.0, 1.0]))
        tensor([-inf, -1.])
    """
    value = prior.log_prob(z)
    try:
        support = prior.support
    except NotImplementedError:
        return value
    if support is None or whole_space(support):
        return value
    return torch.where(support.check(z), value, -torch.inf)


def whole_space(support: Any) -> bool:
    """Whether the support of a density is all of R^D."""
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    return support in (constraints.real, constraints.real_vector)
