"""The words of the report: what every number, status and term means, in plain English."""

from collections.abc import Iterable

__all__ = [
    "DEFINITIONS",
    "FAMILIES",
    "GENERALISATION",
    "LADDER_CAPTION",
    "LOCAL_STEPS",
    "LOCAL_STEPS_CAPTION",
    "QUANTITIES",
    "SCATTER_CAPTION",
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

LADDER_CAPTION = (
    "How to read: each dot is a mean bound on log p(x) in nats, further right is better. The bars between the dots are "
    "the gaps; the whisker across the end of a bar is the 95% interval of that gap. The dots have no whiskers on "
    "purpose: datapoints differ in their level far more than in their gaps, so such whiskers would make the gaps look "
    "uncertain when they are not. All of this is over the datapoints whose gaps are finite."
)

SCATTER_CAPTION = (
    "How to read: each point is a datapoint. Above the dashed line of equal gaps the encoder loses more than the "
    "posterior family; below it, the family loses more. Colour tells how log p(x) was estimated, triangles have a "
    "status to mind, and the numbers are the indices of the three largest total gaps."
)

LOCAL_STEPS_CAPTION = (
    "How to read: each point is the mean bound after so many local steps on each datapoint's own q, begun at the "
    "encoder's answer; the sooner the curve rises from the dashed line of L[q] to that of L[q*], the cheaper it is to "
    "mend the encoder at test time. The whiskers are 95% intervals of the gain over datapoints, and the gap has one as "
    "wide: how much of it is closed is told by the shares below. The dotted line marks the first point at 90%."
)

LOCAL_STEPS = (
    "A share is the mean gain divided by the mean amortization gap. It may exceed 100% where local steps find what the "
    "fit of q* missed, and fall where steps are too long for a posterior; nothing is clipped."
)

DEFINITIONS = (
    ("nat", "The unit of all numbers here: a log-likelihood with the natural logarithm. 1 nat is about 1.44 bits."),
    ("q(z|x), q", "The encoder's answer for a datapoint x: a distribution over the latent z."),
    (
        "ELBO, L[q]",
        "The evidence lower bound: the mean, over z drawn from q, of log p(x, z) minus log q(z|x). It equals log p(x) "
        "minus the Kullback-Leibler divergence from q to the true posterior, so it never exceeds log p(x).",
    ),
    (
        "q*, L[q*]",
        "The member of the posterior family with the highest ELBO for one datapoint, found by local optimisation from "
        "several starts, and its ELBO. No encoder is involved.",
    ),
    (
        "log p(x)",
        "The logarithm of the probability that the model gives to x, with z integrated out. It cannot be computed "
        "exactly; it is estimated from below, so the true approximation gap is, if anything, a little larger.",
    ),
    (
        "IWAE",
        "The logarithm of the mean importance weight p(x, z) / q(z|x) over k draws from q. With one draw it is the "
        "ELBO on average; it rises towards log p(x) as k grows.",
    ),
    (
        "AIS",
        "Annealed importance sampling: chains move from a proposal to the posterior through intermediate distributions "
        "and collect an importance weight on the way; the logarithm of the mean weight estimates log p(x).",
    ),
    ("Approximation gap", "log p(x) minus L[q*]: the price of the posterior family. A richer family lowers it."),
    ("Amortization gap", "L[q*] minus L[q]: the price of the encoder. A better encoder lowers it."),
    ("Total gap", "log p(x) minus L[q]: the sum of the two."),
    (
        "Monte Carlo error",
        "Standard error of a mean from sampling noise alone: how much it would change with another seed.",
    ),
    (
        "Error over datapoints",
        "Standard error of a mean over datapoints: how much it would change with other data of the same kind. It "
        "includes the sampling noise. This is the number after +- in the sentences at the top.",
    ),
    (
        "95% interval",
        "The range in which the mean over all data of this kind lies with 95% confidence, by resampling the "
        "datapoints; for a single datapoint, from its Monte Carlo error alone.",
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
