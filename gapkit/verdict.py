"""The diagnosis in words, from the summary alone; every rule is stated in the sentence it gives."""

from collections.abc import Mapping
from typing import Any

from scipy import special

from gapkit.phrases import span_words
from gapkit.summary import encoder_names

__all__ = ["certificate_sentence", "trust", "verdict"]

_SMALL = 0.05  # nats of total gap that nobody should act on
_ENOUGH = 20  # datapoints to say that q does not differ between them


def verdict(summary: Mapping[str, Any]) -> list[str]:
    """Return sentences: whose the gap is, what to do first, and what to mind.

    Errors after +- are standard errors over datapoints (they include the sampling noise). The advice compares the two
    gaps by the 95% interval of their paired difference.

    Args:
        summary: see :func:`gapkit.summary.summarise`.
    """
    quantities = summary["quantities"]
    first = next(iter(summary["splits"].values()))
    total = quantities["total_gap"]
    amortization, approximation = quantities["amortization_gap"], quantities["approximation_gap"]
    if None in (total["mean"], amortization["mean"], approximation["mean"]):
        return ["No datapoint gave finite numbers; see the status column for what went wrong."]
    sentences = [
        f"{plus_minus(amortization)} nats of the {total['mean']:.2f}-nat gap are the encoder's (amortization gap) and "
        f"{plus_minus(approximation)} nats are the posterior family's (approximation gap)."
    ]
    sentences += _collapse(first)
    difference = quantities["amortization_minus_approximation"]["ci95"]
    if total.get("count", first["datapoints"]) < 2:
        sentences.append("One datapoint cannot say what holds for others.")
    elif total["ci95"] is None or difference is None:
        sentences.append(f"Nothing is advised from so few datapoints: total gap {span_words(total)}.")
    elif total["ci95"][1] <= _SMALL:
        sentences.append(
            f"The gap is too small to act on (its 95% interval ends at most at {_SMALL} nats): neither encoder nor "
            "family is worth changing for it."
        )
    elif total["ci95"][0] <= _SMALL:
        sentences.append(
            f"Not enough evidence that there is a gap to act on: its 95% interval begins below {_SMALL} nats. Analyse "
            "more datapoints."
        )
    elif difference[0] > 0:
        sentences.append(
            "Fix the encoder first (the amortization gap is the larger one with 95% confidence): a larger encoder, "
            "longer training of the encoder, or a few local steps on q at test time (gapkit refit tells which)."
        )
    elif difference[1] < 0:
        sentences.append(
            "Fix the family first (the approximation gap is the larger one with 95% confidence): a full-rank or flow "
            "posterior; the rungs L[q*] of other families say what each would give."
        )
    else:
        sentences.append(
            "Not enough evidence to say which of the two is larger: the 95% interval of their difference contains 0."
        )
    sentences += _families(summary.get("families", {})) + _encoders(quantities)
    sentences += _local_steps(summary.get("semi_amortized")) + _class(first) + _cautions(first, total)
    for name, gap in summary.get("generalisation", {}).items():
        if gap["mean"] is not None:
            few = "" if gap["ci95"] else f" ({span_words(gap)})"
            sentences.append(
                f"The encoder's generalisation gap ({name}) is {plus_minus(gap)} nats of amortization gap{few}."
            )
    return sentences


def trust(summary: Mapping[str, Any]) -> list[str]:
    """Return sentences on how far log p(x) can be trusted: agreement of two routes, and bounds from both sides.

    Args:
        summary: see :func:`gapkit.summary.summarise`.
    """
    checks = next(iter(summary["splits"].values())).get("checks", {})
    sentences = []
    control = checks.get("control")
    if control and control["mean"] is not None:
        sentences.append(
            f"On {control['count']} datapoints chosen at random, AIS minus importance sampling is "
            f"{_signed(control)} nats on average (Monte Carlo error after +-); {control['within_two_errors']} of them "
            "agree within two standard errors."
        )
    sandwich = checks.get("approximate_sandwich")
    if sandwich and sandwich["mean"] is not None:
        sentences.append(
            f"On {sandwich['count']} datapoints that AIS was run for, chains sent back from where it ended give an "
            f"approximate upper bound {sandwich['mean']:.3f} nats above it on average. It is approximate because there "
            "is no exact posterior draw to start from: a mode that all chains missed is missing in it too."
        )
    certificate = summary.get("certificate")
    if certificate:
        skipped = certificate.get("skipped")
        sentences.append(
            f"AIS was not certified on simulated data: {skipped}." if skipped else certificate_sentence(certificate)
        )
    return sentences


