"""The words of the report: what every number, status and term means, in plain English."""

from collections.abc import Iterable

__all__ = [
    "CLASSES_NOTE",
    "DEFINITIONS",
    "FAMILIES",
    "GENERALISATION",
    "LOCAL_STEPS",
    "QUANTITIES",
    "TABLE_NOTE",
    "UNKNOWN_STATUS",
    "describe",
    "in_order",
]

# In the order of the table: what to look at first comes first.
QUANTITIES = {
    "total_gap": (
        "Total gap",
        "What the encoder's bound loses altogether: log p(x) minus L[q]. It is the sum of the next two.",
    ),
    "amortization_gap": (
        "Amortization gap",
        "The encoder's part: L[q*] minus L[q], what one network for all datapoints loses against the best q for each.",
    ),
    "approximation_gap": (
        "Approximation gap",
        "The posterior family's part: log p(x) minus L[q*], what even the best member of the family cannot reach.",
    ),
    "amortization_minus_approximation": (
        "Amortization minus approximation",
        "The first part minus the second, within each datapoint. If the 95% interval lies above 0, the encoder loses "
        "more; below 0, the family loses more.",
    ),
    "log_px": (
        "log p(x)",
        "The model's log-likelihood, estimated from the modes found: by importance sampling where its weights can be "
        "trusted, by AIS elsewhere.",
    ),
    "elbo_star": (
        "L[q*]",
        "The ELBO of the best member of the analysed family, fitted to each datapoint on its own.",
    ),
    "elbo": ("L[q]", "The ELBO with the encoder's own q(z|x): the bound that training maximises."),
    "mode_gap": (
        "Mode gap",
        "The part of the amortization gap that the encoder's choice of mode costs: where a fit from another start "
        "ended higher than the fit from the encoder's q, the difference; zero elsewhere.",
    ),
    "optimality_gap": (
        "Left to gain on L[q*]",
        "How far the fitted q* still is from the best of its family, estimated on fresh noise. Whatever is left is "
        "counted to the approximation gap and missing from the amortization gap.",
    ),
    "iwae": ("IWAE", "The importance-weighted bound with draws from the encoder's q: never below the ELBO on average."),
    "pooled": (
        "Importance sampling",
        "The estimate of log p(x) with draws from all modes found and from the encoder's q together.",
    ),
    "ais": (
        "AIS",
        "The estimate of log p(x) by annealed importance sampling. A mean over few datapoints (see the number used) "
        "is that of the hard ones and not comparable with the other rows.",
    ),
}

# By the part of the name before the further encoder's own.
_ENCODERS = {
    "elbo": (
        "L[q] of the encoder {}",
        "The ELBO with q(z|x) of the further encoder {}, with the analysed model's decoder and on the noise of L[q].",
    ),
    "gain": (
        "Gain of the encoder {}",
        "L[q] of the encoder {} minus L[q]: so much of the amortization gap that encoder closes.",
    ),
    "left": (
        "Left by the encoder {}",
        "L[q*] minus L[q] of the encoder {}: so much of the amortization gap it leaves. With its gain it makes up the "
        "amortization gap.",
    ),
}

FAMILIES = {
    "mean_field": "factorised Gaussian",
    "full_rank": "Gaussian with full covariance",
    "low_rank": "low-rank plus diagonal Gaussian",
    "flow": "coupling flow",
    "auxiliary": "auxiliary-variable flow",
    "mixture": "mixture of Gaussians",
}

GENERALISATION = (
    "Amortization gap of the first split minus that of the other; above 0, the encoder loses more on the first split."
)

UNKNOWN_STATUS = ("This version of the report does not know the word.", "Make the report with a newer gapkit.")

TABLE_NOTE = (
    "The mean is over the datapoints used. The Monte Carlo error says how much it would change with another seed, the "
    "error over datapoints how much with other data of the same kind. The 95% interval is that of the mean."
)

CLASSES_NOTE = (
    "How to read: each row has the mean gaps of the datapoints of one class, the class with the largest mean total gap "
    "first. Where the 95% intervals of two classes overlap, their order may be chance."
)

LOCAL_STEPS = (
    "A share is the mean gain divided by the mean amortization gap. It may exceed 100% where local steps find what the "
    "fit of q* missed, and fall where steps are too long for a posterior; nothing is clipped."
)

