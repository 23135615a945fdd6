"""The words of the report: what every number, status and term means, in plain English."""

from collections.abc import Iterable

__all__ = [
    "AIS_CONVERGENCE_CAPTION",
    "BARS_CAPTION",
    "CERTIFICATE_CAPTION",
    "CLASSES_CAPTION",
    "CLASSES_NOTE",
    "CONTOURS_CAPTION",
    "DEFINITIONS",
    "DISTRIBUTIONS_CAPTION",
    "FAMILIES",
    "FIT_CONVERGENCE_CAPTION",
    "GALLERY_CAPTION",
    "GENERALISATION",
    "IWAE_CURVE_CAPTION",
    "LADDER_CAPTION",
    "LATENTS_CAPTION",
    "LOCAL_STEPS",
    "LOCAL_STEPS_CAPTION",
    "QUANTITIES",
    "SANDWICH_CAPTION",
    "SCATTER_CAPTION",
    "SIMULATED_CAPTION",
    "TABLE_NOTE",
    "UNKNOWN_STATUS",
    "WEIGHTS_CAPTION",
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

LADDER_CAPTION = (
    "How to read: each black dot is a mean bound on log p(x) in nats, further right is better. L[q] is the bound of "
    "the encoder's answer q, L[q*] that of the best member q* of the family for each datapoint; a ring is the bound "
    "of a further family, for comparison only. The bars between the dots are the gaps, with their mean +- standard "
    "error; the whisker across the end of a bar is the 95% interval of that gap and of nothing else. The dots have no "
    "whiskers on purpose: datapoints differ in their level far more than in their gaps, so such whiskers would make "
    "the gaps look uncertain when they are not. All of this is over the datapoints whose gaps are finite."
)

SCATTER_CAPTION = (
    "How to read: each point is a datapoint. Above the dashed line of equal gaps the encoder loses more than the "
    "posterior family; below it, the family loses more. Colour tells how log p(x) was estimated, triangles have a "
    "status other than ok (the table of statuses says what to do), and the numbers are the indices of the three "
    "largest total gaps. The histograms above and beside show how each gap is spread; their bars have a least height, "
    "so that single datapoints are seen."
)

CLASSES_NOTE = (
    "How to read: each row has the mean gaps of the datapoints of one class, the class with the largest mean total gap "
    "first. Where the 95% intervals of two classes overlap, their order may be chance."
)

CLASSES_CAPTION = (
    "How to read: each line is a class, with the number of its datapoints; the class with the largest mean total gap "
    "stands on top. The orange dot is its mean amortization gap, what the encoder loses; the blue square its mean "
    "approximation gap, what the posterior family loses; the lines through them are 95% intervals. A class whose "
    "orange line lies right of the dashed orange one is harder for the encoder than most."
)

BARS_CAPTION = (
    "How to read: each bar is one split. Its blue part is the mean approximation gap, what the posterior family loses; "
    "its orange part the mean amortization gap, what the encoder loses; together they are the total gap. The whisker "
    "at the end of a part is the 95% interval of that mean, from differences within each datapoint; the numbers above "
    "have their standard errors over datapoints. An encoder that knows its training data by heart has a longer orange "
    "part on other data. A gap below zero goes to the left, and a diamond then marks the total."
)

DISTRIBUTIONS_CAPTION = (
    "How to read: a curve gives, for every number of nats on the axis below, the share of the datapoints whose gap is "
    "at most that large. The further right a curve, the larger the gaps; a curve that comes to 100% slowly has a tail "
    "of hard datapoints. The dots are the medians, which are below the means where there is such a tail and need not "
    "add up. What lies to the left of zero is noise of the estimates, or a datapoint whose status says why."
)

WEIGHTS_CAPTION = (
    "How to read: an estimate by importance weights is sound unless a few weights outweigh all others, and the Pareto "
    "k-hat of a datapoint measures that. Below the threshold (dashed; a grey band where datapoints had different "
    "numbers of draws) its estimate and error can be trusted, above it they cannot. The first panel is the estimate "
    "of log p(x), with draws from all modes that the fits found; where it cannot be trusted, AIS was run instead. The "
    "second is the importance-weighted bound (IWAE) with draws from the encoder's q alone. The third tells how many "
    "independent draws those are worth, as a share of their number; its colours are those of the second, because "
    "k-hat judges by the largest weights and not by that share."
)

SANDWICH_CAPTION = (
    "How to read: each place along the axis is a datapoint that AIS (annealed importance sampling) was run for, in "
    "the order of the distance between its two marks. The filled dot is the estimate of AIS, a lower bound; the ring "
    "is an approximate upper bound, from chains sent back from where AIS ended; both in nats above the reported log "
    "p(x), with two standard errors. On the control subset the reported value is that of importance sampling, so that "
    "a dot near zero says that two routes agree; where importance sampling fell short, the reported value is AIS "
    "itself and the dot zero by definition. A ring close to its dot says that the chains have converged, but not that "
    "they saw every mode: one that all chains missed is missing in both. A ring below its dot is noise. The strip "
    "below is the share of moves that the chains accepted; the dashed line is the share aimed for."
)

SIMULATED_CAPTION = (
    "How to read: each place along the axis is a datapoint that the model itself has made up, so that a true draw "
    "from its posterior is known. The dot is the distance between two bounds on its log p(x): the upper one, from "
    "chains that begin at the true draw and run backwards, minus the lower one, from AIS with the settings of this "
    "analysis; the line through it is two standard errors. The mean (dashed) says how close AIS comes to the truth on "
    "this model. A single dot below zero is noise, most of it of the upper bound, whose chains all begin at the same "
    "draw; a dot far above zero is a datapoint for which AIS needs more work. The strip below has the share of moves "
    "that both kinds of chains accepted."
)

AIS_CONVERGENCE_CAPTION = (
    "How to read: AIS was run again on a few of the first datapoints, half of them those with the largest total gaps "
    "among these, with fewer and more temperatures than the analysis uses (dotted line). Thin lines are datapoints, "
    "thick ones their means with 95% intervals of the sampling noise, in nats above the reported log p(x). Where both "
    "means stay at zero within their intervals, more work would not change log p(x). Where the orange line still "
    "rises to the right of the dotted one, it would: use a higher --effort."
)

FIT_CONVERGENCE_CAPTION = (
    "How to read: for a few of the first datapoints, half of them those with the largest total gaps among these, how "
    "many nats are left to the reported L[q*] from the encoder's q, from a Gaussian around the best mode that was "
    "found, and from there after more and more steps. Thin lines are datapoints, the thick one is their mean with 95% "
    "intervals of the sampling noise. The last fit is about the reported one, so the curve ends near zero by "
    "definition: look at the step before. If half of the steps leave less than the tolerance (dashed), the fit had "
    "enough of them."
)

CERTIFICATE_CAPTION = (
    "How to read: for each datapoint, how many nats the fitted q* still is from the best of its family, as the "
    "gradient on fresh noise tells, with two standard errors; below zero is noise. A fit has not converged if what is "
    "left exceeds the tolerance (dashed) by two standard errors, or if its error exceeds five times the tolerance. "
    "What is left makes the amortization gap too small, and the approximation gap too large, by as much. Where fits "
    "took different numbers of steps, the strip below has them."
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

LATENTS_CAPTION = (
    "How to read: each bar is the mean Kullback-Leibler divergence, in nats, of q from the prior in one latent "
    "dimension; its whisker is the 95% interval over datapoints. A cross marks a dimension that has collapsed: by "
    "convention, one whose posterior mean has a variance of at most 0.01 over the datapoints, so that it tells the "
    "decoder next to nothing about x. The mean divergence of the whole q is the sum of the mutual information I(x; "
    "z), what z tells about x, and KL(q(z) || p(z)), how far the encodings of all data together are from the prior. "
    "With N datapoints, I(x; z) cannot be estimated beyond log N; near that, the two are not told apart."
)

IWAE_CURVE_CAPTION = (
    "How to read: each point is the mean importance-weighted bound with k draws from the encoder's q; with one draw "
    "it is L[q]. The whisker is the 95% interval of its difference to the last point, not of the bound itself. A "
    "curve that still rises at its end, or ends well below the dashed line of log p(x), says that q and the true "
    "posterior do not match, and that more draws from q would mend it only slowly."
)

GALLERY_CAPTION = (
    "How to read: each column is one of the datapoints with the largest total gaps; above it stand its index and its "
    "amortization gap + approximation gap in nats. Below the datapoint are the mean reconstruction with draws from "
    "the encoder's q, that with draws from the fitted q*, and their difference (orange: q is brighter; blue: q* is "
    "brighter). The last row is the reconstruction from a single draw of the true posterior, by AIS where log p(x) is "
    "its estimate, else by importance resampling; it is sharper than a mean. Where the difference is strong, the "
    "encoder chose the wrong place; where neither reconstruction looks like the data, the decoder cannot make them."
)

CONTOURS_CAPTION = (
    "How to read: each row is a datapoint, the two with the largest total gaps first, then typical ones; the columns "
    "show the true posterior (grey), the encoder's q, and fitted q*, on the same axes. The thick line encloses 50% "
    "and the thin one 95% of a density; the number in a corner says how much of the true posterior lies within the "
    "95% line (95% would be ideal). With more than two latents, the axes are the two directions in which the "
    "posterior is farthest from q, chosen by other draws than those shown, so that q looks worse here than in other "
    "directions. Orange beside the grey is the encoder's fault; blue or green that is centred but of the wrong shape "
    "is the family's."
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
        "includes the sampling noise. This is the number after +- in the sentences at the top.",
        "",
        "",
    ),
    (
        "95% interval",
        "The range in which the mean over all data of this kind lies with 95% confidence, by resampling the "
        "datapoints; for a single datapoint, from its Monte Carlo error alone.",
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
