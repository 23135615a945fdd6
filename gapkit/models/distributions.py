"""Data distributions that torch lacks, or has only in a form that saturates.

:class:`DiscretizedLogistic` is the likelihood of quantised pixels; :class:`ContinuousBernoulli` is the density of
``torch.distributions.ContinuousBernoulli`` written in its logits, because torch clamps the probabilities: at logits of
40 its log density at a corner is 0.92 nats too small per pixel, and its gradient is zero. :class:`CrossEntropy` is what
training on grey pixels with binary cross-entropy puts in the place of a density.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, constraints
from torch.distributions.utils import broadcast_all

from gapkit.core.errors import InputError

__all__ = ["ContinuousBernoulli", "CrossEntropy", "DiscretizedLogistic", "Grid"]


def _log1mexp(d: Tensor) -> Tensor:
    """Return log(1 - exp(-d)) for d > 0, accurate and with finite gradients at both ends."""
    small = d < math.log(2.0)
    near = torch.where(small, d, torch.ones_like(d))
    far = torch.where(small, torch.ones_like(d), d)
    return torch.where(small, torch.log(-torch.expm1(-near)), torch.log1p(-torch.exp(-far)))


class Grid(constraints.Constraint):
    """The values of ``linspace(low, high, bins)``, up to one hundredth of a step (float32 pixels divided by 255 pass).

    Args:
        low: smallest value.
        high: largest value.
        bins: number of values.

    Example:
        >>> Grid(0.0, 1.0, 3).check(torch.tensor([0.0, 0.5, 0.6]))
        tensor([ True,  True, False])
    """

    is_discrete = True

    def __init__(self, low: float, high: float, bins: int) -> None:
        self.low, self.high, self.bins = low, high, bins
        super().__init__()

    def index(self, value: Tensor) -> Tensor:
        """Return the position of ``value`` on the grid in units of steps, not rounded; same shape."""
        return (value - self.low) * ((self.bins - 1) / (self.high - self.low))

    def check(self, value: Tensor) -> Tensor:
        """Return which elements of ``value`` are grid values; same shape, boolean."""
        index = self.index(value)
        nearest = index.round()
        return ((index - nearest).abs() < 1e-2) & (nearest >= 0) & (nearest <= self.bins - 1)


class DiscretizedLogistic(Distribution):
    r"""Logistic distribution cut into the bins of a grid, with open ends at both edges.

    With s the sigmoid, h half a grid step, u = (x + h - loc) / scale and l = (x - h - loc) / scale,

        P(x) = s(u) - s(l),    log P(x) = log s(u) + log s(-l) + log(1 - exp(l - u)),

    and P(low) = s(u), P(high) = s(-l). The product form has no cancellation, so values and gradients stay finite in
    the tails in float32. Log probabilities are in nats; ``loc`` and ``scale`` are in data units.

    Reference: Salimans, Karpathy, Chen & Kingma, "PixelCNN++" (2017), https://arxiv.org/abs/1701.05517, equation 2;
    Kingma et al., "Improved variational inference with inverse autoregressive flow" (2016),
    https://arxiv.org/abs/1606.04934.

    Args:
        loc: centre of the logistic; any shape that broadcasts with ``scale``.
        scale: its positive scale.
        bins: number of grid values, at least 2.
        low: smallest grid value.
        high: largest grid value.
        validate_args: as in torch.

    Raises:
        InputError: if the grid is empty.

    Example:
        >>> pixel = DiscretizedLogistic(torch.tensor(0.5), torch.tensor(0.1), bins=3)
        >>> pixel.log_prob(torch.tensor([0.0, 0.5, 1.0])).exp()
        tensor([0.0759, 0.8483, 0.0759])
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012 (torch's own pattern)

    def __init__(
        self,
        loc: Tensor | float,
        scale: Tensor | float,
        bins: int = 256,
        low: float = 0.0,
        high: float = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        if bins < 2 or not low < high:
            raise InputError(
                "a discretized logistic", f"bins={bins}, low={low}, high={high}", "use bins >= 2 and low < high"
            )
        self.loc, self.scale = broadcast_all(loc, scale)
        self.grid = Grid(low, high, bins)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def support(self) -> Grid:
        """The grid of values with positive mass."""
        return self.grid

    @property
    def step(self) -> float:
        """Distance between neighbouring grid values, in data units."""
        return (self.grid.high - self.grid.low) / (self.grid.bins - 1)

    @property
    def mean(self) -> Tensor:
        """Mean of the discrete distribution: low + step * sum_k P(x >= k-th value); shape of ``loc``."""
        total = torch.zeros_like(self.loc)
        for k in range(1, self.grid.bins):  # a loop, because an axis of 256 bins on an image batch fills the memory
            total = total + torch.sigmoid((self.loc - (self.grid.low + (k - 0.5) * self.step)) / self.scale)
        return self.grid.low + self.step * total

    def expand(self, batch_shape: Any, _instance: Any = None) -> "DiscretizedLogistic":
        """Return the same distribution with its parameters expanded to ``batch_shape``."""
        grid = self.grid
        loc, scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return type(self)(loc, scale, grid.bins, grid.low, grid.high, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log P(value) in nats; ``value`` broadcasts with ``loc``."""
        if self._validate_args:
            self._validate_sample(value)
        index = self.grid.index(value).round()
        x = self.grid.low + index * self.step
        upper = (x + 0.5 * self.step - self.loc) / self.scale
        lower = (x - 0.5 * self.step - self.loc) / self.scale
        below, above = F.logsigmoid(upper), F.logsigmoid(-lower)
        inside = below + above + _log1mexp(self.step / self.scale)
        return torch.where(index <= 0, below, torch.where(index >= self.grid.bins - 1, above, inside))

    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008 (torch's own signature)
        """Draw grid values; shape ``sample_shape + batch_shape``."""
        with torch.no_grad():
            u = torch.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
            index = self.grid.index(self.loc + self.scale * torch.logit(u)).round()
            return self.grid.low + index.clamp(0, self.grid.bins - 1) * self.step


class ContinuousBernoulli(Distribution):
    """The continuous Bernoulli density on [0, 1], exact for logits of any size.

    p(x) = l exp(l x) / (exp(l) - 1) for logits l, and 1 for l = 0; log densities in nats.

    Reference: Loaiza-Ganem & Cunningham, "The continuous Bernoulli: fixing a pervasive error in variational
    autoencoders" (2019), https://arxiv.org/abs/1907.06845, equations 3 to 6.

    Args:
        logits: real numbers of any shape.
        validate_args: as in torch.

    Example:
        >>> ContinuousBernoulli(torch.tensor([0.0, -40.0])).log_prob(torch.tensor([0.3, 0.0])).exp()
        tensor([ 1.0000, 40.0000])
    """

    arg_constraints = {"logits": constraints.real}  # noqa: RUF012 (torch's own pattern)
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, logits: Tensor, validate_args: bool | None = None) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=validate_args)

    def _split(self, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return where |logits| is small, and logits that are harmless in the other branch of a ``torch.where``."""
        small = self.logits.abs() < threshold
        return small, torch.where(small, self.logits, 0.0), torch.where(small, 1.0, self.logits)

    @property
    def mean(self) -> Tensor:
        """Mean of x: 1 / (1 - exp(-l)) - 1 / l; shape of ``logits``."""
        small, near, far = self._split(0.25)
        series = near / 12 - near**3 / 720 + near**5 / 30240
        return 0.5 + torch.where(small, series, 0.5 / torch.tanh(far / 2) - 1 / far)

    @property
    def variance(self) -> Tensor:
        """Variance of x: 1 / l^2 - 1 / (4 sinh(l / 2)^2); shape of ``logits``."""
        small, near, far = self._split(0.25)
        series = 1 / 12 - near**2 / 240 + near**4 / 6048 - near**6 / 172800
        decay = torch.exp(-far.abs())
        return torch.where(small, series, far**-2 - decay / (1 - decay) ** 2)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "ContinuousBernoulli":
        """Return the same distribution with its logits expanded to ``batch_shape``."""
        return type(self)(self.logits.expand(batch_shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p(value) in nats; ``value`` broadcasts with ``logits``."""
        if self._validate_args:
            self._validate_sample(value)
        small, near, far = self._split(0.25)
        series = near**2 / 24 - near**4 / 2880 + near**6 / 181440
        size = far.abs()
        log_norm = torch.where(small, series, size / 2 + _log1mexp(size) - size.log())  # log(sinh(l/2) / (l/2))
        return self.logits * (value - 0.5) - log_norm

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008 (torch's own signature)
        """Draw by the inverse cdf, differentiable in the logits; shape ``sample_shape + batch_shape``."""
        u = torch.rand(self._extended_shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device)
        small, near, far = self._split(1e-3)
        negative = -far.abs()  # the density at logits l is the mirror image of the one at -l
        draw = torch.log1p(u * torch.expm1(negative)) / negative
        draw = torch.where(far < 0, draw, 1 - draw)
        return torch.where(small, u + u * (1 - u) * near / 2, draw).clamp(0, 1)


class CrossEntropy(Bernoulli):
    """The weight exp(-cross-entropy) of grey pixels x in [0, 1], for a VAE that was trained on them as if binary.

        log_prob(x) = sum of x log p + (1 - x) log(1 - p),   p = sigmoid(logits)

    It is the log probability of a Bernoulli at x = 0 and 1 and no log density in between: it does not integrate to one.
    Bounds and their gaps are as valid as any (p(z) exp(log_prob) is an unnormalised posterior of z), but the top of the
    ladder is the log of the integral of p(z) exp(-cross-entropy), not log p(x). Draws are those of the Bernoulli.

    Args:
        probs: probabilities, or
        logits: their logits; one of both, of any shape.
        validate_args: as in torch.

    Example:
        >>> CrossEntropy(logits=torch.tensor([0.0])).log_prob(torch.tensor([0.3]))
        tensor([-0.6931])
    """

    support = constraints.unit_interval  # type: ignore[assignment]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return minus the cross-entropy, in nats; ``value`` broadcasts with ``logits``."""
        if self._validate_args:
            self._validate_sample(value)
        logits, value = torch.broadcast_tensors(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")
