"""A result in one line of text, where a notebook's card cannot be shown."""

from collections.abc import Mapping
from typing import Any

from gapkit.ladder import Ladder
from gapkit.results.verdict import plus_minus

__all__ = ["one_line"]


def one_line(summary: Mapping[str, Any]) -> str:
    """The splits and the gaps of the first one.

    Args:
        summary: see :func:`gapkit.results.summary.summarise`.
    """
    splits = summary["splits"]
    counts = ", ".join(f"{split}: {values['datapoints']} datapoints" for split, values in splits.items())
    gaps = []
    for gap in Ladder.of(summary).told:
        quantity = summary["quantities"][gap.name]
        value = "not finite" if quantity["mean"] is None else f"{plus_minus(quantity)} nats"
        gaps.append(f"{gap.label} {value}")
    return f"<gapkit.Result {counts}; {', '.join(gaps)}>"
