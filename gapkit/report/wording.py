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
