"""Numbers in words: as many decimals as their errors deserve, a real minus and plus-minus sign, counts with a noun."""

from collections.abc import Mapping
from typing import Any

__all__ = ["MINUS", "count_of", "decimals_for", "number", "plus_minus", "signed", "size", "stated_error"]

MINUS = "\N{MINUS SIGN}"
_SMALLEST = 0.0005  # what three decimals show as zero
_DECIMALS = ((0, 100.0), (1, 10.0), (2, 0.02), (3, 0.0))  # of an error of at least so much


def number(value: float, decimals: int = 2) -> str:
    """A number with so many decimals, and no minus before a zero.

    Example:
        >>> number(-94.66, 1), number(-0.0002, 3)
        ('−94.7', '0.000')
    """
    return f"{value:z.{decimals}f}".replace("-", MINUS)


def size(value: float) -> str:
    """How large something is, in thousandths.

    Example:
        >>> size(0.0312), size(0.0001)
        ('0.031', 'less than 0.001')
    """
    return "less than 0.001" if abs(value) < _SMALLEST else number(value, 3)


def decimals_for(size: float) -> int:
    """How many decimals show a change of that size.

    Example:
        >>> decimals_for(8.4), decimals_for(0.2), decimals_for(0.01)
        (1, 2, 3)
    """
    return 1 if abs(size) >= 1 else 2 if abs(size) >= 0.1 else 3


def stated_error(values: Mapping[str, Any]) -> float | None:
    """The standard error over datapoints, and what the fits of q* may have left, which does not average out.

    For a single datapoint, the Monte Carlo error, which holds that already.
    """
    found: list[float | None] = [values.get("se_total"), values["se_datapoints"]]
    known = next((error for error in found if error is not None), None)
    return values["se_monte_carlo"] if known is None else known


def plus_minus(values: Mapping[str, Any]) -> str:
    """``mean ± error`` of :func:`stated_error`, with as many decimals as it deserves; without one only the mean.

    Example:
        >>> plus_minus({"mean": -0.42, "se_datapoints": 0.03}), plus_minus({"mean": 0.0001, "se_datapoints": 0.0002})
        ('−0.42 ± 0.03', 'less than 0.001')
        >>> plus_minus({"mean": 1.0, "se_datapoints": 0.0})
        '1.000 (± less than 0.001)'
    """
    error = stated_error(values)
    if error is None:
        return number(values["mean"])
    if error >= _SMALLEST:
        decimals = next(places for places, least in _DECIMALS if error >= least)
        return f"{number(values['mean'], decimals)} ± {error:.{decimals}f}"
    if abs(values["mean"]) + error < 2 * _SMALLEST:
        return "less than 0.001"
    return f"{number(values['mean'], 3)} (± less than 0.001)"


def signed(values: Mapping[str, Any]) -> str:
    """The mean with its sign and its Monte Carlo error.

    Example:
        >>> signed({"mean": 0.0123, "se_monte_carlo": 0.004}), signed({"mean": -1.5, "se_monte_carlo": None})
        ('+0.012 ± 0.004', '−1.500 ± unknown')
    """
    error = values["se_monte_carlo"]
    known = "unknown" if error is None else f"{error:.3f}" if error >= _SMALLEST else "less than 0.001"
    return f"{values['mean']:+z.3f} ± {known}".replace("-", MINUS)


def count_of(count: int, noun: str = "datapoint", plural: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> count_of(1), count_of(1200), count_of(2, "fit of q*", "fits of q*")
        ('1 datapoint', '1,200 datapoints', '2 fits of q*')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
