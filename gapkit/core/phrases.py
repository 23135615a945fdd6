"""How numbers are written and named in tables, cards and pictures, also where they are not what they usually are."""

from collections.abc import Iterable

from gapkit.core.means import Uncertain
from gapkit.core.sample_size import FEWEST

__all__ = ["RANGE_NOTE", "any_range", "by_its_name", "interval_text", "listed", "span_words"]

RANGE_NOTE = (
    f"A range goes from the smallest to the largest value: fewer than {FEWEST} datapoints are too few for an interval."
)


_TOPS = {"cross_entropy": "log Z(x)", "condition": "log p(x|c)"}


def by_its_name(text: str, target: str | None) -> str:
    """A text with the top of the ladder called what it is: log p(x|c) of a conditional model, log Z(x) of a weight.

    Args:
        text: written for log p(x).
        target: of a summary: ``condition``, or what stands in the place of p(x|z) where that is no density of x.

    Example:
        >>> by_its_name("log p(x) − L[q*]", "cross_entropy"), by_its_name("log p(x)", "condition")
        ('log Z(x) − L[q*]', 'log p(x|c)')
    """
    return text.replace("log p(x)", _TOPS.get(target or "", "log p(x)"))


def interval_text(values: Uncertain, decimals: int = 3) -> str:
    """The 95% interval, or the range where there are too few datapoints for one; see ``RANGE_NOTE``.

    Args:
        values: what is known of a number.
        decimals: how many to write.

    Example:
        >>> from gapkit.core.means import Mean
        >>> interval_text(Mean(1.0, 0.1, 0.1, (0.5, 2.0), (0.1, 9.0), 20, 0))
        '0.500 to 2.000'
        >>> interval_text(Mean(1.0, 0.1, 0.1, None, (0.1, 9.0), 3, 0), decimals=1)
        '0.1 to 9.0 (range)'
        >>> interval_text(Uncertain(1.0, 0.1, None, None)), interval_text(Uncertain(None, None, None, None))
        ('too few datapoints', 'unknown')
    """
    if values.ci95 is not None:
        return _span(values.ci95, decimals)
    if values.extent is not None:
        return f"{_span(values.extent, decimals)} (range)"
    return "unknown" if values.mean is None else "too few datapoints"


def span_words(values: Uncertain, decimals: int = 2) -> str:
    """The same for a sentence or a picture, which has no note.

    Example:
        >>> from gapkit.core.means import Mean
        >>> span_words(Mean(1.0, 0.1, 0.1, (0.5, 2.0), (0.1, 9.0), 20, 0))
        '95%: 0.50 to 2.00'
        >>> span_words(Mean(1.0, 0.1, 0.1, None, (0.1, 9.0), 3, 0), decimals=1)
        'range 0.1 to 9.0; too few for an interval'
        >>> span_words(Uncertain(1.0, 0.1, None, None))
        'too few for an interval'
    """
    if values.ci95 is not None:
        return f"95%: {_span(values.ci95, decimals)}"
    few = "too few for an interval"
    return few if values.extent is None else f"range {_span(values.extent, decimals)}; {few}"


def any_range(values: Iterable[Uncertain]) -> bool:
    """Whether one of the numbers has a mean and no interval, so that a table needs ``RANGE_NOTE``."""
    return any(each.mean is not None and each.ci95 is None for each in values)


def _span(ends: Iterable[float], decimals: int) -> str:
    return " to ".join(f"{end:z.{decimals}f}" for end in ends)


def listed(parts: Iterable[str]) -> str:
    """Parts of a sentence with commas and an ``and``.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