def certificate_sentence(certificate: Mapping[str, Any]) -> str:
    """The outcome of bidirectional Monte Carlo in words, from the summaries of ``lower``, ``upper`` and ``gap``."""
    gap = certificate["gap"]
    if gap["mean"] is None:
        return "The bounds are not finite: AIS cannot be certified on this model."
    lower, upper = certificate["lower"]["mean"], certificate["upper"]["mean"]
    where = (
        f"the lower bound of {lower:.3f} and the upper bound of {upper:.3f} nats on average log p(x) meet within their "
        "noise"
        if upper < lower
        else f"log p(x) lies between {lower:.3f} and {upper:.3f} nats on average"
    )
    return (
        f"On {gap['count']} datapoints simulated from the model, {where}: "
        f"a sandwich of {gap['mean']:.3f} nats ({span_words(gap, 3)}). "
        "AIS with these settings is that close to the truth there; the same number bounds the Jeffreys divergence "
        "between the posterior and where the chains end."
        + (f" {gap['left_out']} datapoints were not finite and are left out." if gap["left_out"] else "")
    )


def _families(families: Mapping[str, Any]) -> list[str]:
    if not families or families["encoder"] == families["split"]:
        return []
    own, split = (families[name].replace("_", " ") for name in ("encoder", "split"))
    return [
        f"The split compares families: q* is the best {split} posterior, but the encoder's own is {own}. So the "
        "amortization gap is that of another family as well as of the encoder, and may be negative."
    ]


def _encoders(quantities: Mapping[str, Any]) -> list[str]:
    """What each further encoder of the same decoder reaches of the amortization gap, and what it leaves."""
    sentences = []
    for name in encoder_names(quantities):
        gain, left = quantities[f"gain_{name}"], quantities[f"left_{name}"]
        if gain["mean"] is None or left["mean"] is None:
            sentences.append(f"The encoder {name} gives no numbers that a conclusion could rest on.")
            continue
        if gain["ci95"] is None:
            sentences.append(f"The encoder {name} changes L[q] by {plus_minus(gain)} nats ({span_words(gain)}).")
            continue
        rest = f"with it, {plus_minus(left)} nats are left to L[q*]."
        if gain["ci95"][0] > 0:
            sentences.append(f"The encoder {name} gains {plus_minus(gain)} nats of the amortization gap; {rest}")
        elif gain["ci95"][1] < 0:
            loss = plus_minus({**gain, "mean": -gain["mean"]})
            sentences.append(f"The encoder {name} is {loss} nats below the analysed one; {rest}")
        else:
            change = plus_minus(gain)
            sentences.append(f"The encoder {name} changes L[q] by {change} nats, which may be chance; {rest}")
    return sentences


def _local_steps(values: Mapping[str, Any] | None) -> list[str]:
    """How many local steps from the encoder's q close 90% of the amortization gap, or how much the last one leaves."""
    if not values:
        return []
    if "skipped" in values:
        return [f"There is no curve of local steps: {values['skipped']}."]
    gap, curve = values["amortization_gap"], values["curve"]
    where = f"over {values['datapoints']} datapoints of {values['split']}"
    if gap["mean"] is None:
        return ["The curve of local steps has no finite numbers."]
    if gap["ci95"] is None:
        return [f"What local steps close cannot be told {where}: amortization gap {span_words(gap)}."]
    if curve[-1]["share"] is None:
        return [f"There is no clear amortization gap for local steps to close ({plus_minus(gap)} nats {where})."]
    reached = values["steps_to_90"]
    point = curve[-1] if reached is None else next(point for point in curve if point["steps"] == reached)
    low, high = point["share"]["ci95"]
    found = (
        f"{plus_minus(point['gain'])} of {gap['mean']:.2f} nats, a share of {point['share']['mean']:.0%} (between "
        f"{low:.0%} and {high:.0%} with 95% confidence), {where}"
    )
    count = f"{point['steps']} local step{'' if point['steps'] == 1 else 's'}"
    if reached is None:
        return [f"{count} from the encoder's q do not close 90% of the amortization gap: {found}."]
    verb = "closes" if reached == 1 else "close"
    return [f"{count} from the encoder's q {verb} 90% of the amortization gap: {found}."]


