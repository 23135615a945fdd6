"""What the scores of one or two data sets say, in sentences; every rule is stated in the sentence it gives."""

from collections.abc import Mapping

from gapkit.core.phrases import listed
from gapkit.ood.records import Detection, ScoredSet, ScoreSummary, Separation

__all__ = ["LABELS", "area", "area_words", "capital", "score_verdict"]

LABELS = {
    "regret": "likelihood regret",
    "total_gap": "total gap",
    "negative_elbo": "negative ELBO",
    "negative_log_px": "negative log p(x)",
    "input_complexity": "input complexity",
}
_TINY = 1e-12  # of an area, from rounding
_DOUBTFUL = (
    "nonfinite",
    "fit_budget",
    "fit_diverged",
    "evidence_weak",
    "modes_disagree",
    "modes_unseen",
    "negative_gap",
)


def score_verdict(values: ScoreSummary) -> list[str]:
    """Return sentences: does likelihood regret tell the sets apart, do others do it better, and cautions."""
    sets, separation = values.sets, values.separation
    if separation is None:
        sentences = _alone(sets["other"])
    else:
        sentences = _regret(sets, separation)
        sentences += _others(sets, separation) + _best(separation) + _alarms(sets, separation)
    for each in sets.values():
        sentences += _cautions(each)
    return sentences + [f"{note}." for note in values.notes or ()]


def area(value: float) -> str:
    """An area under a curve, with more decimals near 0 and 1, and none if it is one of them.

    Example:
        >>> area(0.931), area(0.9962), area(1.0)
        ('0.93', '0.996', '1')
    """
    if value in (0, 1):
        return f"{value:.0f}"
    return f"{value:.2f}" if 0.01 <= value <= 0.99 else f"{value:.3f}"


def area_words(found: Detection) -> str:
    """The area of a score that has one, with its 95% interval.

    Example:
        >>> area_words(Detection(0.931, 0.02, (0.88, 0.96), 0.2, (0.1, 0.3), 1.5, 100, 100))
        '0.93 (95%: 0.88 to 0.96)'
    """
    assert found.auc is not None
    assert found.ci95 is not None  # which every area has
    low, high = found.ci95
    return f"{area(found.auc)} (95%: {area(low)} to {area(high)})"


def capital(text: str) -> str:
    """The text with a capital in front."""
    return text[:1].upper() + text[1:]


def _alone(one: ScoredSet) -> list[str]:
    regret = one.scores["regret"]
    if regret.median is None:
        return [f"No datapoint of {one.name} has a finite likelihood regret."]
    count = f"{regret.count} datapoint{'' if regret.count == 1 else 's'}"
    return [
        f"The likelihood regret of {count} of {one.name} has a median of {regret.median:.2f} nats; for 5% of "
        f"them it is above {regret.q95:.2f} nats.",
        "Whether that is much only a reference can say: pass --reference with data like those of training.",
    ]


def _regret(sets: Mapping[str, ScoredSet], separation: Separation) -> list[str]:
    found = separation.scores["regret"]
    if found.ci95 is None:
        counts = {"reference": found.reference, "other": found.other}
        empty = next(each.name for role, each in sets.items() if not counts[role])
        return [f"No datapoint of {empty} has a likelihood regret, so nothing can be said about it."]
    reference, other = sets["reference"].name, sets["other"].name
    if found.ci95[0] > 0.5:
        sentence = f"Likelihood regret separates {other} from {reference} with AUC {area_words(found)}."
    elif found.ci95[1] < 0.5:
        sentence = (
            f"Likelihood regret fails to find {other}: with AUC {area_words(found)}, it takes {reference} for the more "
            "unusual data."
        )
    else:
        sentence = (
            f"Not enough evidence that likelihood regret separates {other} from {reference}: AUC {area_words(found)}, "
            "and 0.5 would be chance."
        )
    few = min(found.reference, found.other) < 2
    return [sentence, *(["One datapoint cannot say what holds for others."] if few else [])]


def _others(sets: Mapping[str, ScoredSet], separation: Separation) -> list[str]:
    found = {name: separation.scores[name] for name in separation.order if name != "regret"}
    names = [name for name, each in found.items() if each.auc is not None]
    if not names:
        return []
    named = listed(f"{LABELS[name]} has {area_words(found[name])}" for name in names)
    wrong = [name for name, each in found.items() if each.ci95 and each.ci95[1] < 0.5]
    below = (
        f" Below 0.5 a score takes {sets['reference'].name} for the more unusual data: so does "
        f"{listed(LABELS[name] for name in wrong)}."
        if wrong
        else ""
    )
    return [f"Of the scores that come with it, {named}.{below}"]


def _best(separation: Separation) -> list[str]:
    best = separation.best
    found = separation.scores[best]
    # A score without an area is no rival.
    rivals = {name: lead for name, lead in separation.differences.items() if lead.difference is not None}
    if found.ci95 is None or not rivals:
        return []
    if found.ci95[0] <= 0.5:
        return ["No score separates the two sets clearly, so none is called the best."]
    close = [name for name, lead in rivals.items() if lead.ci95 is None or lead.ci95[0] <= 0]
    if len(close) == len(rivals) and all(abs(lead.difference or 0.0) < _TINY for lead in rivals.values()):
        return ["No score separates the two sets better than another: they all have the same area."]
    if not close:
        return [
            f"{capital(LABELS[best])} separates them best: the 95% interval of its lead, on the same datapoints, lies "
            "above 0 against each other score."
        ]
    return [
        f"{capital(LABELS[best])} has the largest area, but not enough evidence to call it better than "
        f"{listed(LABELS[name] for name in close)}: the 95% interval of the difference, on the same datapoints, "
        "contains 0."
    ]


def _alarms(sets: Mapping[str, ScoredSet], separation: Separation) -> list[str]:
    found = separation.scores["regret"]
    if found.fpr95 is None or found.fpr95_ci95 is None:
        return []
    low, high = found.fpr95_ci95
    where = "" if found.threshold95 is None else f" ({found.threshold95:.2f} nats)"
    return [
        f"The threshold of likelihood regret that finds 95% of {sets['other'].name}{where} also finds "
        f"{found.fpr95:.0%} of {sets['reference'].name} (95%: {low:.0%} to {high:.0%})."
    ]


def _cautions(one: ScoredSet) -> list[str]:
    doubtful = {word: count for word, count in one.status.items() if word in _DOUBTFUL}
    if not doubtful:
        return []
    counts = ", ".join(f"{word}: {count}" for word, count in doubtful.items())
    return [f"Datapoints of {one.name} with a status ({counts}, of {one.datapoints}); a higher --effort may help."]
