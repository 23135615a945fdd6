"""The words of the report of scores: what every score, number and figure means, in plain English."""

from gapkit.report.blocks import Caption

__all__ = [
    "ALARMS_NOTE",
    "CAVEAT",
    "MEANINGS",
    "ONE_SET",
    "ROC_CAPTION",
    "SCORE_DEFINITIONS",
    "SPREAD_NOTE",
    "TABLE_NOTE",
    "TWO_SETS",
]

MEANINGS = {
    "regret": (
        "L[q*] minus L[q], the amortization gap: what the encoder loses on this datapoint against the best q for it."
    ),
    "total_gap": "log p(x) minus L[q]: likelihood regret and approximation gap together.",
    "negative_elbo": "Minus L[q], the bound that training maximises: a cheap stand-in for minus log p(x).",
    "negative_log_px": "Minus log p(x): large for data that the model gives little probability.",
    "input_complexity": (
        "Minus log p(x), minus the length of the datapoint after a general compressor (PNG): plain images are probable "
        "under many models, and this takes that out."
    ),
}

ROC_CAPTION = Caption(
    "How to read: each curve belongs to a score; the nearer it comes to the upper left corner, the better.",
    "A datapoint counts as unusual when its score is above a threshold (likelihood regret is the amortization gap of a "
    "datapoint; the table below says what the other scores are). The lower that is, the larger the share of the other "
    "set that is found (upwards), but also the share of the reference that is found by mistake (to the right). On the "
    "dashed diagonal a score does no better than chance, below it worse. The area under a curve says it in one number, "
    "with its 95% interval. The ring on the curve of likelihood regret is the threshold that finds 95% of the other "
    "set.",
)

_GATHERED = (
    "Each panel is one score, and heights are shares of a set. Values far out, more than three interquartile ranges "
    "beyond the middle half of a set, are gathered in the outermost bars."
)
TWO_SETS = Caption(
    "How to read: grey is the reference, the orange line the other set; the less they overlap, the better the score.",
    _GATHERED + " The more unusual datapoints are to the right.",
)
ONE_SET = Caption(
    "How to read: each panel shows how one score is spread over the datapoints, the more unusual ones to the right.",
    _GATHERED + " Which of them are too far to the right only a reference can say.",
)

TABLE_NOTE = (
    "The area under the ROC curve (AUC) is how often a datapoint of the other set has the larger score than one of the "
    "reference, ties counted half: 0.5 is chance, 1 separates the two sets wholly. The lead is the AUC of the first "
    "row minus this one, on the same datapoints."
)

ALARMS_NOTE = (
    "Each score has a threshold that finds 95% of the other set; the share of the reference above it is found as well, "
    "by mistake. Used are the datapoints that have the score."
)

CAVEAT = (
    "The intervals say how much these numbers would change with other datapoints of the same two sets. They say "
    "nothing about other data sets: a score that finds these data may miss others."
)

SPREAD_NOTE = "Over finite values; score.json has how many are left out."

# Term, words, symbols as text, symbols as typst mathematics.
SCORE_DEFINITIONS = (
    (
        "Likelihood regret",
        "How much the bound of one datapoint rises when q is fitted to it alone, instead of being the encoder's "
        "answer: the amortization gap. Published by Xiao, Yan and Amit (2020), arxiv.org/abs/2003.02977. Their code "
        "fine-tunes a copy of the encoder on the datapoint for 100 steps and compares importance-weighted bounds; here "
        "q* itself is fitted, until a certificate says that little is left to gain, and the bounds compared are those "
        "of the definition.",
        "L[q*] - L[q]",
        "cal(L)[q^*] - cal(L)[q]",
    ),
    (
        "Total gap",
        "Likelihood regret and approximation gap together.",
        "log p(x) - L[q]",
        "log p(x) - cal(L)[q]",
    ),
    (
        "Input complexity",
        "Minus log p(x), corrected by how well a general compressor shortens the datapoint. Published by Serra and "
        "others (2020), arxiv.org/abs/1909.11480. The compressor here is PNG, by the length of the whole file; images "
        "of zeros and ones are written with one bit for each pixel, others with eight for each channel. What is the "
        "same for all images (the file's header, the step from densities to grey levels) does not change the order.",
        "-log p(x) - 8 ln 2 (bytes of the PNG file)",
        '-log p(x) - 8 (ln 2) thin "bytes"_"PNG" (x)',
    ),
    (
        "AUC",
        "The area under the ROC curve: the share of pairs, one datapoint of each set, in which that of the other set "
        "has the larger score. Its interval is DeLong's on the logit scale, widened to Newcombe's where the sets "
        "hardly overlap. Both sets count as independent samples.",
        "AUC = P(s(other) > s(reference)) + P(s(other) = s(reference)) / 2",
        '"AUC" = P(s_"other" > s_"reference") + 1/2 P(s_"other" = s_"reference")',
    ),
    (
        "Found as well",
        "The false positive rate at 95% true positives, the other set being the positives. Its interval is by "
        "bootstrap over the datapoints of both sets, widened to Wilson's at that threshold.",
        "",
        "",
    ),
    (
        "Reference",
        "Data of the kind that the model was trained on, but not the training data themselves: an encoder serves the "
        "data it has seen better than others of their kind.",
        "",
        "",
    ),
)
