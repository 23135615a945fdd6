"""How modes were searched for, in words: what the search misses on data whose latents are known, and on a control."""

from gapkit.results.records import SearchFound, Summary
from gapkit.results.verdict.words import count_of, number

__all__ = ["search_sentences"]

_WHY = {"control": "chosen at random", "doubt": "in doubt"}


def search_sentences(summary: Summary) -> list[str]:
    """What the search for modes may have missed; nothing for a run that does not say."""
    search = summary.search
    if search is None:
        return []
    sentences = []
    if search.simulated:
        sentences.append(
            f"On {count_of(search.simulated)} simulated from the model, whose latents are known, the search missed "
            f"the mode that they lie in for {search.missed or 'none of them'}."
        )
    elif search.skipped:
        sentences.append(f"The search for modes could not be tried on data simulated from the model: {search.skipped}.")
    route = summary.first.checks.route
    if route is None or not any(route.looked.values()):
        return sentences
    looked, found = route.looked, f"{count_of(route.found)}" if route.found else "none of them"
    if looked.get("all"):
        sentences.append(
            "As the search missed modes, all datapoints were searched again by particles tempered from the prior "
            f"to the posterior, which owe nothing to encoder or fits; more of the posterior turned up for {found}."
        )
        sentences += _still(search)
    else:
        parts = " and ".join(f"{looked[why]} {words}" for why, words in _WHY.items() if looked.get(why))
        sentences.append(
            f"For {parts}, particles were tempered from the prior to the posterior, which owes nothing to encoder or "
            f"fits; they found more of the posterior for {found}."
        )
    return sentences


def _still(search: SearchFound) -> list[str]:
    """What the wide search missed of simulated data."""
    if search.skipped_again:
        return [f"What is missed even so could not be tried on simulated data: {search.skipped_again}."]
    sentences = []
    if search.simulated_again:
        sentences.append(_sampled(search.simulated_again, search.beyond or 0, search.expected or 0.0, search.unseen))
    if search.apart is not None:
        sentences.append(_annealed(search.annealed_again or 0, search.apart, search.unseen_annealed))
    return sentences


def _sampled(count: int, beyond: int, expected: float, unseen: float | None) -> str:
    told = (
        f"Of {count_of(count)} simulated from the model and searched as widely, {beyond or 'none'} came from "
        f"latents beyond what log p(x) was estimated with (its weights expect {expected:.1f})"
    )
    if not unseen:
        return f"{told}."
    return (
        f"{told}: nothing that was tried gets to about {unseen:.0%} of the posterior, on average, so that log p(x) may "
        "be too low for every datapoint."
    )


def _annealed(count: int, apart: float, unseen: float | None) -> str:
    told = (
        f"For {count_of(count)} simulated from the model AIS gave log p(x), and chains sent back from the latents that "
        f"they came from ended {number(apart)} nats above it, on average (each counted up to 4)"
    )
    if not unseen:
        return f"{told}."
    return f"{told}: log p(x) may be too low wherever it is that of AIS."
