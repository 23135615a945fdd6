"""The decision in words: what to do and what it would bring, and how sure that is."""

import re
from collections.abc import Mapping

from gapkit.core.means import Mean
from gapkit.core.phrases import listed
from gapkit.ladder import Gap, Ladder, family_sides, quantity
from gapkit.results.records import Skipped, Split, Summary, known
from gapkit.results.verdict.bottleneck import NAMES, judged
from gapkit.results.verdict.certificate import width
from gapkit.results.verdict.conditions import Missing, small_gap
from gapkit.results.verdict.decision import Decision, findings
from gapkit.results.verdict.rungs import top, total, whose
from gapkit.results.verdict.words import MINUS, count_of, decimals_for, number, plus_minus, with_error

__all__ = ["doubts", "headline", "how_sure"]

_SEVERAL = 2  # datapoints on which an encoder fails
_TWO = 2  # gaps, of which one is the larger
_ALL = 0.95  # of the approximation gap that another family has to bring so that nothing richer is named
_WORTH = 0.1  # of the approximation gap that another family has to bring to be named


def doubts(summary: Summary, decision: Decision) -> list[str]:
    """What makes everything doubtful, before anything else: checks overridden, encoders that fail, warnings."""
    sentences = [
        f"The check {finding.check!r} was overridden: {_sentence(finding.found)} Nothing below can be relied on "
        f"until it is mended: {_sentence(finding.do)}"
        for finding in findings(summary, "allowed")
    ]
    first = summary.first
    lost = (first.left_out and first.left_out.encoder) or 0
    if lost >= _SEVERAL:
        sentences.append(
            f"The encoder fails on {lost:,} of {count_of(first.datapoints)}: L[q] is not finite there. They are left "
            "out of every mean; look at them first."
        )
    if decision.action == "unknown" and decision.baseline == "coin_flips":
        sentences.append(f"By these numbers the model fits worse than coin flips{_behind(summary, 'coin_flips')}.")
    for finding in findings(summary, "warning"):
        found, do = _signs(_sentence(finding.found)), _sentence(finding.do)
        sentences.append(f"Warning ({finding.check}): {found} To do: {do}")
    return sentences


def headline(summary: Summary, decision: Decision) -> str:
    """What to do and what it would bring, in a sentence or two."""
    words = _headline(summary, decision)
    if decision.confidence != "conditional" or decision.action == "model":  # which says to look at the wiring itself
        return words
    checks = listed([repr(check) for check in decision.conditions])
    return f"If the warning about {checks} is of no matter here: {words[0].lower()}{words[1:]}"


def _headline(summary: Summary, decision: Decision) -> str:
    if decision.action == "unknown":
        return _unknown(summary, decision)
    if decision.action == "model":
        return _model(summary, decision)
    small = small_gap(summary)[1]
    if decision.action == "nothing":
        return (
            "Leave inference as it is: a perfect encoder and a perfect posterior family together would raise the ELBO "
            f"by at most {number(max(decision.high or 0.0, 0.0), 3)} nats, which is too small to act on (less than "
            f"{small})."
        )
    if decision.action == "encoder":
        what = "with a perfect one of the same posterior family"
        families = summary.families
        other = families.split if families and families.encoder != families.split else None  # the gap is of both then
        first = "Fix the encoder or its family" if other else "Fix the encoder"
        if decision.why == "constant_encoder":
            first = "Fix the encoder, which gives the same q for every x although the decoder uses z"
        if other:
            what = f"with the best {summary.ladder.called(other)} posterior for each datapoint"
        how = (
            "Ways: a larger encoder, longer training of the encoder alone (`gapkit refit` tells which of the two), or "
            "a few local steps on q at test time."
        )
        return f"{first}: {what}, the ELBO would rise {_from_to(decision)}. {how}"
    if decision.action == "other":
        gap = next(part for part in summary.ladder.gaps if part.name == decision.gap)
        what = gap.words or gap.whose
        return f"Close the {gap.label} first ({what}): without it, the ELBO would rise {_from_to(decision)}."
    return (
        "Fix the posterior family: with one that holds the true posterior, and an encoder as good as now, the ELBO "
        f"would rise {_from_to(decision)}. {_families(summary, decision.gain or 0.0)}"
    )


def _from_to(decision: Decision) -> str:
    assert decision.gain is not None  # an advice on encoder or family has one
    decimals = decimals_for(decision.gain)
    by = with_error(decision.gain, decision.gain_error)
    if decision.before is None or decision.after is None:
        return f"by {by} nats"
    return f"from {number(decision.before, decimals)} to {number(decision.after, decimals)} nats (by {by})"


