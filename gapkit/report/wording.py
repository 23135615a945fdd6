"""The words of the report: what every number, status and term means, in plain English."""

__all__ = [
    "CLASSES_NOTE",
    "DEFINITIONS",
    "GENERALISATION",
    "LOCAL_STEPS",
    "TABLE_NOTE",
    "UNKNOWN_STATUS",
]

GENERALISATION = (
    "Amortization gap of the first split minus that of the other; above 0, the encoder loses more on the first split."
)

UNKNOWN_STATUS = ("This version of the report does not know the word.", "Make the report with a newer gapkit.")

TABLE_NOTE = "Means are over the datapoints used; the errors are defined below."

CLASSES_NOTE = (
    "The class with the largest mean total gap is first. Where 95% intervals overlap, the order may be chance."
)

LOCAL_STEPS = (
    "A share is the mean gain divided by the mean amortization gap. It may exceed 100% where local steps find what the "
    "fit of q* missed, and fall where steps are too long for a posterior; nothing is clipped."
)

# Term, words, symbols as text, symbols as typst mathematics.
DEFINITIONS = (
    (
        "nat",
        "The unit of all numbers here: a natural logarithm; about 1.44 bits.",
        "",
        "",
    ),
    ("q(z|x), q", "The encoder's answer for a datapoint x: a distribution over the latent z.", "", ""),
    (
        "ELBO, L[q]",
        "The evidence lower bound: log p(x) minus the Kullback-Leibler divergence from q to the true posterior.",
        "L[q] = E_q[log p(x, z) - log q(z|x)] = log p(x) - KL(q(z|x) || p(z|x))",
        'cal(L)[q] = EE_q [log p(x, z) - log q(z|x)] = log p(x) - "KL"(q(z|x) || p(z|x))',
    ),
    (
        "q*, L[q*]",
        "The member of the posterior family with the highest ELBO for one datapoint, found by local optimisation, and "
        "its ELBO. No encoder is involved.",
        "L[q*] = max over q in the family of L[q]",
        "cal(L)[q^*] = max_(q in cal(Q)) cal(L)[q]",
    ),
    (
        "log p(x)",
        "What the model gives to x, with z integrated out. It is estimated from below, so that the true approximation "
        "gap is, if anything, a little larger.",
        "log p(x) = log of the integral of p(x|z) p(z) over z",
        "log p(x) = log integral p(x|z) p(z) dif z",
    ),
    (
        "Hard posteriors",
        "Handled: several modes, far and narrow ones, heavy tails, bent posteriors of few latents. Noticed, by a "
        "status: weights that stay heavy (evidence_weak), parts that simulated data show to be missed (modes_unseen). "
        "Neither: a narrow mode of a datapoint unlike the model's own, which no start comes near.",
        "",
        "",
    ),
    (
        "IWAE",
        "The logarithm of the mean importance weight over k draws from q: the ELBO with one, log p(x) as k grows.",
        "IWAE_k = E[log (1/k) sum_i p(x, z_i) / q(z_i|x)]",
        'cal(L)_k = EE [log 1/k sum_(i=1)^k p(x, z_i) / q(z_i|x)] "with" z_1, dots, z_k tilde q',
    ),
    (
        "AIS",
        "Annealed importance sampling: chains move from a proposal to the posterior and collect an importance weight, "
        "the logarithm of whose mean estimates log p(x).",
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
        "Standard error from sampling noise alone: how much a mean would change with another seed.",
        "",
        "",
    ),
    (
        "Error over datapoints",
        "How much a mean would change with other data of the same kind, noise included: the number after ±; for the "
        "two gaps what the fits of q* may have left is added.",
        "",
        "",
    ),
    (
        "95% interval",
        "Where the mean over all data of this kind lies, by empirical likelihood. Of fewer than 10 datapoints the "
        "range is told instead.",
        "",
        "",
    ),
)
