"""The words of the status column: what each one means and what to do about it."""

from gapkit.ladder import STANDARD, Ladder

__all__ = ["STATUSES", "statuses_of"]

_WORDS = {
    "ok": ("No check objects.", "Nothing to do."),
    "nonfinite": (
        "A bound is infinite or undefined; the datapoint is left out of the means.",
        "Look at the datapoint and at the decoder's output for it: a probability of exactly 0 or 1 is the usual cause.",
    ),
    "undefined_weights": (
        "Some importance weights were undefined and counted as zero.",
        "Check that the model's log-densities are finite for draws of the encoder.",
    ),
    "fit_budget": (
        "{fitted} still rose when the local fit ran out of steps: the true {below} is a little larger and the {above} "
        "a little smaller.",
        "Use a higher effort.",
    ),
    "fit_diverged": (
        "The local fit found no finite optimum.",
        "Look at the datapoint and the decoder; if the encoder's q stands in for q*, the gaps say little.",
    ),
    "evidence_weak": (
        "Neither importance sampling nor AIS can be trusted here by its own diagnostics, or particles from elsewhere "
        "do not bear it out: log p(x) may be too low, and the {first} with it.",
        "Use a higher effort.",
    ),
    "modes_disagree": (
        "AIS found clearly more than importance sampling: a part of the posterior that the fits missed. AIS was taken.",
        "Use a higher effort, which fits from more starts.",
    ),
    "modes_unseen": (
        "New modes of the posterior still turned up when the search for them ended: log p(x) may be too low by about "
        "-log(1 - unseen_mass).",
        "Use a higher effort, which searches on.",
    ),
    "failed": (
        "The work on the datapoint's unit ended in an error; there are no numbers.",
        "`failed` in run.json has the error; mend its cause and analyse these datapoints again.",
    ),
    "negative_gap": (
        "A gap is below zero by more than its sampling error allows: an estimate is wrong.",
        "Use a higher effort; if it stays, check that the model computes the same p(x, z) every time.",
    ),
}


def statuses_of(ladder: Ladder) -> dict[str, tuple[str, str]]:
    """Meaning and remedy of each word, in the labels of a ladder.

    Example:
        >>> statuses_of(STANDARD)["fit_budget"][0]
        'L[q*] still rose when the local fit ran out of steps: the true amortization gap is a little larger and the \
approximation gap a little smaller.'
    """
    star, above, below = ladder.fitted, ladder.above_fitted, ladder.below_fitted
    labels = {
        "fitted": star.label if star else "the fitted bound",
        "above": above.label if above else "gap above it",
        "below": below.label if below else "gap below it",
        "first": ladder.gaps[0].label,
    }
    return {word: (meaning.format_map(labels), do) for word, (meaning, do) in _WORDS.items()}


STATUSES = statuses_of(STANDARD)
