"""What to do, as a value: made from the summary alone, and silent where fits or evidence cannot carry an advice."""

from dataclasses import dataclass, replace
from typing import Literal

from gapkit.core.findings import Finding
from gapkit.core.means import Uncertain
from gapkit.ladder import Gap
from gapkit.results.records import Summary, known
from gapkit.results.verdict.bottleneck import model_fault
from gapkit.results.verdict.conditions import SMALL, Missing, datapoints, evidence, fits, rerun, small_gap, sound
from gapkit.results.verdict.hidden import hidden
from gapkit.results.verdict.rungs import rivals, total

__all__ = ["CONDITIONAL", "Action", "Decision", "decide", "findings"]

Action = Literal["encoder", "family", "other", "model", "nothing", "unknown"]

# Warnings before the work under which numbers may be those of another model: an advice is given on condition.
CONDITIONAL = frozenset(
    {"chance", "encoder_input", "finite", "gradient", "outputs", "range", "resolution", "scale", "sigma"}
)


_TWO = 2  # gaps, of which one is the larger


@dataclass(frozen=True)
class Decision:
    """What to do first.

    Attributes:
        action: mend the ``encoder``, the ``family``, what another gap of the ladder stands for (``other``) or the
            ``model``, ``nothing`` where there is nothing to gain, or ``unknown`` where the numbers do not carry an
            advice.
        why: ``larger_gap``, ``constant_encoder``, ``coin_flips``, ``collapsed``, ``baseline``, ``barely``, ``small``;
            for an unknown action ``nothing_finite``, ``refused``, ``few``, ``uncarried``, ``open`` (whether there is a
            gap) or ``equal`` (neither gap is clearly larger).
        confidence: ``95%``, ``conditional`` on warnings, or ``none``.
        before: the mean L[q] now, in nats.
        after: the mean L[q] that a perfect encoder, or a family that holds the posterior, would reach; for nothing to
            do, that of both.
        gain: their difference, and ``gain_error``, its standard error, what the fits may have left included.
        low: lower end of the 95% interval that the advice rests on: of how much larger the gap is than the other one,
            what the fits may have left taken off; for nothing to do, of the total gap; for a model, of what it is below
            the simple one.
        high: its upper end.
        missing: what stands between the numbers and an advice.
        conditions: the checks whose warnings make it conditional.
        baseline: name of the simple model that shows the model's fault.
        hides: what the averages hide, in sentences.
        gap: name of the gap that the advice is to close.
        second: name of the next largest one.
    """

    action: Action
    why: str
    confidence: Literal["95%", "conditional", "none"] = "none"
    before: float | None = None
    after: float | None = None
    gain: float | None = None
    gain_error: float | None = None
    low: float | None = None
    high: float | None = None
    missing: tuple[Missing, ...] = ()
    conditions: tuple[str, ...] = ()
    baseline: str | None = None
    hides: tuple[str, ...] = ()
    gap: str | None = None
    second: str | None = None


def findings(summary: Summary, level: str) -> list[Finding]:
    """What was found before the work, of one level: ``allowed``, ``warning`` or ``note``."""
    return [finding for finding in summary.findings if finding.level == level]


def decide(summary: Summary) -> Decision:
    """Decide what to do first.

    An advice on encoder or family needs ten datapoints and an interval; nine in ten fits of q* converged (or the rest
    of no matter); what they may have left to gain at most a quarter of the gap, and the 95% interval of the difference
    of the two gaps on one side of zero with it taken off; sound evidence for nine in ten datapoints, a control subset
    that agrees, a certificate on simulated data, if there is one, whose interval ends within a quarter of the gap; a
    model that uses its latents; and no refused check that was overridden.
    """
    quantities = summary.quantities
    if None in (quantities[gap.name].mean for gap in summary.ladder.all_gaps):
        return Decision("unknown", "nothing_finite")
    decision = replace(_decided(summary), hides=tuple(hidden(summary)))
    warned = tuple(f.check for f in findings(summary, "warning") if f.check in CONDITIONAL)
    if decision.action != "unknown" and warned:
        return replace(decision, confidence="conditional", conditions=warned)
    return decision


def _decided(summary: Summary) -> Decision:
    if findings(summary, "allowed"):
        return Decision("unknown", "refused")
    few = datapoints(summary)
    if few:
        return Decision("unknown", "few", missing=few)
    return _model(summary) or _inference(summary)


