"""How far a fitted q may still be from its family's optimum: an estimate with an error, on fresh noise.

For Gaussians it is the gain that a Newton step promises (half the squared gradient in natural units, the "Newton
decrement": Boyd & Vandenberghe, "Convex Optimization" (2004), section 9.5.1, https://stanford.edu/~boyd/cvxbook/). The
squared length of a noisy mean is biased upward by its own noise, so it is taken from products of means of different
blocks of draws: zero on average at the optimum, and sometimes negative. Other families have no such coordinates; there
it is extrapolated from the gain of the last steps, as if the shortfall fell as one over the number of steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gapkit.estimators import Estimate
from gapkit.ladder.arithmetic import gap

__all__ = ["Certificate", "from_gain", "squared_mean"]

_VAGUE = 5.0


@dataclass(frozen=True)
class Certificate:
    """About how many nats L[q] still lies below the optimum of its family, per datapoint.

    Attributes:
        gap: the estimate, shape (B,), in nats; by noise it may be negative.
        std_error: its standard error, shape (B,), in nats.
        gradient_norm: length of the gradient in the family's natural units, shape (B,); NaN where it has none.
        doubtful: where L[q] is so flat that steps in these units make no progress, shape (B,); None where it is so for
            none.
    """

    gap: Tensor
    std_error: Tensor
    gradient_norm: Tensor
    doubtful: Tensor | None = None

    @property
    def doubts(self) -> Tensor:
        """Bools of shape (B,)."""
        return torch.zeros_like(self.gap, dtype=torch.bool) if self.doubtful is None else self.doubtful

    def converged(self, tolerance: float) -> Tensor:
        """Whether no more than the tolerance is left, within the certificate's noise: shape (B,).

        A certificate whose own error is many times the tolerance certifies nothing.
        """
        return (self.gap - 2.0 * self.std_error <= tolerance) & (self.std_error <= _VAGUE * tolerance)

    def select(self, rows: Tensor) -> "Certificate":
        """The certificates of some datapoints: rows has shape (P,)."""
        return Certificate(self.gap[rows], self.std_error[rows], self.gradient_norm[rows], self.doubts[rows])

    def placed(self, part: "Certificate", rows: Tensor) -> "Certificate":
        """Put the certificates of some datapoints in their places."""
        return Certificate(
            self.gap.index_copy(0, rows, part.gap),
            self.std_error.index_copy(0, rows, part.std_error),
            self.gradient_norm.index_copy(0, rows, part.gradient_norm),
            self.doubts.index_copy(0, rows, part.doubts),
        )


def squared_mean(blocks: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Unbiased squared length of a mean vector, from means of independent blocks of draws.

    Args:
        blocks: K >= 4 tensors of shape (B, P), estimates of the same vectors from independent noise.

    Returns:
        The estimate and its standard error, both of shape (B,), float64. The error is that of a U-statistic of order 2
        (Hoeffding 1948): products of two blocks vary among themselves, and together with the blocks they share.
    """
    stacked = torch.stack(list(blocks), 1)
    # All that is needed are the inner products between blocks.
    products = torch.bmm(stacked, stacked.mT).double()
    products = products - torch.diag_embed(products.diagonal(dim1=-2, dim2=-1))
    count = products.shape[-1]
    pairs, triples = count * (count - 1), count * (count - 1) * (count - 2)
    rows, squares = products.sum(-1), products.square().sum((-2, -1))
    estimate = rows.sum(-1) / pairs
    # Means of the product of two of them that share no block, one block, or both.
    none = (rows.sum(-1).square() - 4 * rows.square().sum(-1) + 2 * squares) / (triples * (count - 3))
    one, both = (rows.square().sum(-1) - squares) / triples, squares / pairs
    shared, own = (one - none).clamp(min=0.0), (both - none).clamp(min=0.0)
    return estimate, ((4 * (count - 2) * shared + 2 * own) / pairs).sqrt()


def from_gain(later: Estimate, earlier: Estimate, share: float) -> Certificate:
    """What the steps between two members gained, as an estimate of what is left.

    Args:
        later: L[q] after all steps.
        earlier: L[q] on the same noise after some of them.
        share: what is left, as a share of the gain: steps before the earlier one over steps between the two, where the
            shortfall falls as one over the number of steps.
    """
    gained = gap(later, earlier)
    return Certificate(share * gained.value, share * gained.std_error, torch.full_like(gained.value, torch.nan))
