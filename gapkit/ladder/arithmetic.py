"""The arithmetic of a ladder: gaps between its rungs with paired errors. It knows nothing of models."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from gapkit.core.numerics import standard_error
from gapkit.estimators.protocol import Bound, Estimate
from gapkit.ladder.ladder import Gap, Ladder

__all__ = ["Difference", "contrasts", "decompose", "gap"]


@dataclass(frozen=True)
class Difference:
    """A difference of two rungs, in nats. It may be negative by chance: that is reported, never clipped.

    Attributes:
        value: shape (B,).
        std_error: paired Monte Carlo standard errors, shape (B,).
    """

    value: Tensor
    std_error: Tensor


def gap(upper: Estimate, lower: Estimate) -> Difference:
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
        return Difference(value, standard_error(upper.draws - lower.draws))
    return Difference(value, (upper.std_error.square() + lower.std_error.square()).sqrt())


def decompose(
    ladder: Ladder, levels: Mapping[str, Estimate], shortfalls: Mapping[str, Tensor] | None = None
) -> dict[str, Difference]:
    """The gap below every rung but the lowest, by name, and the total gap from the top to the bottom.

    A shortfall of the optimum between moves nats from one gap to the other and leaves the total as it is.
    Source: Cremer, Li, Duvenaud (2018), https://arxiv.org/abs/1801.03558, section 3, for three rungs.

    Args:
        ladder: which rungs and gaps there are.
        levels: the rungs' values and errors, by name.
        shortfalls: of rungs found by optimisation how far below the optimum they may be, shape (B,), in nats, by name;
            they enter the errors of the gaps on both sides.
    """
    gaps = {part.name: _between(ladder, part, levels, shortfalls or {}) for part in ladder.gaps}
    gaps[ladder.total.name] = gap(levels[ladder.top.name], levels[ladder.bottom.name])
    return gaps


def _between(ladder: Ladder, part: Gap, levels: Mapping[str, Estimate], shortfalls: Mapping[str, Tensor]) -> Difference:
    upper, lower = ladder.ends(part)
    found = gap(levels[upper.name], levels[lower.name])
    error = found.std_error
    for rung in (upper, lower):
        if rung.name in shortfalls:
            error = (error.square() + shortfalls[rung.name].square()).sqrt()
    return Difference(found.value, error)


def contrasts(
    ladder: Ladder, levels: Mapping[str, Estimate], shortfalls: Mapping[str, Tensor] | None = None
) -> dict[str, Difference]:
    """The differences of two gaps, the lower one minus the upper one, by name, with their own paired errors.

    Args:
        ladder: which rungs and gaps there are.
        levels: the rungs' values and errors, by name.
        shortfalls: see :func:`decompose`.
    """
    shortfalls, found = shortfalls or {}, {}
    for name, (lower, upper) in ladder.contrasts().items():
        (one, above), (below, three) = ladder.ends(upper), ladder.ends(lower)
        if above == below:
            middle = levels[above.name]
            found[name] = _around(levels[one.name], middle, levels[three.name], shortfalls.get(above.name))
        else:
            parts = (_between(ladder, part, levels, shortfalls) for part in (lower, upper))
            (value, error), (other, other_error) = ((part.value, part.std_error) for part in parts)
            found[name] = Difference(value - other, (error.square() + other_error.square()).sqrt())
    return found


def _around(upper: Estimate, middle: Estimate, lower: Estimate, shortfall: Tensor | None) -> Difference:
    """The gap below minus the gap above a rung: 2 middle - lower - upper.

    The middle enters both gaps with opposite signs, and its shortfall twice.
    """
    value = 2 * middle.value - lower.value - upper.value
    if (
        middle.draws is not None
        and lower.draws is not None
        and middle.noise is not None
        and middle.noise == lower.noise
    ):
        squared = standard_error(2 * middle.draws - lower.draws).square()
    else:
        squared = 4 * middle.std_error.square() + lower.std_error.square()
    squared = squared + upper.std_error.square()
    if shortfall is not None:
        squared = squared + 4 * shortfall.square()
    return Difference(value, squared.sqrt())
