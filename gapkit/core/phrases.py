"""How numbers are written and named in tables, cards and pictures, also where they are not what they usually are."""

from collections.abc import Iterable, Mapping
from typing import Any

from gapkit.core.sample_size import FEWEST

__all__ = ["RANGE_NOTE", "any_range", "by_its_name", "interval_text", "listed", "span_words"]

RANGE_NOTE = (
    f"A range goes from the smallest to the largest value: fewer than {FEWEST} datapoints are too few for an interval."
)


def by_its_name(text: str, summary: Mapping[str, Any]) -> str:
    """A text with the top of the ladder called what it is: no log p(x) where the target is no density of x.

    Args:
        text: written for log p(x).
        summary: of a result; its ``target`` says where a weight stands in the place of p(x|z).

    Example:
        >>> by_its_name("log p(x) − L[q*]", {"target": "cross_entropy"}), by_its_name("log p(x)", {})
        ('log Z(x) − L[q*]', 'log p(x)')
    """
    return text.replace("log p(x)", "log Z(x)") if summary.get("target") == "cross_entropy" else text


def interval_text(values: Mapping[str, Any], decimals: int = 3) -> str:
    """The 95% interval, or the range where there are too few datapoints for one; see ``RANGE_NOTE``.

    Args:
        values: a summary of :func:`gapkit.results.summary.summarise_values`.
        decimals: how many to write.

    Example:
        >>> interval_text({"mean": 1.0, "ci95": [0.5, 2.0], "range": [0.1, 9.0]})
        '0.500 to 2.000'
        >>> interval_text({"mean": 1.0, "ci95": None, "range": [0.1, 9.0]}, decimals=1)
        '0.1 to 9.0 (range)'
        >>> interval_text({"mean": 1.0, "ci95": None}), interval_text({"mean": None, "ci95": None})
        ('too few datapoints', 'unknown')
    """
    if values["ci95"] is not None:
        return _span(values["ci95"], decimals)
    if values.get("range") is not None:
        return f"{_span(values['range'], decimals)} (range)"
    return "unknown" if values["mean"] is None else "too few datapoints"


def span_words(values: Mapping[str, Any], decimals: int = 2) -> str:
    """The same for a sentence or a picture, which has no note.

    Example:
        >>> span_words({"mean": 1.0, "ci95": [0.5, 2.0], "range": [0.1, 9.0]})
        '95%: 0.50 to 2.00'
        >>> span_words({"mean": 1.0, "ci95": None, "range": [0.1, 9.0]}, decimals=1)
        'range 0.1 to 9.0; too few for an interval'
        >>> span_words({"mean": 1.0, "ci95": None})
        'too few for an interval'
    """
    if values["ci95"] is not None:
        return f"95%: {_span(values['ci95'], decimals)}"
    few = "too few for an interval"
    return few if values.get("range") is None else f"range {_span(values['range'], decimals)}; {few}"


def any_range(summaries: Iterable[Mapping[str, Any]]) -> bool:
    """Whether one of the summaries has a mean and no interval, so that a table needs ``RANGE_NOTE``."""
    return any(values["mean"] is not None and values["ci95"] is None for values in summaries)


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
