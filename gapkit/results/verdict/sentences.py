"""The diagnosis in sentences, from the summary alone: the decision first, every rule stated in the words it gives."""

from dataclasses import dataclass

from gapkit.core.phrases import by_its_name, listed
from gapkit.results.records import Skipped, Summary
from gapkit.results.verdict.bottleneck import beside, proportion, splits_apart
from gapkit.results.verdict.cautions import cautions, encoders, families, generalisation, left_in_fits, local_steps
from gapkit.results.verdict.certificate import certificate_sentence
from gapkit.results.verdict.conditions import small_gap
from gapkit.results.verdict.decision import Decision, decide, findings
from gapkit.results.verdict.headline import doubts, headline, how_sure
from gapkit.results.verdict.rungs import top, total
from gapkit.results.verdict.search import search_sentences
from gapkit.results.verdict.words import count_of, number, plus_minus, signed

__all__ = ["Diagnosis", "diagnose", "trust", "verdict"]

_CROSS_ENTROPY = (
    "Mind that the top of the ladder is log Z(x) = log ∫ exp(−cross-entropy(x, decoder(z))) p(z) dz, the log "
    "normaliser of the weight that stands in the place of p(x|z), and no log probability of x. The gaps and whose they "
    "are mean what they always do; the level of log Z(x) can be compared with nothing else."
)


@dataclass(frozen=True)
class Diagnosis:
    """The diagnosis in sentences, in groups.

    Attributes:
        lead: what makes all doubtful, and what to do and what it would bring.
        sure: what the advice rests on.
        numbers: the ladder and its gaps, in proportion, beside simple models and other splits.
        further: what averages hide, other families and encoders, cautions, notes.
    """

    lead: tuple[str, ...]
    sure: tuple[str, ...]
    numbers: tuple[str, ...]
    further: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them, in reading order."""
        return (*self.lead, *self.sure, *self.numbers, *self.further)


def diagnose(summary: Summary) -> Diagnosis:
    """The diagnosis of a result.

    Errors after ± are standard errors over datapoints (they include the sampling noise, and what the fits of q* may
    have left).
    """
    decision = decide(summary)
    lead, sure = [*doubts(summary, decision), headline(summary, decision)], how_sure(summary, decision)
    numbers: list[str] = []
    further: list[str] = []
    if decision.why != "nothing_finite":
        numbers = _numbers(summary, decision) + left_in_fits(summary)
        further = [*decision.hides, *families(summary), *encoders(summary), *local_steps(summary.semi_amortized)]
        further += cautions(summary) + generalisation(summary)
        further += [f"Note ({note.check}): {note.found.rstrip('.')}." for note in findings(summary, "note")]
    groups = (tuple(by_its_name(each, summary.target) for each in group) for group in (lead, sure, numbers, further))
    return Diagnosis(*groups)


def verdict(summary: Summary) -> list[str]:
    """All sentences of :func:`diagnose`, in reading order."""
    return list(diagnose(summary).sentences)


def _numbers(summary: Summary, decision: Decision) -> list[str]:
    """The ladder and its gaps, in proportion, beside simple models and other splits."""
    quantities, ladder = summary.quantities, summary.ladder
    highest, lowest = (quantities.get(rung.name) for rung in (ladder.top, ladder.bottom))
    between = ""
    if highest and lowest and highest.mean is not None and lowest.mean is not None:
        between = f" between {ladder.top.label} at {number(highest.mean)} and the ELBO at {number(lowest.mean)}"
    first, *others = ((plus_minus(quantities[gap.name]), f"{gap.whose} ({gap.label})") for gap in reversed(ladder.gaps))
    parts = listed([f"{first[0]} are {first[1]}", *(" ".join(part) for part in others)])
    doubtful = decision.why == "refused" or any(part.about in ("fits", "evidence") for part in decision.missing)
    heading = "In numbers that cannot be relied on yet" if doubtful else "In numbers"
    sentences = [f"{heading}: of the gap of {plus_minus(total(summary))} nats{between}, {parts}."]
    if summary.target == "cross_entropy":
        sentences.append(_CROSS_ENTROPY)
    if top(summary):
        worth = total(summary).value > small_gap(summary)[0]
        sentences += [*(proportion(summary) if worth else []), *beside(summary)]
    return sentences + splits_apart(summary)


def trust(summary: Summary) -> list[str]:
    """Return sentences on how far log p(x) can be trusted: agreement of two routes, and bounds from both sides."""
    checks, sentences = summary.first.checks, []
    control = checks.control
    if control and control.mean is not None:
        sentences.append(
            f"On {count_of(control.count)} chosen at random, AIS minus importance sampling is {signed(control)} nats "
            f"on average (Monte Carlo error after ±); {control.within_two_errors} of them "
            f"{'agrees' if control.within_two_errors == 1 else 'agree'} within two standard errors."
        )
    sandwich = checks.approximate_sandwich
    if sandwich and sandwich.mean is not None:
        mean = sandwich.mean
        above = (
            f"{number(mean, 3)} nats above it"
            if mean > 0
            else f"that meets it within the noise ({number(mean, 3)} nats)"
        )
        sentences.append(
            f"On {count_of(sandwich.count)} that AIS was run for, chains sent back from where it ended give an "
            f"approximate upper bound {above} on average. It is approximate because "
            "there is no exact posterior draw to start from: a mode that all chains missed is missing in it too."
        )
    certificate = summary.certificate
    if isinstance(certificate, Skipped):
        sentences.append(f"AIS was not certified on simulated data: {certificate.skipped}.")
    elif certificate:
        gap = total(summary).mean
        sentences.append(certificate_sentence(certificate, gap if gap and gap > 0 else None))
    sentences += search_sentences(summary)
    return [by_its_name(sentence, summary.target) for sentence in sentences]
