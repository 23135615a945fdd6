"""Summaries whose evidence or fits have a fault, and what a verdict says of a summary."""

from tests.results.verdict.builder import sandwich
from tests.results.verdict.stored import trust, verdict

ADVICE = {"encoder": "Fix the encoder", "family": "Fix the posterior family", "nothing": "Leave inference as it is"}


def said(summary):
    return " ".join([*verdict(summary), *trust(summary)])


def advises(summary):
    """The actions whose imperative is among the sentences."""
    text = said(summary).lower()
    return {action for action, words in ADVICE.items() if words.lower() in text} | (
        {"model"}
        if "work on the model" in text
        or "look at the model" in text
        or "mend the training" in text
        or "check the model first" in text
        else set()
    )


def split(summary):
    return summary["splits"]["test"]


# Faults of the summary: what each one does to it, and the advice that it takes away.


def not_converged(summary):
    split(summary)["fit"] = {"budget": 100}
    split(summary)["unfinished"] = {"datapoints": 100, "mean": 0.2, "se_monte_carlo": 0.3}


def fits_far_from_the_optimum(summary):
    for name, times in (("amortization_gap", 1), ("approximation_gap", 1), ("amortization_minus_approximation", 2)):
        summary["quantities"][name]["left_to_gain"] = 1.2 * times


def weak_evidence(summary):
    split(summary)["status"] = {"ok": 60, "evidence_weak": 40}
    split(summary)["unsound"] = 40


def wide_sandwich(summary):
    summary["certificate"] = sandwich(3.0, 19.1)


def sandwich_of_noise(summary):
    summary["certificate"] = sandwich(-2.0, 3.0)


def sandwich_that_crosses(summary):
    summary["certificate"] = sandwich(-4.0, -1.0)


def bounds_not_finite(summary):
    summary["certificate"]["gap"] |= {"mean": None, "ci95": None}


def too_few_simulated(summary):
    summary["certificate"]["gap"] |= {"ci95": None, "range": [0.0, 0.1]}


def control_disagrees(summary):
    split(summary)["checks"]["control"] |= {"mean": 4.0, "se_datapoints": 0.3, "within_two_errors": 1}


def no_interval(summary):
    summary["quantities"]["total_gap"] |= {"ci95": None, "range": [0.0, 9.0]}


def few_datapoints(summary):
    summary["quantities"]["total_gap"] |= {"count": 9, "ci95": None, "range": [0.5, 9.0]}


def overridden(summary):
    summary["findings"] = [
        {
            "check": "gradients",
            "level": "allowed",
            "asked": "a gradient",
            "found": "there is none",
            "do": "remove no_grad",
        }
    ]


FITS = (not_converged, fits_far_from_the_optimum)
FAULTS = (
    *FITS,
    weak_evidence,
    wide_sandwich,
    sandwich_of_noise,
    sandwich_that_crosses,
    bounds_not_finite,
    too_few_simulated,
    control_disagrees,
    no_interval,
    few_datapoints,
    overridden,
)
