"""How a cell is written: the same text in every renderer."""

import math

from gapkit.report.blocks import Cell, Interval, PlusMinus, Range

__all__ = ["as_text", "count", "nats", "number", "percent"]

_NONE = "–"


def nats(value: float | None) -> str:
    """Write a number of nats with three decimals, and a dash where there is none.

    Example:
        >>> nats(1.23456), nats(-0.0), nats(None), nats(float("nan"))
        ('1.235', '0.000', '–', '–')
    """
    if value is None or math.isnan(value):
        return _NONE
    return f"{value:z.3f}" if abs(value) < 1e7 else f"{value:.4g}"


def percent(value: float | None) -> str:
    """Write a fraction in percent, and a dash where there is none.

    Example:
        >>> percent(0.934), percent(-0.001), percent(None)
        ('93%', '0%', '–')
    """
    return _NONE if value is None or math.isnan(value) else f"{value:z.0%}"


def count(value: float | None) -> str:
    """Write a whole number, and a dash where there is none.

    Example:
        >>> count(12345), count(None)
        ('12345', '–')
    """
    return _NONE if value is None or math.isnan(value) else f"{value:.0f}"


def number(value: float | None) -> str:
    """Write a number of any unit with up to six digits, and a dash where there is none.

    Example:
        >>> number(0.25), number(1234.5678), number(None)
        ('0.25', '1234.57', '–')
    """
    return _NONE if value is None or math.isnan(value) else f"{value:.6g}"


_NUMBERS = {"nats": nats, "percent": percent, "count": count, "number": number}


def as_text(cell: Cell, kind: str) -> str:
    """Write a cell of a column of that kind.

    Example:
        >>> as_text(Interval(0.1, 0.25), "nats"), as_text(PlusMinus(1.0, 0.05), "nats"), as_text("ok", "text")
        ('0.100 to 0.250', '1.000 ± 0.050', 'ok')
        >>> as_text(Range(0.1, 0.25), "nats")
        '0.100 to 0.250 (range)'
    """
    if cell is None or isinstance(cell, str):
        return _NONE if cell is None else cell
    write = _NUMBERS.get(kind, str)
    if isinstance(cell, Interval):
        mark = " (range)" if isinstance(cell, Range) else ""
        return _NONE if cell.low is None or cell.high is None else f"{write(cell.low)} to {write(cell.high)}{mark}"
    if isinstance(cell, PlusMinus):
        return f"{write(cell.value)} ± {write(cell.error)}"
    return write(cell)
