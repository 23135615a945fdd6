"""The last step of a dense decoder: from the chain's output to log p(x|z), its gradient and its curvature.

Terms and buffers are arranged so that the fewest passes over the output are made: beside the matrix products it is
these passes that cost time.
"""

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Normal
from torch.nn.functional import softplus

from gapkit.models.distributions import CrossEntropy
from gapkit.target.dense.workspace import Workspace

__all__ = ["BernoulliHead", "LikelihoodHead", "NormalHead", "head_of"]


class LikelihoodHead(Protocol):
    """A likelihood bound to data x of shape (B, M); the chain's output comes as (S, B, M) and may be overwritten."""

    def value(self, output: Tensor) -> Tensor:
        """Log p(x|z), shape (S, B)."""
        ...

    def value_and_grad(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Log p(x|z), shape (S, B), and its gradient in the output, shape (S, B, M)."""
        ...

    def grad(self, output: Tensor) -> Tensor:
        """The gradient alone."""
        ...

    def root_fisher(self, output: Tensor) -> Tensor:
        """Square root of the Fisher information of the output, which is diagonal: shape (S, B, M), or 0-dim."""
        ...


class BernoulliHead:
    """Logits of pixels in {0, 1}; other values count as weights between both, as in binary cross-entropy."""

    def __init__(self, x: Tensor, work: Workspace) -> None:
        self._x, self._work = x, work
        # A pixel's probability is sigmoid(y) with y = +-logit.
        self._sign = 2.0 * x - 1.0 if bool(((x == 0) | (x == 1)).all()) else None

    def value(self, output: Tensor) -> Tensor:
        """Log p(x|z): shape (S, B)."""
        if self._sign is None:
            return (self._x * output).sum(-1) - softplus(output).sum(-1)
        signed = output.mul_(self._sign)
        return self._sum_log_sigmoid(signed, torch.sigmoid(signed, out=self._work("sigmoid", signed)))

    def value_and_grad(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Log p(x|z) and its gradient in the logits."""
        if self._sign is None:
            return self.value(output), self.grad(output)
        signed = output.mul_(self._sign)
        sigmoid = torch.sigmoid(signed, out=self._work("sigmoid", signed))
        value = self._sum_log_sigmoid(signed, sigmoid)
        return value, torch.addcmul(self._sign, self._sign, sigmoid, value=-1.0, out=sigmoid)

    def grad(self, output: Tensor) -> Tensor:
        """X - sigmoid(logit)."""
        return torch.sub(self._x.to(output.dtype), torch.sigmoid(output, out=output), out=output)

    def root_fisher(self, output: Tensor) -> Tensor:
        """Root of p (1 - p), which is 1 / (2 cosh(logit / 2))."""
        return 0.5 / torch.cosh(0.5 * output)

    def _sum_log_sigmoid(self, y: Tensor, sigmoid: Tensor) -> Tensor:
        """Sum of log sigmoid(y) over the last axis, given both; y is overwritten.

        log sigmoid(y) = min(y, 0) + log sigmoid(|y|), and sigmoid(|y|) lies in [1/2, 1]: 64 of them can be multiplied
        without underflow before a logarithm is taken, which is expensive.
        """
        larger = torch.sub(1.0, sigmoid, out=self._work("larger", sigmoid))
        torch.maximum(larger, sigmoid, out=larger)
        total = y.clamp_(max=0.0).sum(-1)
        width, halvings = larger.shape[-1], 0
        while width % 2 == 0 and halvings < 6:
            width, halvings = width // 2, halvings + 1
            torch.mul(larger[..., :width], larger[..., width : 2 * width], out=larger[..., :width])
        return total + larger[..., :width].log().sum(-1)


class NormalHead:
    """Means of normals whose scale does not depend on z: a number, one per value, or any shape that broadcasts."""

    def __init__(self, x: Tensor, scale: Tensor) -> None:
        self._x, self._inverse = x, 1.0 / scale
        self._constant = -(scale.log().expand(x.shape[1]).sum() + 0.5 * x.shape[1] * math.log(2 * math.pi))

    def value(self, output: Tensor) -> Tensor:
        """Log p(x|z): shape (S, B)."""
        return self._constant - 0.5 * torch.sub(self._x, output).mul_(self._inverse).square_().sum(-1)

    def value_and_grad(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Log p(x|z) and its gradient in the means."""
        standard = torch.sub(self._x, output, out=output).mul_(self._inverse)
        return self._constant - 0.5 * torch.linalg.vecdot(standard, standard), standard.mul_(self._inverse)

    def grad(self, output: Tensor) -> Tensor:
        """(x - mean) / scale^2."""
        return (
            torch.sub(self._x.to(output.dtype), output, out=output)
            .mul_(self._inverse.to(output.dtype))
            .mul_(self._inverse.to(output.dtype))
        )

    def root_fisher(self, output: Tensor) -> Tensor:
        """1 / scale."""
        return self._inverse.to(output.dtype)


def head_of(base: Distribution, x: Tensor, work: Workspace) -> LikelihoodHead | None:
    """Return the head of a decoded distribution's innermost part, for data x of shape (B, M); None if there is none.

    The caller makes sure that the chain's output is the distribution's first parameter, and checks the outcome.
    """
    if type(base) in (Bernoulli, CrossEntropy) and "logits" in vars(base):
        return BernoulliHead(x, work)
    if type(base) is Normal:
        scale = base.scale.reshape(len(base.scale), -1)[0] if base.scale.dim() > 1 else base.scale
        return NormalHead(x, scale)
    return None
