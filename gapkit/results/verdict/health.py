"""One line of health: are fits, evidence, latents and model what a decision needs, each in a few words with a mark."""

from dataclasses import dataclass
from typing import Literal

from gapkit.results.records import Latents, LatentUse, Summary, known
from gapkit.results.verdict.bottleneck import BARELY, judged, model_fault
from gapkit.results.verdict.conditions import SMALL, evidence, fits, small_gap
from gapkit.results.verdict.decision import decide, findings
from gapkit.results.verdict.rungs import total
from gapkit.results.verdict.words import count_of, plus_minus, with_error

__all__ = ["Check", "State", "health"]

State = Literal["good", "doubt", "bad", "unknown"]

_SHORT = {
    "coin_flips": "coin flips",
    "factorised_bernoulli": "a factorised Bernoulli",
    "factorised_categorical": "a factorised table",
    "factorised_counts": "factorised counts",
    "factorised_gaussian": "a factorised Gaussian",
    "factorised_continuous_bernoulli": "a factorised continuous Bernoulli",
    "probabilistic_pca": "a linear model",
}


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: ``wiring``, ``fits``, ``evidence``, ``latents`` or ``model``.
        state: ``good``; ``doubt`` where it stands in the way of a decision or limits it; ``bad`` where it is the fault
            to mend; ``unknown`` where it was not looked at.
        words: what was found.
    """

    name: str
    state: State
    words: str


def health(summary: Summary) -> tuple[Check, ...]:
    """The checks of a result; those that a ladder has no room for are left out.

    What the decision misses is in doubt here too, so that a mark never says more than the advice.

    Args:
        summary: of an analysis.
    """
    missing = {part.about: part.what for part in reversed(decide(summary).missing)}
    found = (
        _wiring(summary),
        _fits(summary, missing.get("fits")),
        _evidence(summary, missing.get("evidence")),
        _latents(summary),
        _model(summary),
    )
    return tuple(check for check in found if check is not None)


def _wiring(summary: Summary) -> Check | None:
    refused, warned = findings(summary, "allowed"), findings(summary, "warning")
    if refused:
        return Check("wiring", "bad", f"overridden: {', '.join(finding.check for finding in refused)}")
    if warned:
        return Check("wiring", "doubt", f"warnings before the work: {', '.join(finding.check for finding in warned)}")
    return None


def _gap(summary: Summary) -> float:
    """Against which what is left or unknown has to be small, in nats."""
    return max(total(summary).mean or 0.0, small_gap(summary)[0])


def _fits(summary: Summary, missing: str | None) -> Check | None:
    first = summary.first
    if summary.ladder.fitted is None:
        return None
    if not first.fit:
        return Check("fits", "unknown", "nothing is known of the fits of q*")
    count, converged = sum(first.fit.values()), first.fit.get("converged", 0)
    words = f"{converged:,} of {count_of(count, 'fit')} of q* converged"
    doubts = missing or next((part.what for part in fits(summary, _gap(summary))), None)
    if doubts is None:
        return Check("fits", "good", words)
    others = f"{count - converged:,} of {count_of(count, 'fit')} of q* did not converge"
    return Check("fits", "doubt", others if converged < count else doubts)


def _evidence(summary: Summary, missing: str | None) -> Check:
    first, label = summary.first, summary.ladder.top.label
    sound = first.datapoints - (first.unsound or 0)
    words = f"{label} can be trusted for {sound:,} of {count_of(first.datapoints)}"
    own = (part.what for part in evidence(summary, SMALL * _gap(summary)) if part.about == "evidence")
    doubts = missing or next(own, None)
    if doubts is None:
        return Check("evidence", "good", words)
    others = f"{label} is in doubt for {first.datapoints - sound:,} of {count_of(first.datapoints)}"
    return Check("evidence", "doubt", others if sound < first.datapoints else f"{label}: {doubts}")


def _latents(summary: Summary) -> Check | None:
    star, own = known(summary.first.latents_star), known(summary.first.latents)
    if star and star.used_units is not None:
        used, dimensions = star.used_units, star.dimensions
    elif own and own.active_units is not None:
        used, dimensions = own.active_units, own.dimensions
    else:
        return None
    words = f"{used:,} of {count_of(dimensions, 'latent')} in use"
    if used == 0:
        return Check("latents", "bad", f"collapsed: {words}")
    if own and own.used_units == 0:
        return Check("latents", "bad", f"{words}, none of them by the encoder")
    ignored = _ignored(star, own)
    if ignored:
        return Check(
            "latents",
            "doubt",
            f"the decoder uses {used:,} of {count_of(dimensions, 'latent')}, {ignored:,} of which the encoder ignores",
        )
    return Check("latents", "good", words)


def _ignored(star: LatentUse | None, own: Latents | None) -> int:
    """Latents that the decoder uses and the encoder does not."""
    if not (star and star.used and own and own.used):
        return 0
    return sum(there and not here for there, here in zip(star.used, own.used, strict=True))


def _model(summary: Summary) -> Check | None:
    """Beside the best simple model."""
    parts = judged(summary)
    if not parts:
        return None
    fault = model_fault(summary)
    best = next((part for part in parts if part.name != "coin_flips"), parts[0])
    shown = fault[1] if fault and fault[1] else best
    name = _SHORT.get(shown.name, shown.name.replace("_", " "))
    ahead = shown.difference
    low, high = ahead.interval if ahead.ci95 else (None, None)
    data = summary.first.data
    if high is not None and 0 < high < BARELY * ((data and data.dimensions) or 0):
        return Check("model", "doubt", f"the model is hardly above {name} ({plus_minus(ahead)} nats)")
    if high is not None and high < 0:
        below = with_error(-ahead.value, ahead.error)
        return Check("model", "bad", f"the model is {below} nats below {name}")
    if low is not None and low > 0:
        return Check("model", "good", f"the model is {plus_minus(ahead)} nats above {name}")
    why = "not clearly better" if ahead.ci95 else "by too few datapoints to tell better or worse"
    return Check("model", "doubt", f"the model is {why} than {name} ({plus_minus(ahead)} nats)")
