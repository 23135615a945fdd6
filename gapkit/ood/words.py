"""What the scores of one or two data sets say, in sentences; every rule is stated in the sentence it gives."""

from collections.abc import Mapping
from typing import Any

from gapkit.core.phrases import listed

__all__ = ["LABELS", "area", "score_verdict"]

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


def score_verdict(values: Mapping[str, Any]) -> list[str]:
    """Return sentences: does likelihood regret tell the sets apart, do others do it better, and cautions.

    Args:
        values: see :class:`gapkit.ood.Scored`.
    """
    separation = values.get("separation")
    if separation is None:
        sentences = _alone(values["sets"]["other"])
    else:
        sentences = _regret(values["sets"], separation)
        sentences += _others(values["sets"], separation) + _best(separation) + _alarms(values["sets"], separation)
    for each in values["sets"].values():
        sentences += _cautions(each)
    return sentences + [f"{note}." for note in values.get("notes", ())]


def area(value: float) -> str:
    """An area under a curve, with more decimals near 0 and 1, and none if it is one of them.

    Example:
        >>> area(0.931), area(0.9962), area(1.0)
        ('0.93', '0.996', '1')
    """
    if value in (0, 1):
        return f"{value:.0f}"
    return f"{value:.2f}" if 0.01 <= value <= 0.99 else f"{value:.3f}"


def capital(text: str) -> str:
    """The text with a capital in front."""
    return text[:1].upper() + text[1:]


def _alone(one: Mapping[str, Any]) -> list[str]:
    regret = one["scores"]["regret"]
    if regret["median"] is None:
        return [f"No datapoint of {one['name']} has a finite likelihood regret."]
    count = f"{regret['count']} datapoint{'' if regret['count'] == 1 else 's'}"
    return [
        f"The likelihood regret of {count} of {one['name']} has a median of {regret['median']:.2f} nats; for 5% of "
        f"them it is above {regret['q95']:.2f} nats.",
        "Whether that is much only a reference can say: pass --reference with data like those of training.",
    ]


def _interval(found: Mapping[str, Any]) -> str:
    low, high = found["ci95"]
    return f"AUC {area(found['auc'])} (95%: {area(low)} to {area(high)})"


def _regret(sets: Mapping[str, Any], separation: Mapping[str, Any]) -> list[str]:
    found = separation["scores"]["regret"]
    if found["auc"] is None:
        empty = next(each["name"] for role, each in sets.items() if not found[role])
        return [f"No datapoint of {empty} has a likelihood regret, so nothing can be said about it."]
    pair = f"{sets['other']['name']} from {sets['reference']['name']}"
    if found["ci95"][0] > 0.5:
        sentence = f"Likelihood regret separates {pair} with {_interval(found)}."
    elif found["ci95"][1] < 0.5:
        sentence = (
            f"Likelihood regret fails to find {sets['other']['name']}: with {_interval(found)}, it takes "
            f"{sets['reference']['name']} for the more unusual data."
        )
    else:
        sentence = (
            f"Not enough evidence that likelihood regret separates {pair}: {_interval(found)}, and 0.5 would be chance."
        )
    few = min(found["reference"], found["other"]) < 2
    return [sentence, *(["One datapoint cannot say what holds for others."] if few else [])]


def _others(sets: Mapping[str, Any], separation: Mapping[str, Any]) -> list[str]:
    found = separation["scores"]
    names = [name for name in separation["order"] if name != "regret" and found[name]["auc"] is not None]
    if not names:
        return []
    named = listed(f"{LABELS[name]} has {_interval(found[name]).removeprefix('AUC ')}" for name in names)
    wrong = [name for name in names if found[name]["ci95"][1] < 0.5]
    below = (
        f" Below 0.5 a score takes {sets['reference']['name']} for the more unusual data: so does "
        f"{listed(LABELS[name] for name in wrong)}."
        if wrong
        else ""
    )
    return [f"Of the scores that come with it, {named}.{below}"]


def _best(separation: Mapping[str, Any]) -> list[str]:
    best = separation["best"]
    found = separation["scores"][best]
    # A score without an area is no rival.
    rivals = {name: values for name, values in separation["differences"].items() if values["difference"] is not None}
    if found["auc"] is None or not rivals:
        return []
    if found["ci95"][0] <= 0.5:
        return ["No score separates the two sets clearly, so none is called the best."]
    close = [name for name, values in rivals.items() if values["ci95"] is None or values["ci95"][0] <= 0]
    if len(close) == len(rivals) and all(abs(values["difference"]) < _TINY for values in rivals.values()):
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


def _alarms(sets: Mapping[str, Any], separation: Mapping[str, Any]) -> list[str]:
    found = separation["scores"]["regret"]
    if found["fpr95"] is None or found["fpr95_ci95"] is None:
        return []
    low, high = found["fpr95_ci95"]
    where = "" if found["threshold95"] is None else f" ({found['threshold95']:.2f} nats)"
    return [
        f"The threshold of likelihood regret that finds 95% of {sets['other']['name']}{where} also finds "
        f"{found['fpr95']:.0%} of {sets['reference']['name']} (95%: {low:.0%} to {high:.0%})."
    ]


def _cautions(one: Mapping[str, Any]) -> list[str]:
    doubtful = {word: count for word, count in one["status"].items() if word in _DOUBTFUL}
    if not doubtful:
        return []
    counts = ", ".join(f"{word}: {count}" for word, count in doubtful.items())
    return [
        f"Datapoints of {one['name']} with a status ({counts}, of {one['datapoints']}); a higher --effort may help."
    ]
