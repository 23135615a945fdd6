"""The ladder of bounds and gaps as a value, and the register of quantities that it and its side notes are made of.

:mod:`gapkit.ladder.arithmetic` subtracts rungs; it alone needs torch.
"""

from gapkit.ladder.ladder import STANDARD, Gap, Ladder, Part, Rung, Step
from gapkit.ladder.quantities import (
    FAMILIES,
    Kind,
    Quantity,
    beside,
    encoders,
    error_of,
    estimates,
    family_sides,
    in_order,
    is_bound,
    quantity,
    side_name,
    summarised,
)
from gapkit.ladder.steps import Further
from gapkit.ladder.words import counted_gaps, gaps_of_fits

__all__ = [
    "FAMILIES",
    "STANDARD",
    "Further",
    "Gap",
    "Kind",
    "Ladder",
    "Part",
    "Quantity",
    "Rung",
    "Step",
    "beside",
    "counted_gaps",
    "encoders",
    "error_of",
    "estimates",
    "family_sides",
    "gaps_of_fits",
    "in_order",
    "is_bound",
    "quantity",
    "side_name",
    "summarised",
]
