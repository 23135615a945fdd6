"""The first screen of the report of an analysis: what to do, the numbers that decide, the ladder, the health."""

from gapkit.core.means import Uncertain
from gapkit.ladder import Gap, Ladder
from gapkit.report.blocks import PlusMinus
from gapkit.report.document import Card, Lead, Mark
from gapkit.report.figures import draw
from gapkit.results import Result
from gapkit.results.verdict import Decision, Diagnosis, health, number

__all__ = ["lead"]

_LOSERS = {"encoder": "The encoder loses", "family": "The family loses"}
_MOSTLY = 2.0  # of an error: above, most of it is what the fits may have left
_TENTH = 0.1  # nats, below which a third decimal is shown
_SHOWN = {
    "collapsed": "the best q* is the same for every datapoint",
    "barely": "both the gap and the lead on a simple model are below 0.02 nats per dimension",
}


def lead(result: Result, split: str, diagnosis: Diagnosis) -> Lead:
    """Collect the first screen of a split."""
    summary = result.summary_values
    values, ladder = summary.splits[split], result.ladder
    decision = result.decision()
    matters = decision.action != "model" or decision.why == "barely"
    gaps = [_gap(gap, values.quantities[gap.name], matters=matters) for gap in reversed(ladder.gaps)]
    effort = f", effort {summary.effort}" if summary.effort else ""
    family = f"; q is {ladder.called(summary.families.split)}" if summary.families else ""
    dimensions = f", x has {values.data.dimensions:,} dimensions" if values.data and values.data.dimensions else ""
    return Lead(
        about=f"{values.datapoints:,} datapoint{'' if values.datapoints == 1 else 's'} of split {split}{effort}"
        f"{family}{dimensions}",
        sentences=diagnosis.lead,
        cards=(*gaps, _sure(decision, ladder)),
        figures=draw(result, split, 1, "ladder"),
        marks=tuple(Mark(check.state, check.words) for check in health(summary)),
        notes=diagnosis.further,
    )


def _gap(gap: Gap, values: Uncertain, *, matters: bool) -> Card:
    label, part = _LOSERS.get(gap.part, _capital(gap.label)), gap.part if matters else ""
    if values.mean is None:
        return Card(label, None, "", gap.label, part)
    what = "± one standard error" if values.error is not None else "one datapoint"
    if values.error and values.error > _MOSTLY * (values.se_datapoints or 0.0):
        what = "± what its errors and the fits leave open"
    note = f"{gap.label}, {what}" if matters else f"{gap.label}; beside the point until the model is mended"
    return Card(label, PlusMinus(values.mean, values.error), "nats", note, part)


def _sure(decision: Decision, ladder: Ladder) -> Card:
    label = "How sure"
    if decision.action == "unknown":
        why = decision.missing[0].what if decision.missing else "see the verdict"
        return Card(label, "not yet", note=why)
    value = "on condition" if decision.confidence == "conditional" else decision.confidence
    if decision.why in _SHOWN:
        return Card(label, value, note=_SHOWN[decision.why])
    if decision.low is None or decision.high is None:
        return Card(label, value)
    if decision.action == "model":
        span = f"{number(-decision.high)} to {number(-decision.low)} nats"
        return Card(label, span, note=f"by which the model is below a simpler one, {value} confidence")
    decimals = 2 if max(abs(decision.low), abs(decision.high)) >= _TENTH else 3
    span = f"{number(decision.low, decimals)} to {number(decision.high, decimals)} nats"
    gaps = {gap.name: gap for gap in ladder.gaps}
    own, second = gaps.get(decision.gap or ""), gaps.get(decision.second or "")
    if own and second:
        return Card(label, span, note=f"by which the {own.label} is larger than the {second.label}, {value} confidence")
    return Card(label, span, note=f"the {ladder.total.label}, {value} confidence")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
