"""Bits per dimension: the field's unit for comparing models of images of any size."""

import math

from gapkit.results.records import DataFacts

__all__ = ["bits_per_nat"]


def bits_per_nat(data: DataFacts | None) -> float | None:
    """What a nat of a whole datapoint is in bits for each of its dimensions; None where these are not known.

    Example:
        >>> bits = bits_per_nat(DataFacts(dimensions=784, discrete=True))
        >>> round(90.0 * bits, 3)
        0.166
        >>> bits_per_nat(None) is None
        True
    """
    return 1.0 / (data.dimensions * math.log(2.0)) if data and data.dimensions else None