def _model(summary: Summary) -> Decision | None:
    """The model's own fault, where there is one; what it rests on may still be missing."""
    fault = model_fault(summary)
    if fault is None:
        return None
    why, shown = fault
    if why == "collapsed":
        missing = fits(summary, max(total(summary).value, small_gap(summary)[0]))
        return _carried(Decision("model", why), missing + sound(summary))
    assert shown is not None  # every other fault is shown by a simple model
    low, high = shown.difference.interval
    found = Decision("model", why, low=low, high=high, baseline=shown.name)
    # log p(x) is estimated from below: what it may be too low must not be what makes the model look bad.
    data = summary.first.data
    dimensions = (data and data.dimensions) or 0
    allowed = 0.02 * dimensions if why == "barely" else SMALL * -high
    return _carried(found, evidence(summary, allowed)) if why != "barely" or not evidence(summary, allowed) else None


def _inference(summary: Summary) -> Decision:
    """Encoder, family or nothing: by the total gap, and how far its largest part is ahead of the closest other."""
    quantities, whole, rival = summary.quantities, total(summary), rivals(summary)
    small, _ = small_gap(summary)
    low, high = whole.interval
    if high <= small:
        nothing = _towards(summary, "nothing", "small", whole)
        return _carried(replace(nothing, low=low, high=high), evidence(summary, small))
    if low <= small:
        return Decision(
            "unknown", "open", low=low, high=high, missing=(_more(whole, summary), *evidence(summary, high))
        )
    gap = quantities[rival.gap.name]
    if rival.second is None:
        missing = fits(summary, gap.value) + evidence(summary, SMALL * gap.value)
        return _carried(replace(_towards(summary, _action(rival.gap), "larger_gap", gap), low=low, high=high), missing)
    apart = rival.apart
    if apart is None or apart.ci95 is None:
        more = Missing("the difference of the two gaps has no interval", rerun(summary, "fits"), "difference")
        return Decision("unknown", "uncarried", missing=(more,))
    left, (low, high) = apart.left_to_gain or 0.0, apart.ci95
    if rival.sign < 0:
        low, high = -high, -low
    missing = fits(summary, gap.value) + evidence(summary, SMALL * gap.value)
    if low > 0:
        action = _action(rival.gap)
        size = low - left
        if size <= 0 and not any(part.about == "fits" for part in missing):
            what = "what the fits of q* may have left could turn the order of the two gaps"
            missing = (Missing(what, rerun(summary, "fits"), "fits"), *missing)
        why = "constant_encoder" if action == "encoder" and _constant_encoder(summary) else "larger_gap"
        found = replace(_towards(summary, action, why, gap), gap=rival.gap.name, second=rival.second.name)
        return _carried(replace(found, low=size, high=high + left), missing)
    if missing:
        return Decision("unknown", "uncarried", missing=missing)
    several = len(summary.ladder.gaps) > _TWO
    what = "no gap is clearly the largest one" if several else "neither of the two gaps is clearly the larger one"
    more = Missing(what, _more(apart, summary).settle, "difference")
    return Decision("unknown", "equal", low=low, high=high, missing=(more,))


def _action(gap: Gap) -> Action:
    return "encoder" if gap.part == "encoder" else "family" if gap.part == "family" else "other"


def _carried(decision: Decision, missing: tuple[Missing, ...]) -> Decision:
    """The decision, or none where something is missing."""
    if not missing:
        return replace(decision, confidence="95%")
    unknown = "coin_flips" if decision.why == "coin_flips" else "uncarried"
    return Decision("unknown", unknown, missing=missing, baseline=decision.baseline)


def _towards(summary: Summary, action: Action, why: str, gap: Uncertain) -> Decision:
    bottom = summary.quantities.get(summary.ladder.bottom.name)
    before = bottom.mean if bottom else None
    after = None if before is None else before + gap.value
    return Decision(action, why, before=before, after=after, gain=gap.mean, gain_error=gap.error)


def _more(values: Uncertain, summary: Summary) -> Missing:
    """More datapoints where their spread makes the interval wide, more effort where it is sampling noise."""
    spread, noise = values.se_datapoints or 0.0, values.se_monte_carlo or 0.0
    noisy = noise > 0.7 * spread
    settle = rerun(summary, "evidence") if noisy else "more datapoints, by a larger `--limit` or more data"
    return Missing(
        "the interval of the total gap is too wide to say whether there is one to act on", settle, "datapoints"
    )


def _constant_encoder(summary: Summary) -> bool:
    """The encoder's q is the same for every datapoint, and the best q* is not."""
    own, star = known(summary.first.latents), known(summary.first.latents_star)
    return own is not None and own.used_units == 0 and star is not None and bool(star.used_units)
