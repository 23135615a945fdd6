"""A result in one line of text, where a notebook's card cannot be shown."""

from gapkit.results.records import Summary
from gapkit.results.verdict import plus_minus

__all__ = ["one_line"]


def one_line(summary: Summary) -> str:
    """The splits and the gaps of the first one."""
    counts = ", ".join(f"{split}: {values.datapoints} datapoints" for split, values in summary.splits.items())
    gaps = []
    for gap in summary.ladder.told:
        quantity = summary.quantities[gap.name]
        value = "not finite" if quantity.mean is None else f"{plus_minus(quantity)} nats"
        gaps.append(f"{gap.label} {value}")
    return f"<gapkit.Result {counts}; {', '.join(gaps)}>"
