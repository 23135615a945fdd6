"""The ladder of bounds and the gaps between its rungs: arithmetic that knows nothing of models.

    log p(x)      the top rung
      |  approximation gap     the family cannot reach the posterior
    L[q*]
      |  amortization gap      the encoder does not reach the family's optimum
    L[q]

Source: Cremer, Li, Duvenaud, "Inference Suboptimality in Variational Autoencoders" (2018),
https://arxiv.org/abs/1801.03558, section 3. Any other ordered list of rungs works the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from gapkit.estimators.protocol import Bound, Estimate
from gapkit.numerics import standard_error

__all__ = ["Gap", "Rung", "contrast", "decompose", "gap"]


@dataclass(frozen=True)
class Rung:
    """A named bound of the ladder.

    Attributes:
        name: what the table calls it, such as ``elbo_star``.
        estimate: its values and errors.
        gap_below: the name of the gap between this rung and the next lower one; the lowest rung needs none.
        shortfall: for a rung found by optimisation, how far below its optimum it may be, shape (B,), in nats; it
            enters the errors of the gaps on both sides.
    """

    name: str
    estimate: Estimate
    gap_below: str = ""
    shortfall: Tensor | None = None


@dataclass(frozen=True)
class Gap:
    """A difference of two rungs, in nats. It may be negative by chance: that is reported, never clipped.

    Attributes:
        value: shape (B,).
        std_error: paired Monte Carlo standard errors, shape (B,).
    """

    value: Tensor
    std_error: Tensor


def gap(upper: Estimate, lower: Estimate) -> Gap:
    """Subtract two estimates with a paired standard error where they share noise.

    Raises:
        ValueError: the upper rung is an upper bound on log p(x) and the lower one too (or the lower one alone):
            their difference bounds nothing.

    Example:
        >>> import torch
        >>> noise = torch.randn(100, 1, dtype=torch.float64)
        >>> a, b = (Estimate.from_draws((noise + c).mean(0), noise + c, Bound.LOWER, ("n",)) for c in (1.0, 0.0))
        >>> gap(a, b).std_error.item() < 1e-12  # the noise cancels
        True
    """
    if lower.bound is Bound.UPPER:
        raise ValueError("the lower rung of a gap is an upper bound on log p(x); a gap needs a lower bound below")
    value = upper.value - lower.value
    paired = upper.noise is not None and upper.noise == lower.noise
    if paired and upper.draws is not None and lower.draws is not None:
        return Gap(value, standard_error(upper.draws - lower.draws))
    return Gap(value, (upper.std_error.square() + lower.std_error.square()).sqrt())


def decompose(ladder: Sequence[Rung]) -> dict[str, Gap]:
    """Return the gap below every rung but the lowest, and ``total_gap`` from the top to the bottom.

    A shortfall of the optimum between moves nats from one gap to the other and leaves the total as it is.

    Args:
        ladder: rungs from the highest to the lowest, at least two.
    """
    gaps = {upper.gap_below: _between(upper, lower) for upper, lower in pairwise(ladder)}
    gaps["total_gap"] = gap(ladder[0].estimate, ladder[-1].estimate)
    return gaps


def _between(upper: Rung, lower: Rung) -> Gap:
    found = gap(upper.estimate, lower.estimate)
    error = found.std_error
    for rung in (upper, lower):
        if rung.shortfall is not None:
            error = (error.square() + rung.shortfall.square()).sqrt()
    return Gap(found.value, error)


def contrast(upper: Rung, middle: Rung, lower: Rung) -> Gap:
    """The gap below minus the gap above a rung: 2 middle - lower - upper, with its own paired error.

    Args:
        upper: such as log p(x).
        middle: such as L[q*]; it enters both gaps with opposite signs, and its shortfall twice.
        lower: such as L[q].
    """
    one, two, three = upper.estimate, middle.estimate, lower.estimate
    value = 2 * two.value - three.value - one.value
    if two.draws is not None and three.draws is not None and two.noise is not None and two.noise == three.noise:
        squared = standard_error(2 * two.draws - three.draws).square()
    else:
        squared = 4 * two.std_error.square() + three.std_error.square()
    squared = squared + one.std_error.square()
    if middle.shortfall is not None:
        squared = squared + 4 * middle.shortfall.square()
    return Gap(value, squared.sqrt())
