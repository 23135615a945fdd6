"""A model with latents that all datapoints share and latents of their own, and a factorised q over both.

    p(theta, z, x) = p(theta) prod_n p(z_n, x_n | theta, what term n looks at)

Term n may look at other z_m and x_m: a hidden Markov model looks one step back, a Gaussian process at all of them.
Source: Margossian, Blei, "Amortized Variational Inference: When and Why?" (2024), https://arxiv.org/abs/2307.11018,
section 2, of which this is the general case.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["Factors", "HierarchicalModel", "as_data", "check_model"]


class HierarchicalModel(ABC):
    """What a user writes: the sizes of the latents and two log densities, batched over draws.

    Attributes:
        global_size: G, how many numbers theta has; 0 for none.
        local_size: D, how many numbers each z_n has.
        size: N where the model is made for so many datapoints (such as a Gaussian process on given points); None where
            any number will do.

    Example:
        >>> from torch.distributions import Normal
        >>> class Means(HierarchicalModel):  # theta ~ N(0, 1), z_n ~ N(theta, 1), x_n ~ N(z_n, 1)
        ...     global_size = 1
        ...     def log_prior(self, theta):
        ...         return Normal(0.0, 1.0).log_prob(theta).sum(-1)
        ...     def log_local(self, theta, z, x):
        ...         z = z[..., 0]
        ...         return Normal(theta, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(x[:, 0])
        >>> Means().log_joint(torch.zeros(1, 1), torch.zeros(1, 2, 1), torch.zeros(2, 1)).item()
        -4.594692...
    """

    global_size: int = 0
    local_size: int = 1
    size: int | None = None

    def log_prior(self, theta: Tensor) -> Tensor:
        """Log p(theta): (S, G) to (S,), in nats. Without one theta has a flat prior, log p = 0."""
        return theta.new_zeros(len(theta))

    @abstractmethod
    def log_local(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """The term of each datapoint: theta (S, G), z (S, N, D) and x (N, ...) to (S, N), in nats.

        Their sum and log p(theta) are log p(theta, z, x). No draw may touch another.
        """

    def begin(self) -> Tensor:
        """Means of theta to begin fits from, shape (G,), float64; torch's global generator is seeded.

        Zeros, unless a model knows better: for weights of a network zero is a saddle that fits do not leave.
        """
        return torch.zeros(self.global_size, dtype=torch.float64)

    def log_joint(self, theta: Tensor, z: Tensor, x: Tensor) -> Tensor:
        """Log p(theta, z, x): (S, G), (S, N, D) and (N, ...) to (S,), in nats."""
        return self.log_prior(theta) + self.log_local(theta, z, x).sum(-1)


@dataclass(frozen=True)
class Factors:
    """A factorised Gaussian q(theta) prod_n q(z_n).

    Attributes:
        theta: means of theta, shape (G,).
        log_theta: logarithms of its standard deviations, shape (G,).
        mean: means of the z_n, shape (N, D).
        log_sd: logarithms of their standard deviations, shape (N, D).
    """

    theta: Tensor
    log_theta: Tensor
    mean: Tensor
    log_sd: Tensor

    def entropy(self) -> Tensor:
        """In nats, shape ()."""
        count = self.theta.numel() + self.mean.numel()
        return self.log_theta.sum() + self.log_sd.sum() + 0.5 * count * math.log(2 * math.pi * math.e)

    def flat(self) -> tuple[Tensor, Tensor]:
        """Means and log standard deviations in one order, theta first: shape (G + N D,) each."""
        return torch.cat([self.theta, self.mean.flatten()]), torch.cat([self.log_theta, self.log_sd.flatten()])

    def detached(self) -> "Factors":
        """The same numbers without their history, in memory of their own."""
        return Factors(*(part.detach().clone() for part in (self.theta, self.log_theta, self.mean, self.log_sd)))

    def draw(self, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Of noise of shape (S, G + N D) draws of theta, (S, G), and of z, (S, N, D)."""
        mean, log_sd = self.flat()
        return self.split(mean + log_sd.exp() * noise)

    def split(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        """(S, G + N D) to (S, G) and (S, N, D)."""
        size = self.theta.numel()
        return flat[:, :size], flat[:, size:].reshape(len(flat), *self.mean.shape)


def as_data(x: Any) -> Tensor:
    """One data set as a float64 tensor of shape (N, ...): a vector becomes a column.

    Raises:
        InputError: no numbers, fewer than two datapoints, or values that are not finite.
    """
    try:
        found = torch.as_tensor(x).to(torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        do = "give an array or a tensor with one row for each datapoint"
        raise InputError("a data set of N rows", f"{type(x).__name__}, which holds no array of numbers", do) from error
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim < 2 or len(found) < 2:
        do = "give two datapoints or more, one in each row"
        raise InputError("a data set of N rows", f"an array of shape {tuple(found.shape)}", do)
    if not found.isfinite().all():
        bad = int((~found.isfinite()).sum())
        raise InputError("a data set of finite numbers", f"{bad:,} that are not finite", "drop or fill those rows")
    return found


def check_model(model: HierarchicalModel, x: Tensor) -> None:
    """Call the model once and look at what comes back.

    Raises:
        InputError: another size than the model is made for, shapes that do not fit, or values that are not finite.
    """
    if not isinstance(model, HierarchicalModel):
        found = f"an object of the type {type(model).__name__}"
        raise InputError("a hierarchical model", found, "derive its class from gapkit.joint.HierarchicalModel")
    if model.size not in (None, len(x)):
        found = f"{len(x)} rows, and a model of {model.size}"
        raise InputError("a data set for this model", found, "give as many rows as the model is made for")
    if not isinstance(model.global_size, int) or model.global_size < 0 or model.local_size < 1:
        found = f"global_size {model.global_size!r} and local_size {model.local_size!r}"
        raise InputError("a model with sizes", found, "give global_size 0 or more, local_size 1 or more, as integers")
    draws = 2
    theta = torch.full((draws, model.global_size), 0.1, dtype=x.dtype)
    z = torch.full((draws, len(x), model.local_size), 0.2, dtype=x.dtype)
    for name, value, shape in (
        ("log_prior(theta)", model.log_prior(theta), (draws,)),
        ("log_local(theta, z, x)", model.log_local(theta, z, x), (draws, len(x))),
    ):
        if not isinstance(value, Tensor) or tuple(value.shape) != shape:
            was = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            do = "theta is (draws, G), z (draws, datapoints, D): keep those axes and sum over all others"
            raise InputError(f"{name} of shape {shape} for {draws} draws and {len(x)} datapoints", was, do)
        if not value.isfinite().all():
            do = "check the supports: every real theta and z must have a density (use log or logit scales)"
            raise InputError(f"{name} in nats", "values that are not finite", do)
