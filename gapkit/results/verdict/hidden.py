"""What the averages hide: a few datapoints, latents without use, a class, a mode."""

from scipy import special

from gapkit.results.records import Split, Summary
from gapkit.results.verdict.bottleneck import dead_latents
from gapkit.results.verdict.conditions import small_gap
from gapkit.results.verdict.rungs import total
from gapkit.results.verdict.words import count_of, number, plus_minus

__all__ = ["hidden"]

_NOTHING = 0.0005  # nats, shown as zero


def hidden(summary: Summary) -> list[str]:
    """Sentences on what the means of the first split do not show."""
    first = summary.first
    worth = total(summary).value > small_gap(summary)[0]
    few = _concentrated(summary, first) if worth else []
    return [*few, *dead_latents(first), *_class(summary, first), *_mode(first)]


def _concentrated(summary: Summary, first: Split) -> list[str]:
    """A tenth of the datapoints with more of the gap than gaps of an ordinary spread would have."""
    found = first.concentration
    if not found or found.share <= found.limit:
        return []
    return [
        f"A few datapoints hold much of the gap: the {found.top:,} largest of {total(summary).count:,} hold "
        f"{found.share:.0%} of it, where exponentially distributed gaps would give them {found.exponential:.0%} ± "
        f"{found.spread:.0%}. Look at those first."
    ]


def _class(summary: Summary, first: Split) -> list[str]:
    """The class with the largest mean total gap among those that stand out, if any does.

    With K classes, one of them lies above by chance more often than one alone would, so every interval is that of
    Student's t at a level of 0.05 / K: with 95% confidence, none is named wrongly (Bonferroni).
    """
    whole, classes = total(summary), first.classes
    if whole.ci95 is None:
        return []
    for part in classes:
        gap = total(summary, part.quantities)
        if gap.se_datapoints is None:
            continue
        half = special.stdtrit(gap.count - 1, 1 - 0.025 / len(classes)) * gap.se_datapoints
        if gap.value - half > max(whole.ci95[1], small_gap(summary)[0]):
            name = f'"{part.label}"' if isinstance(part.label, str) else part.label
            return [
                f"Class {name} stands out: its mean total gap is {plus_minus(gap)} nats against {plus_minus(whole)} "
                "over all datapoints, and its 95% interval, made wider because every class was looked at, lies wholly "
                "above theirs."
            ]
    return []


def _mode(first: Split) -> list[str]:
    """Where another start than the encoder's q led to a clearly better q*."""
    found = first.quantities.get("mode_gap")
    lost = found.mean if found else None
    if not first.other_start or (lost is not None and lost < _NOTHING):
        return []
    cost = "" if lost is None else f" ({number(lost, 3)} nats on average over all datapoints)"
    return [
        f"For {first.other_start:,} of {count_of(first.datapoints)} another start than the encoder's q led to the "
        f"best q*; what the encoder loses there by its choice of mode{cost} is part of the amortization gap."
    ]