def _class(first: Mapping[str, Any]) -> list[str]:
    """The class with the largest mean total gap among those that stand out, if any does.

    With K classes, one of them lies above by chance more often than one alone would, so every interval is that of
    Student's t at a level of 0.05 / K: with 95% confidence, none is named wrongly (Bonferroni).
    """
    total, classes = first["quantities"]["total_gap"], first.get("classes", [])
    if total["ci95"] is None:
        return []
    for part in classes:
        gap = part["quantities"]["total_gap"]
        if gap["ci95"] is None:
            continue
        half = special.stdtrit(gap["count"] - 1, 1 - 0.025 / len(classes)) * gap["se_datapoints"]
        if gap["mean"] - half > max(total["ci95"][1], _SMALL):
            name = f'"{part["label"]}"' if isinstance(part["label"], str) else part["label"]
            return [
                f"Class {name} stands out: its mean total gap is {plus_minus(gap)} nats against {plus_minus(total)} "
                "over all datapoints, and its 95% interval, made wider because every class was looked at, lies wholly "
                "above theirs."
            ]
    return []


def _collapse(first: Mapping[str, Any]) -> list[str]:
    """Small gaps are no good news where the latents are not used at all."""
    latents = first.get("latents") or {}
    if latents.get("active_units") != 0 or latents["datapoints"] < _ENOUGH:
        return []
    return [
        f"The posterior has collapsed: none of the {latents['dimensions']} latent dimensions tells the decoder "
        "more than next to nothing about x (the variance of each posterior mean over the datapoints is at most "
        f"{latents['threshold']:g}). Mend that first: the gaps of a model that does not use its latents say little."
    ]


def _signed(values: Mapping[str, Any]) -> str:
    error = values["se_monte_carlo"]
    return f"{values['mean']:+.3f} +- {'unknown' if error is None else f'{error:.3f}'}"


def _thousandths(value: float) -> str:
    """Three decimals, and no minus before a zero.

    Example:
        >>> _thousandths(-0.0002), _thousandths(-0.0006)
        ('0.000', '-0.001')
    """
    return f"{round(value, 3) + 0.0:.3f}"


def _cautions(first: Mapping[str, Any], total: Mapping[str, Any]) -> list[str]:
    cautions = []
    count, status = first["datapoints"], first["status"]
    if first["other_start"]:
        lost = first["quantities"].get("mode_gap", {"mean": None})
        cost = "" if lost["mean"] is None else f" ({_thousandths(lost['mean'])} nats on average over all datapoints)"
        cautions.append(
            f"For {first['other_start']} of {count} datapoints another start than the encoder's q led to the best q*; "
            f"what the encoder loses there by its choice of mode{cost} is part of the amortization gap."
        )
    left, fits = first["quantities"].get("optimality_gap"), first.get("fit", {})
    if left is not None and left["mean"] is not None:
        error = left["se_monte_carlo"]
        known = f"{_thousandths(left['mean'])} +- {'unknown' if error is None else f'{error:.3f}'}"
        cautions.append(
            f"The fits of q* are within {known} nats of the optimum on average, by their certificates; "
            f"{fits.get('converged', 0)} of {count} converged."
        )
    if total["left_out"]:
        cautions.append(f"{total['left_out']} of {count} datapoints were not finite and are left out of the means.")
    doubtful = {word: n for word, n in status.items() if word in ("evidence_weak", "modes_disagree", "fit_budget")}
    if doubtful:
        listed = ", ".join(f"{word}: {n}" for word, n in doubtful.items())
        cautions.append(f"Datapoints to mind ({listed}); a higher --effort may settle them.")
    return cautions


def plus_minus(values: Mapping[str, Any]) -> str:
    """``mean +- standard error`` with as many decimals as the error deserves; without an error only the mean."""
    error = values["se_datapoints"] if values["se_datapoints"] is not None else values["se_monte_carlo"]
    if error is None:
        return f"{values['mean']:.2f}"
    decimals = 2 if error >= 0.02 else 3
    return f"{values['mean']:.{decimals}f} +- {error:.{decimals}f}"
