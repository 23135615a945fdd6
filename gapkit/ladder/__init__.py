"""The ladder of bounds and gaps as a value, and the register of quantities that it and its side notes are made of.

:mod:`gapkit.ladder.arithmetic` subtracts rungs; it alone needs torch.
"""

from gapkit.ladder.ladder import STANDARD, Gap, Ladder, Part, Rung
from gapkit.ladder.quantities import (
    FAMILIES,
    Quantity,
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

__all__ = [
    "FAMILIES",
    "STANDARD",
    "Gap",
    "Ladder",
    "Part",
    "Quantity",
    "Rung",
    "encoders",
    "error_of",
    "estimates",
    "family_sides",
    "in_order",
    "is_bound",
    "quantity",
    "side_name",
    "summarised",
]
