"""How to read each figure of the report: one line that says it, and what else one must know.

Whatever a figure shows beyond that is told by the docstring of its plot, and in the gallery of the documentation.
"""

from gapkit.report.blocks import Caption

__all__ = [
    "AGGREGATE",
    "AIS_CONVERGENCE",
    "BARS",
    "BITS",
    "CERTIFICATE",
    "CLASSES",
    "CONTOURS",
    "DISTRIBUTIONS",
    "FIT_CONVERGENCE",
    "GALLERY",
    "IWAE_CURVE",
    "LADDER",
    "LATENTS",
    "LATENT_CORRELATIONS",
    "LOCAL_STEPS",
    "RELIABILITY",
    "SAMPLES",
    "SANDWICH",
    "SCATTER",
    "SIMULATED",
    "WEIGHTS",
]

LADDER = Caption(
    "How to read: L[q] is the encoder's bound, L[q*] that of the best q of its family; rings are other families. Bars "
    "are the gaps.",
    "Dots are means over datapoints, further right is better. Whiskers are 95% intervals of the gaps alone, with what "
    "fits may have left: datapoints differ far more in their level, so that dots have none on purpose.",
)

SCATTER = Caption(
    "How to read: each point is a datapoint; above the dashed line the encoder loses more, below it the family.",
    "Colour tells how log p(x) was estimated; triangles have a status other than ok; numbers are the indices of the "
    "largest gaps. Ticks under the histograms are single datapoints.",
)

CLASSES = Caption(
    "How to read: orange is what the encoder loses on each class, blue what the family loses.",
    "Lines are 95% intervals; of many classes, one that is barely apart from the mean of all (dashed) may be chance.",
)

BARS = Caption(
    "How to read: blue is what the family loses on each split, orange what the encoder loses.",
    "An encoder that knows its training data by heart has a longer orange part on other data. Whiskers are 95% "
    "intervals, numbers have standard errors; a diamond marks the total where a gap is below zero.",
)

DISTRIBUTIONS = Caption(
    "How to read: the share of datapoints whose gap is at most so many nats; a curve that rises late has hard ones.",
    "Dots are medians, which need not add up. What is below zero is noise, or has a status that says why.",
)

WEIGHTS = Caption(
    "How to read: importance weights can be trusted where they are green; pink ones are beyond the k-hat threshold.",
    "First the weights behind log p(x), where AIS takes over from the pink ones, then those of draws from the "
    "encoder's q; last, how many independent draws these are worth.",
)

SANDWICH = Caption(
    "How to read: a dot is AIS, a lower bound; the closer its ring (an upper bound) the better; a ring below is noise.",
    "Bounds are in nats above the reported log p(x), with two standard errors. Close rings say that the chains "
    "converged, not that they saw every mode. The strip has their acceptance rates, and the rate aimed for (dashed).",
)

SIMULATED = Caption(
    "How to read: upper minus lower bound on log p(x) of data made by the model, near zero at best; below it is noise.",
    "Here a posterior draw is known, so that both are bounds. The upper end of the mean's interval is what AIS may "
    "miss on average; a dot far above zero needs more work. The strip has the acceptance rates.",
)

AIS_CONVERGENCE = Caption(
    "How to read: AIS with other numbers of temperatures; where both thick lines are at zero, more would not help.",
    "Thin lines are datapoints, thick ones means with 95% intervals of sampling noise; the grey band is the noise of "
    "the reported values. Where orange still rises, use a higher --effort.",
)

FIT_CONVERGENCE = Caption(
    "How to read: the distance to L[q*] by steps; after half of them it should be below the tolerance (dashed).",
    "Thin lines are datapoints, half of them hard ones; the thick one is their mean with 95% intervals. At the last "
    "step it is zero by definition where no fit took more.",
)

CERTIFICATE = Caption(
    "How to read: what each fit may still gain; one that is clearly above the dashed tolerance has not converged.",
    "From the gradient on fresh noise, with two standard errors. What is left makes the amortization gap too small and "
    "the approximation gap too large by as much.",
)

LOCAL_STEPS = Caption(
    "How to read: the sooner the curve rises from L[q] to L[q*], the cheaper it is to mend the encoder at test time.",
    "Numbers are shares of the amortization gap that are closed; the dotted line marks 90%.",
)

LATENTS = Caption(
    "How to read: how much q uses each latent dimension: its divergence from the prior; crosses have collapsed.",
    "Collapsed are dimensions whose posterior means have a variance of at most 0.01. The mean divergence of q is "
    "I(x; z), which N datapoints show up to log N, plus KL(q(z) || p(z)).",
)

IWAE_CURVE = Caption(
    "How to read: the bound with k draws from q; one that still rises, or stays below log p(x), does not fit.",
    "Whiskers are 95% intervals of the difference to the last point.",
)

GALLERY = Caption(
    "How to read: each column is a hard datapoint; colours show where the encoder's q errs from the best q*.",
    "Above are its amortization + approximation gap. A posterior sample is not known where importance weights have "
    "collapsed. Where neither reconstruction looks like the data, the decoder "
    "cannot make them.",
)

CONTOURS = Caption(
    "How to read: orange beside the grey posterior is the encoder's fault; blue of the wrong shape is the family's.",
    "Lines hold 50% and 95% of a density; the number is how much of the posterior lies within 95%. Beyond two latents "
    "the plane is the one where q is farthest off, so that it looks worse than elsewhere. Where importance weights "
    "have collapsed, the posterior is not known.",
)

SAMPLES = Caption(
    "How to read: where reconstructions (under q) look like the data and samples do not, the prior draws latents that "
    "no datapoint has.",
    "Pictures are means of p(x|z).",
)

AGGREGATE = Caption(
    "How to read: orange is where data are encoded, grey where samples start; where they part, samples are poor.",
    "q(z) is the mean of q(z|x) over the data. Lines hold half and 95% of the draws; at the right are quartiles.",
)

LATENT_CORRELATIONS = Caption(
    "How to read: colours are latents that go together in the data; samples of independent latents do not.",
)

BITS = Caption(
    "How to read: the further left the better; dashed lines are simple models of the same data.",
    "-log p(x), or a bound in its place, over D log 2. Of continuous data it depends on their scale.",
)

RELIABILITY = Caption(
    "How to read: below the grey band the claimed errors of log p(x) are too small.",
    "Of the difference between importance sampling and AIS, which share no noise; the band takes errors as normal.",
)