# Term, words, symbols as text, symbols as typst mathematics.
DEFINITIONS = (
    (
        "nat",
        "The unit of all numbers here: a log-likelihood with the natural logarithm. 1 nat is about 1.44 bits.",
        "",
        "",
    ),
    ("q(z|x), q", "The encoder's answer for a datapoint x: a distribution over the latent z.", "", ""),
    (
        "ELBO, L[q]",
        "The evidence lower bound: the mean, over z drawn from q, of log p(x, z) minus log q(z|x). It equals log p(x) "
        "minus the Kullback-Leibler divergence from q to the true posterior, so it never exceeds log p(x).",
        "L[q] = E_q[log p(x, z) - log q(z|x)] = log p(x) - KL(q(z|x) || p(z|x))",
        'cal(L)[q] = EE_q [log p(x, z) - log q(z|x)] = log p(x) - "KL"(q(z|x) || p(z|x))',
    ),
    (
        "q*, L[q*]",
        "The member of the posterior family with the highest ELBO for one datapoint, found by local optimisation from "
        "several starts, and its ELBO. No encoder is involved.",
        "L[q*] = max over q in the family of L[q]",
        "cal(L)[q^*] = max_(q in cal(Q)) cal(L)[q]",
    ),
    (
        "log p(x)",
        "The logarithm of the probability that the model gives to x, with z integrated out. It cannot be computed "
        "exactly; it is estimated from below, so the true approximation gap is, if anything, a little larger.",
        "log p(x) = log of the integral of p(x|z) p(z) over z",
        "log p(x) = log integral p(x|z) p(z) dif z",
    ),
    (
        "Hard posteriors",
        "Handled: several modes, also alike ones, far and narrow posteriors, heavy tails, bent ones of few latents, "
        "priors of several components. Only noticed, by a status: weights that stay heavy (evidence_weak), modes that "
        "keep turning up, or parts of the posterior that simulated data show to be missed (modes_unseen). Neither: a "
        "narrow mode of a datapoint unlike the model's own, which no start and no particle comes near. The project's "
        "benchmark page lists the models with exact values on which this was measured.",
        "",
        "",
    ),
    (
        "IWAE",
        "The logarithm of the mean importance weight p(x, z) / q(z|x) over k draws from q. With one draw it is the "
        "ELBO on average; it rises towards log p(x) as k grows.",
        "IWAE_k = E[log (1/k) sum_i p(x, z_i) / q(z_i|x)]",
        'cal(L)_k = EE [log 1/k sum_(i=1)^k p(x, z_i) / q(z_i|x)] "with" z_1, dots, z_k tilde q',
    ),
    (
        "AIS",
        "Annealed importance sampling: chains move from a proposal to the posterior through intermediate distributions "
        "and collect an importance weight on the way; the logarithm of the mean weight estimates log p(x).",
        "log p_t(z) = (1 - t) log q(z) + t log p(x, z), t from 0 to 1",
        "log p_t (z) = (1 - t) log q(z) + t log p(x, z), quad t in [0, 1]",
    ),
    (
        "Approximation gap",
        "The price of the posterior family. A richer family lowers it.",
        "log p(x) - L[q*]",
        "log p(x) - cal(L)[q^*]",
    ),
    (
        "Amortization gap",
        "The price of the encoder. A better encoder lowers it.",
        "L[q*] - L[q]",
        "cal(L)[q^*] - cal(L)[q]",
    ),
    ("Total gap", "The sum of the two.", "log p(x) - L[q]", "log p(x) - cal(L)[q]"),
    (
        "Monte Carlo error",
        "Standard error of a mean from sampling noise alone: how much it would change with another seed.",
        "",
        "",
    ),
    (
        "Error over datapoints",
        "Standard error of a mean over datapoints: how much it would change with other data of the same kind. It "
        "includes the sampling noise. The number after ± in the sentences at the top is this, and for the two "
        "gaps what "
        "the fits of q* may have left is added, which no number of datapoints averages out.",
        "",
        "",
    ),
    (
        "95% interval",
        "Where the mean over all data of this kind lies with 95% confidence, by the empirical likelihood of the "
        "datapoints. Fewer than 10 of them are too few: their range, from the smallest to the largest value, is told "
        "instead.",
        "",
        "",
    ),
)


def describe(name: str) -> tuple[str, str]:
    """Label and meaning of a quantity of the summary, also of a further family's or a further encoder's.

    Example:
        >>> describe("elbo_star_flow")[0], describe("gain_refit")[0]
        ('L[q*], flow', 'Gain of the encoder refit')
    """
    for family, words in FAMILIES.items():
        if name == f"elbo_star_{family}":
            return f"L[q*], {family.replace('_', ' ')}", f"The ELBO of the best {words} for each datapoint, no encoder."
        if name == f"approximation_gap_{family}":
            meaning = f"log p(x) minus that: what even the best {words} cannot reach."
            return f"Approximation gap, {family.replace('_', ' ')}", meaning
    if name in QUANTITIES:
        return QUANTITIES[name]
    kind, _, encoder = name.partition("_")
    if encoder and kind in _ENCODERS:
        label, meaning = _ENCODERS[kind]
        return label.format(encoder), meaning.format(encoder)
    return name, ""


def in_order(names: Iterable[str]) -> list[str]:
    """Quantities in the order of the table.

    Those of further families stand before L[q*]; of further encoders, what they gain and leave stands after the
    amortization gap, which it adds up to, and their L[q] before that of the analysed one.

    Example:
        >>> in_order(["elbo", "elbo_star_flow", "elbo_star", "total_gap"])
        ['total_gap', 'elbo_star_flow', 'elbo_star', 'elbo']
        >>> in_order(["elbo", "elbo_refit", "gain_refit", "left_refit", "amortization_gap", "log_px"])
        ['amortization_gap', 'gain_refit', 'left_refit', 'log_px', 'elbo_refit', 'elbo']
    """
    return sorted(names, key=_place)


def _place(name: str) -> float:
    fixed = list(QUANTITIES)
    if name in QUANTITIES:
        return fixed.index(name)
    if name.startswith(("gain_", "left_")):
        return fixed.index("amortization_gap") + 0.5
    if name.startswith("elbo_") and not name.startswith("elbo_star_"):
        return fixed.index("elbo") - 0.5
    return fixed.index("elbo_star") - 0.5
