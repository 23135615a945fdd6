"""How modes were searched for, in words: what the search misses on data whose latents are known, and on a control."""

from collections.abc import Mapping
from typing import Any

from gapkit.results.verdict.words import count_of, number

__all__ = ["search_sentences"]

_WHY = {"control": "chosen at random", "doubt": "in doubt"}


def search_sentences(summary: Mapping[str, Any]) -> list[str]:
    """What the search for modes may have missed; nothing for a run that does not say.

    Args:
        summary: see :func:`gapkit.results.summary.summarise`; ``search`` in it is what the run found out about its
        search.
    """
    search = summary.get("search")
    if not search:
        return []
    sentences = []
    if search.get("simulated"):
        missed = search["missed"]
        sentences.append(
            f"On {count_of(search['simulated'])} simulated from the model, whose latents are known, the search missed "
            f"the mode that they lie in for {missed or 'none of them'}."
        )
    elif search.get("skipped"):
        sentences.append(
            f"The search for modes could not be tried on data simulated from the model: {search['skipped']}."
        )
    route = next(iter(summary["splits"].values())).get("checks", {}).get("route")
    looked = route["looked"] if route else {}
    if not any(looked.values()):
        return sentences
    found = f"{count_of(route['found'])}" if route["found"] else "none of them"
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


def _still(search: Mapping[str, Any]) -> list[str]:
    """What the wide search missed of simulated data."""
    if search.get("skipped_again"):
        return [f"What is missed even so could not be tried on simulated data: {search['skipped_again']}."]
    again, sentences = search.get("simulated_again"), []
    if again:
        sentences.append(_sampled(again, search))
    if search.get("apart") is not None:
        sentences.append(_annealed(search["annealed_again"], search))
    return sentences


def _sampled(count: int, search: Mapping[str, Any]) -> str:
    unseen = search["unseen"]
    told = (
        f"Of {count_of(count)} simulated from the model and searched as widely, {search['beyond'] or 'none'} came from "
        f"latents beyond what log p(x) was estimated with (its weights expect {search['expected']:.1f})"
    )
    if not unseen:
        return f"{told}."
    return (
        f"{told}: nothing that was tried gets to about {unseen:.0%} of the posterior, on average, so that log p(x) may "
        "be too low for every datapoint."
    )


def _annealed(count: int, search: Mapping[str, Any]) -> str:
    unseen = search["unseen_annealed"]
    told = (
        f"For {count_of(count)} simulated from the model AIS gave log p(x), and chains sent back from the latents that "
        f"they came from ended {number(search['apart'])} nats above it, on average (each counted up to 4)"
    )
    if not unseen:
        return f"{told}."
    return f"{told}: log p(x) may be too low wherever it is that of AIS."
