"""Cautions beside the decision: families that differ, further encoders, local steps, fits, statuses."""

from dataclasses import replace

from gapkit.core.phrases import listed, span_words
from gapkit.ladder import encoders as encoders_of
from gapkit.ladder import side_name
from gapkit.results.records import LocalSteps, Skipped, Split, Summary
from gapkit.results.verdict.rungs import total
from gapkit.results.verdict.words import count_of, number, plus_minus, with_error

__all__ = ["cautions", "encoders", "families", "generalisation", "left_in_fits", "local_steps"]

_STATUSES = {
    "evidence_weak": "for {} neither route to log p(x) can be trusted",
    "modes_disagree": "for {} AIS found a part of the posterior that the fits missed",
    "modes_unseen": "for {} new modes of the posterior still turned up when the search for them ended",
    "fit_budget": "for {} the fit of q* ended at its budget",
    "fit_diverged": "for {} the fit of q* found no finite optimum",
    "negative_gap": "for {} a gap is below zero by more than noise explains",
    "undefined_weights": "for {} some importance weights were undefined",
}

# Where families are compared: some that have no fit, because their layers belong to all datapoints, and a plainer name.
_COMPARED = {
    "flow": "coupling-flow",
    "transformed": "a flow of its own, which cannot be fitted to one datapoint",
    "truncated": "a density cut off at the prior's bounds, which cannot be fitted to one datapoint",
}


def families(summary: Summary) -> list[str]:
    """A split in another family than the encoder's own."""
    found = summary.families
    if not found or found.encoder == found.split:
        return []
    own, split = (_COMPARED.get(name, summary.ladder.called(name)) for name in (found.encoder, found.split))
    return [
        f"The split compares families: q* is the best {split} posterior, but the encoder's own is {own}. So the "
        "amortization gap is that of another family as well as of the encoder, and may be negative."
    ]


def encoders(summary: Summary) -> list[str]:
    """What each further encoder of the same decoder reaches of the amortization gap, and what it leaves."""
    sentences, quantities, ladder = [], summary.quantities, summary.ladder
    for name in encoders_of(quantities):
        gain, left = (quantities[side_name(kind, name, ladder)] for kind in ("gain", "left"))
        if gain.mean is None or left.mean is None:
            sentences.append(f"The encoder {name} gives no numbers that a conclusion could rest on.")
            continue
        rest = f"with it, {plus_minus(left)} nats are left to L[q*]."
        if gain.ci95 is None:
            few = "too few datapoints to say more"
            sentences.append(f"The encoder {name} changes L[q] by {plus_minus(gain)} nats here, {few}; {rest}")
        elif gain.ci95[0] > 0:
            sentences.append(f"The encoder {name} gains {plus_minus(gain)} nats of the amortization gap; {rest}")
        elif gain.ci95[1] < 0:
            loss = with_error(-gain.mean, gain.error)
            sentences.append(f"The encoder {name} is {loss} nats below the analysed one; {rest}")
        else:
            change = plus_minus(gain)
            sentences.append(f"The encoder {name} changes L[q] by {change} nats, which may be chance; {rest}")
    return sentences


def local_steps(values: LocalSteps | Skipped | None) -> list[str]:
    """How many local steps from the encoder's q close 90% of the amortization gap, or how much the last one leaves."""
    if not values:
        return []
    if isinstance(values, Skipped):
        return [f"There is no curve of local steps: {values.skipped}."]
    gap, curve = values.amortization_gap, values.curve
    where = f"over {count_of(values.datapoints)} of {values.split}"
    if gap.mean is None:
        return ["The curve of local steps has no finite numbers."]
    if gap.ci95 is None:
        return [f"What local steps close cannot be told {where}: amortization gap {span_words(gap)}."]
    reached = values.steps_to_90
    point = next((point for point in curve if point.steps == reached), curve[-1])
    if point.share is None:
        return [f"There is no clear amortization gap for local steps to close ({plus_minus(gap)} nats {where})."]
    interval = point.share.ci95
    between = "" if interval is None else f" (between {interval[0]:.0%} and {interval[1]:.0%} with 95% confidence)"
    found = f"{plus_minus(point.gain)} of {number(gap.mean)} nats, a share of {point.share.value:.0%}{between}, {where}"
    count = count_of(point.steps, "local step")
    if reached is None:
        return [f"{count} from the encoder's q do not close 90% of the amortization gap: {found}."]
    verb = "closes" if reached == 1 else "close"
    return [f"{count} from the encoder's q {verb} 90% of the amortization gap: {found}."]


def cautions(summary: Summary) -> list[str]:
    """Datapoints left out, and statuses other than ok, in words."""
    sentences, first = [], summary.first
    count = first.datapoints
    lost = total(summary).left_out
    if lost:
        verb, why = ("is", "has") if lost == 1 else ("are", "have")
        sentences.append(
            f"{lost:,} of {count_of(count)} {why} no finite {_cause(first)} and {verb} left out of every mean."
        )
    failed = first.status.get("failed", 0)
    if failed:
        sentences.append(
            f"For {count_of(failed)} the work ended in an error, which run.json holds; they have no numbers."
        )
    told = [words.format(count_of(first.status[word])) for word, words in _STATUSES.items() if first.status.get(word)]
    if told:
        sentences.append(f"Mind that {listed(told)}. A higher --effort may settle it.")
    return sentences


def left_in_fits(summary: Summary) -> list[str]:
    """What the fits of q* may still gain, by their certificates."""
    first = summary.first
    left = first.quantities.get("optimality_gap")
    if left is None or left.mean is None:
        return []
    ends = first.fit or {}
    ended = f"; {ends.get('converged', 0):,} of {sum(ends.values()):,} converged" if any(ends.values()) else ""
    return [
        f"By their certificates, the fits of q* are {plus_minus(replace(left, se_datapoints=left.se_monte_carlo))} "
        f"nats below the optimum on average{ended}."
    ]


def _cause(first: Split) -> str:
    """The rung that is not finite, where it is the same for all datapoints left out."""
    found = first.left_out
    if found is None or found.encoder == found.datapoints:
        return "L[q]"
    return "log p(x)" if found.log_px == found.datapoints else "value on some rung"


def generalisation(summary: Summary) -> list[str]:
    """What the encoder loses on the first split more than on the others."""
    encoder = summary.ladder.gap_of("encoder")
    of = encoder.label if encoder else "gap"
    return [
        f"The encoder's generalisation gap ({name}) is {plus_minus(gap)} nats of {of}."
        for name, gap in summary.generalisation.items()
        if gap.mean is not None
    ]
