"""The certificate on simulated data in words: a sentence that judges the sandwich it reports."""

from collections.abc import Mapping
from typing import Any

from gapkit.verdict.words import count_of, number, size

__all__ = ["NARROW", "certificate_sentence", "width"]

NARROW = 0.1  # nats that a sandwich may span where there is no gap to hold it against


def width(certificate: Mapping[str, Any]) -> float | None:
    """How far AIS may be from the truth on average: the far end of the sandwich's interval; None where unknown.

    An interval below zero, of bounds that cross by more than their noise, counts by its distance from zero too.
    """
    gap = certificate["gap"]
    if gap["mean"] is None or gap["ci95"] is None:
        return None
    return max(abs(end) for end in gap["ci95"])


def certificate_sentence(certificate: Mapping[str, Any], gap: float | None = None) -> str:
    """The outcome of bidirectional Monte Carlo in words.

    Args:
        certificate: the summaries of ``lower``, ``upper`` and ``gap``.
        gap: the gap of the analysis that the sandwich is held against (a quarter of it is narrow), in nats; without
            one, a tenth of a nat is narrow.
    """
    sandwich = certificate["gap"]
    if sandwich["mean"] is None:
        return "The bounds are not finite: AIS cannot be certified on this model."
    lower, upper = certificate["lower"]["mean"], certificate["upper"]["mean"]
    where = (
        f"the lower bound of {number(lower, 3)} and the upper bound of {number(upper, 3)} nats on average log p(x) "
        "meet within their noise"
        if upper < lower
        else f"log p(x) lies between {number(lower, 3)} and {number(upper, 3)} nats on average"
    )
    return (
        f"On {count_of(sandwich['count'])} simulated from the model, {where}: a sandwich of "
        f"{size(sandwich['mean'])} nats{_judged(sandwich, gap)} What it bounds is the mean error of AIS on "
        "such data and the Jeffreys divergence between the posterior and where the chains end; on other data it is a "
        "sign, not a bound." + (f" {_left_out(sandwich['left_out'])}" if sandwich["left_out"] else "")
    )


def _left_out(count: int) -> str:
    return f"{count_of(count)} {'was' if count == 1 else 'were'} not finite and {'is' if count == 1 else 'are'} left out."


def _judged(sandwich: Mapping[str, Any], gap: float | None) -> str:
    if sandwich["ci95"] is None:
        return ", from too few datapoints for an interval, so that it certifies nothing."
    low, high = sandwich["ci95"]
    limit = NARROW if gap is None else 0.25 * max(gap, 0.0)
    against = f"{NARROW} nats" if gap is None else f"a quarter of the total gap of {number(gap)} nats"
    small = max(abs(low), abs(high)) < 0.0005
    interval = "" if small else f" (95% interval {number(low, 3)} to {number(high, 3)})"
    if max(abs(low), abs(high)) <= limit:
        verdict = f"narrow: its whole interval is within {against}"
        return f"{interval}: {verdict}." if low > 0 else f"{interval}: {verdict}, and includes zero."
    if high < 0:
        return f"{interval}: bounds that cross by more than their noise, so something is wrong with one of them."
    if low > limit:
        return (
            f"{interval}: wide. It is more than {against}: AIS with these settings may be that far below the truth, and "
            "so may gaps that rest on it. A higher --effort narrows it, unless chains cannot cross between modes."
        )
    zero = "That the interval includes zero is no all-clear: " if low <= 0 else ""
    up_to = f"the error may be as large as {number(high, 3)} nats, more than {against}"
    return f"{interval}: undecided. {zero}{up_to if zero else up_to[0].upper() + up_to[1:]}. More datapoints settle it."
