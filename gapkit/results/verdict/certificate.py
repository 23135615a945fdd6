"""The certificate on simulated data in words: a sentence that judges the sandwich it reports."""

from gapkit.results.records import AisCertificate, MeanAndMedian
from gapkit.results.verdict.words import count_of, number, size

__all__ = ["NARROW", "certificate_sentence", "width"]

NARROW = 0.1  # nats that a sandwich may span where there is no gap to hold it against


def width(certificate: AisCertificate) -> float | None:
    """How far AIS may be from the truth on average: the far end of the sandwich's interval; None where unknown.

    An interval below zero, of bounds that cross by more than their noise, counts by its distance from zero too.
    """
    gap = certificate.gap
    if gap.mean is None or gap.ci95 is None:
        return None
    return max(abs(end) for end in gap.ci95)


def certificate_sentence(certificate: AisCertificate, gap: float | None = None) -> str:
    """The outcome of bidirectional Monte Carlo in words.

    Args:
        certificate: what was found.
        gap: the gap of the analysis that the sandwich is held against (a quarter of it is narrow), in nats; without
            one, a tenth of a nat is narrow.
    """
    sandwich = certificate.gap
    if sandwich.mean is None:
        return "The bounds are not finite: AIS cannot be certified on this model."
    lower, upper = certificate.lower.value, certificate.upper.value
    where = (
        f"the lower bound of {number(lower, 3)} and the upper bound of {number(upper, 3)} nats on average log p(x) "
        "meet within their noise"
        if upper < lower
        else f"log p(x) lies between {number(lower, 3)} and {number(upper, 3)} nats on average"
    )
    return (
        f"On {count_of(sandwich.count)} simulated from the model, {where}: a sandwich of {size(sandwich.mean)} "
        f"nats{_judged(sandwich, gap)} A sandwich bounds the mean error of AIS on such data, and the Jeffreys "
        "divergence "
        "between the posterior and where the chains end; for other data it is a sign, not a bound."
        + (f" {_left_out(sandwich.left_out)}" if sandwich.left_out else "")
    )


def _left_out(count: int) -> str:
    return (
        f"{count_of(count)} {'was' if count == 1 else 'were'} not finite and {'is' if count == 1 else 'are'} left out."
    )


def _judged(sandwich: MeanAndMedian, gap: float | None) -> str:
    """The interval of the sandwich, and what to think of it: only its far end says how wrong AIS may be."""
    if sandwich.ci95 is None:
        return ", from too few datapoints for an interval, so that it certifies nothing."
    low, high = sandwich.ci95
    limit = NARROW if gap is None else 0.25 * max(gap, 0.0)
    against = f"{NARROW} nats" if gap is None else f"a quarter of the total gap of {number(gap)} nats"
    interval = f" (95% interval {number(low, 3)} to {number(high, 3)})"
    if max(abs(low), abs(high)) < 0.0005:
        return ". That is narrow."
    if max(abs(low), abs(high)) <= limit:
        zero = "; as the interval includes zero, its far end is all that is known" if low <= 0 <= high else ""
        return f"{interval}. That is narrow: all of the interval is within {against}{zero}."
    if high < 0:
        return f"{interval}. The bounds cross by more than their noise: something is wrong with one of them."
    if low > limit:
        return (
            f"{interval}. That is wide: more than {against}. AIS with these settings may be as far below the "
            "truth, and "
            "gaps that rest on it too small. A higher --effort narrows it, unless no chain can cross between the modes."
        )
    zero = ", and that the interval includes zero is no all-clear" if low <= 0 else ""
    return (
        f"{interval}. That leaves it open: the error may be as large as {number(high, 3)} nats, more than "
        f"{against}{zero}. "
        "More simulated datapoints settle it (`gapkit certify`)."
    )