def _families(summary: Summary, gap: float) -> str:
    """What a richer family that was fitted beside would give."""
    quantities, split = summary.quantities, summary.families.split if summary.families else None
    ladder, gains = summary.ladder, dict[str, float]()
    star = quantities.get(ladder.fitted.name) if ladder.fitted else None
    for name in family_sides(quantities, ladder):
        side, values = quantity(name, ladder), quantities[name]
        if star is None or star.mean is None or values.mean is None:
            continue
        if side.kind == "family" and side.of != split:
            gains[side.of] = values.mean - star.mean
    best = max(gains, key=lambda family: gains[family], default=None)
    ways = "Ways: a posterior with full covariance, or a flow; `--family flow` measures one."
    if best is None:
        return ways
    known = ladder.called(best).replace("full rank", "full-rank Gaussian")
    if gains[best] < _WORTH * gap:
        return f"The best other family that was fitted ({known}) brings hardly any of it. {ways}"
    brings = f"the best {known} posterior would bring {number(gains[best], decimals_for(gap))} nats"
    if gains[best] >= _ALL * gap:
        return f"Use a {known}: it would bring {number(gains[best], decimals_for(gap))} nats, which is all of it."
    return f"Of these, {brings}. {ways}"


def _unlearned(summary: Summary) -> str:
    """A decoder that ignores z can still learn the averages of the data; where it has not, something else is wrong."""
    simple = [part for part in judged(summary) if part.name != "coin_flips"]
    behind = [part.name for part in simple if part.difference.ci95 and part.difference.ci95[1] < 0]
    if not behind:
        return ""
    name = behind[0]
    return (
        "Check the weights first: are they the trained ones, and has training finished? The model fits worse than "
        f"{NAMES[name]}{_behind(summary, name)}, which needs no z."
    )


def _model(summary: Summary, decision: Decision) -> str:
    inference = plus_minus(total(summary))
    if decision.why == "collapsed":
        star = known(summary.first.latents_star)
        assert star is not None  # whose collapse was found there
        unlearned = _unlearned(summary)
        first = f"{unlearned} After that, mend" if unlearned else "Mend"
        return (
            f"{first} the training of the model: the posterior has collapsed. The best q* is the same for every "
            f"datapoint in each of the {count_of(star.dimensions, 'latent dimension')}: the decoder does not use z. "
            "No better encoder and no richer family changes that, so the gaps below are beside the point. Ways: "
            "warm up the KL term, give it free bits, or weaken the decoder."
        )
    assert decision.baseline is not None  # every other fault of a model is shown by a simple one
    behind = _behind(summary, decision.baseline)
    if decision.why == "coin_flips":
        return (
            f"Check the model first: it fits worse than coin flips{behind}. Most likely its outputs are read the wrong "
            "way (probabilities as logits, another scale of the data) or the weights are not the trained ones."
        )
    if decision.why == "baseline":
        return (
            "Work on the model, not on inference: check first that its outputs, the scale of the data and the weights "
            f"are what they should be, because its fit is worse than that of {NAMES[decision.baseline]}{behind}. "
            f"Perfect inference would only bring {inference} nats on top of L[q]."
        )
    return (
        f"Look at the model rather than at inference: perfect inference would bring {inference} nats, and log p(x) is "
        f"hardly above that of {NAMES[decision.baseline]} (by {_ahead(summary, decision.baseline)}; both are less than "
        "0.02 nats per dimension). A better model is what can raise the fit, unless the data hold no more than that."
    )


def _behind(summary: Summary, name: str) -> str:
    own = top(summary)
    for part in judged(summary):
        if part.name == name and own:
            level, log_px = number(part.log_px.value, 1), number(own.value, 1)
            behind = with_error(-part.difference.value, part.difference.error)
            return f" (log p(x) is {log_px} nats against {level}, {behind} below)"
    return ""


def _ahead(summary: Summary, name: str) -> str:
    (part,) = (part for part in judged(summary) if part.name == name)
    return f"{plus_minus(part.difference)} nats"


