"""Numbers in words: as many decimals as their errors deserve, a real minus and plus-minus sign, counts with a noun."""

from gapkit.core.means import Uncertain

__all__ = ["MINUS", "count_of", "decimals_for", "number", "plus_minus", "signed", "size", "with_error"]

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


def plus_minus(values: Uncertain) -> str:
    """``mean ± error`` with the error that is told beside a mean, see :attr:`gapkit.core.means.Uncertain.error`.

    Example:
        >>> plus_minus(Uncertain(-0.42, 0.01, 0.03, None))
        '−0.42 ± 0.03'
    """
    return with_error(values.value, values.error)


def with_error(value: float, error: float | None) -> str:
    """A number with its error, and as many decimals as that deserves; without one only the number.

    Example:
        >>> with_error(-0.42, 0.03), with_error(0.0001, 0.0002), with_error(1.0, 0.0), with_error(0.5, None)
        ('−0.42 ± 0.03', 'less than 0.001', '1.000 (± less than 0.001)', '0.50')
    """
    if error is None:
        return number(value)
    if error >= _SMALLEST:
        decimals = next(places for places, least in _DECIMALS if error >= least)
        return f"{number(value, decimals)} ± {error:.{decimals}f}"
    if abs(value) + error < 2 * _SMALLEST:
        return "less than 0.001"
    return f"{number(value, 3)} (± less than 0.001)"


def signed(values: Uncertain) -> str:
    """The mean with its sign and its Monte Carlo error.

    Example:
        >>> signed(Uncertain(0.0123, 0.004, None, None)), signed(Uncertain(-1.5, None, None, None))
        ('+0.012 ± 0.004', '−1.500 ± unknown')
    """
    error = values.se_monte_carlo
    known = "unknown" if error is None else f"{error:.3f}" if error >= _SMALLEST else "less than 0.001"
    return f"{values.value:+z.3f} ± {known}".replace("-", MINUS)


def count_of(count: int, noun: str = "datapoint", plural: str | None = None) -> str:
    """A count with its noun.

    Example:
        >>> count_of(1), count_of(1200), count_of(2, "fit of q*", "fits of q*")
        ('1 datapoint', '1,200 datapoints', '2 fits of q*')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