def _unknown(summary: Summary, decision: Decision) -> str:
    quantities, ladder = summary.quantities, summary.ladder
    if decision.why == "nothing_finite":
        return "No advice: no datapoint gave finite numbers. See the status column for what went wrong."
    if decision.why == "refused":
        return "No advice on encoder or family, because a check that failed was overridden."
    gap = f"the total gap is {plus_minus(total(summary))} nats"
    missing = f"{_reasons(decision.missing)} {_settled(decision.missing)}"
    if decision.why == "few":
        if total(summary).count == 1:
            missing = f"one datapoint cannot say what holds for others. {_settled(decision.missing)}"
        return f"No advice yet: {gap}, but {missing}"
    if decision.why == "open":
        small = small_gap(summary)[1]
        return (
            f"No advice yet: {gap} (95% interval {number(decision.low or 0.0)} to {number(decision.high or 0.0)}), and "
            f"whether it is more than the {small} that are worth acting on is open. {_settled(decision.missing)}"
        )
    if decision.why == "equal":
        parts = _equal(ladder, quantities)
        return f"No advice on what to fix first: of the total gap, {parts}. {_settled(decision.missing)}"
    if any(part.about == "encoder" for part in decision.missing):
        return f"No advice yet: where it is finite, {gap}, but {missing}"
    if any(part.about == "evidence" for part in decision.missing):
        return f"No advice yet: {gap} by these numbers, but log p(x) and so the gap may be larger, because {missing}"
    return f"No advice yet: {gap}, but whose it is, {whose(ladder)}, cannot be said: {missing}"


def _equal(ladder: Ladder, quantities: Mapping[str, Mean]) -> str:
    encoder, family = ladder.gap_of("encoder"), ladder.gap_of("family")
    if len(ladder.gaps) == _TWO and encoder and family:
        one, two = (plus_minus(quantities[gap.name]) for gap in (encoder, family))
        return (
            f"a perfect encoder would bring {one} nats and a perfect posterior family {two}; neither is clearly the "
            "larger part"
        )
    parts = [f"{plus_minus(quantities[gap.name])} nats are {gap.whose}" for gap in reversed(ladder.gaps)]
    return f"{listed(parts)}; none is clearly the largest part"


def _reasons(missing: tuple[Missing, ...]) -> str:
    return f"{listed([part.what for part in missing])}." if missing else ""


def _settled(missing: tuple[Missing, ...]) -> str:
    ways = list(dict.fromkeys(part.settle for part in missing))
    return f"Try next: {'; '.join(ways)}." if ways else ""


def how_sure(summary: Summary, decision: Decision) -> list[str]:
    """What an advice rests on."""
    if decision.action in ("unknown", "model"):
        return _of_the_model(summary, decision)
    first, parts = summary.first, []
    if decision.action != "nothing":
        parts += [_larger(summary.ladder, decision), *([_converged(first)] if first.fit is not None else [])]
    else:
        low, high = (number(end or 0.0, 3) for end in (decision.low, decision.high))
        parts.append(f"with 95% confidence the total gap is between {low} and {high} nats")
    least = 0.001
    certificate = known(summary.certificate)
    most = width(certificate) if certificate else None
    if isinstance(summary.certificate, Skipped):  # nor can another command do it
        parts.append("AIS could not be certified on simulated data")
    elif most is None:
        parts.append("AIS was not certified on simulated data (`gapkit certify` does it)")
    else:
        parts.append(f"on simulated data AIS is within {number(max(most, least), 3)} nats of the truth on average")
    return [f"How sure: {'; '.join(parts)}."]


def _larger(ladder: Ladder, decision: Decision) -> str:
    """By how much the gap that is advised on is larger than the next one."""
    gaps = {gap.name: gap for gap in ladder.gaps}
    own, second = gaps.get(decision.gap or ""), gaps.get(decision.second or "")
    size = f"{number(decision.low or 0.0)} to {number(decision.high or 0.0)} nats"
    if own is None or second is None:
        return f"with 95% confidence the gap is {size}"
    larger = "larger" if len(ladder.gaps) == _TWO else "largest"
    return f"with 95% confidence {_part(own)} part of the gap is the {larger} one, by {size} more than {_part(second)}"


def _part(gap: Gap) -> str:
    return gap.whose if gap.part == "other" else f"the {gap.part}'s"


def _converged(first: Split) -> str:
    ends = first.fit or {}
    count, converged = sum(ends.values()), ends.get("converged", 0)
    return f"{converged:,} of {count_of(count, 'fit')} of q* converged"


def _of_the_model(summary: Summary, decision: Decision) -> list[str]:
    first = summary.first
    star = known(first.latents_star)
    if decision.why == "collapsed" and star and star.spread:
        most = max(star.spread)
        apart = f"the means of q* vary between datapoints by at most {max(most, 0.0001):.2%} of q*'s own variance"
        return [f"How sure: {_converged(first)}; {apart}."]
    if decision.action == "unknown" or decision.low is None or decision.high is None:
        return []
    if decision.why == "barely":
        return []
    low, high = number(-decision.high), number(-decision.low)
    return [f"How sure: with 95% confidence log p(x) is {low} to {high} nats below, by the paired difference."]


def _signs(text: str) -> str:
    """Numbers below zero with the sign that all others have; what is to be typed keeps its hyphens."""
    return re.sub(r"(?<![\w.=-])-(?=\d)", MINUS, text)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
