"""How to read each figure of the report: one line that says it, and what else there is to know."""

from gapkit.report.blocks import Caption

__all__ = [
    "AIS_CONVERGENCE",
    "BARS",
    "CERTIFICATE",
    "CLASSES",
    "CONTOURS",
    "DISTRIBUTIONS",
    "FIT_CONVERGENCE",
    "GALLERY",
    "IWAE_CURVE",
    "LADDER",
    "LATENTS",
    "LOCAL_STEPS",
    "SANDWICH",
    "SCATTER",
    "SIMULATED",
    "WEIGHTS",
]

LADDER = Caption(
    "How to read: each black dot is a mean bound on log p(x), further right is better; the bars between them are "
    "the gaps.",
    "The top dot is log p(x) itself, as far as it can be estimated. L[q] is the bound of the encoder's answer q, "
    "L[q*] that of the best member q* of the family for each datapoint, both in nats; a ring is the bound of a "
    "further family, for comparison only. The gaps have their mean ± standard error, and the whisker across the "
    "end of a bar is the 95% interval of that gap and of nothing else. The dots have no whiskers on purpose: "
    "datapoints differ in their level far more than in their gaps, so such whiskers would make the gaps look "
    "uncertain when they are not. All of this is over the datapoints whose gaps are finite.",
)

SCATTER = Caption(
    "How to read: each point is a datapoint; above the dashed line of equal gaps the encoder loses more than the "
    "family.",
    "Below the line, the posterior family loses more. Colour tells how log p(x) was estimated, triangles have a "
    "status other than ok (the table of statuses says what to do), and the numbers are the indices of the three "
    "largest total gaps. The histograms above and beside show how each gap is spread; their bars have a least "
    "height, so that single datapoints are seen.",
)

CLASSES = Caption(
    "How to read: each line is a class; orange is the mean amortization gap on it, blue the mean approximation gap.",
    "Classes are in the order of their mean total gap, the largest on top; the number in brackets is that of the "
    "datapoints. The lines through the marks are 95% intervals. A class whose orange line lies right of the "
    "dashed orange one is harder for the encoder than the average datapoint; among many classes, one such line "
    "that is barely clear may be chance.",
)

BARS = Caption(
    "How to read: each bar is a split; its blue part is what the posterior family loses, its orange part what the "
    "encoder loses.",
    "The parts are the mean approximation gap and the mean amortization gap; together they are the total gap. The "
    "whisker at the end of a part is the 95% interval of that mean, from differences within each datapoint; the "
    "numbers above have their standard errors over datapoints. An encoder that knows its training data by heart "
    "has a longer orange part on other data. A gap below zero goes to the left, and a diamond then marks the "
    "total.",
)

DISTRIBUTIONS = Caption(
    "How to read: a curve gives, for every number of nats, the share of datapoints whose gap is at most that large.",
    "The further right a curve, the larger the gaps; a curve that comes to 100% slowly has a tail of hard "
    "datapoints. The dots are the medians, which are below the means where there is such a tail and need not add "
    "up. What lies to the left of zero is noise of the estimates, or a datapoint whose status says why.",
)

WEIGHTS = Caption(
    "How to read: green datapoints have importance weights that can be trusted; those of the pink ones are beyond "
    "the threshold.",
    "Such an estimate is sound unless a few weights outweigh all others, and the Pareto k-hat of a datapoint "
    "measures that; the threshold is a dashed line, or a grey band where datapoints had different numbers of "
    "draws. The first panel is the estimate of log p(x), with draws from all modes that the fits found; where it "
    "cannot be trusted, AIS was run instead. The second is the importance-weighted bound (IWAE) with draws from "
    "the encoder's q alone. The third tells how many independent draws those are worth, as a share of their "
    "number; its colours, one upon the other, are those of the second, because k-hat judges by the largest "
    "weights and not by that share.",
)

SANDWICH = Caption(
    "How to read: each place is a datapoint; the closer its ring (upper bound) is to its dot (AIS), the better; "
    "below it, noise.",
    "Annealed importance sampling (AIS) was run for these datapoints; they stand in groups by the reason why, in "
    "each by ring minus dot, and those that needed further rounds of AIS have no ring. The dot is its estimate, a "
    "lower bound; the ring is an approximate upper bound, from chains sent back from where AIS ended; both in "
    "nats above the reported log p(x), with two standard errors. On the control subset the reported value is that "
    "of importance sampling, so that a dot near zero says that two routes agree; where importance sampling fell "
    "short, it is mostly AIS itself and the dot zero by definition. A ring close to its dot says that the chains "
    "have converged, but not that they saw every mode: one that all chains missed is missing in both. The strip "
    "below is the share of moves that the chains accepted; the dashed line is the share aimed for.",
)

SIMULATED = Caption(
    "How to read: each dot is a datapoint made up by the model: upper minus lower bound on its log p(x), near "
    "zero at best.",
    "For such data a true draw from the posterior is known. The upper bound is that of chains which begin at the "
    "true draw and run backwards, the lower one that of AIS with the settings of this analysis; the line through "
    "a dot is two standard errors. Dots below zero are noise, most of it of the upper bound, whose chains all "
    "begin at the same draw; far ones pull the mean down, but hardly the median (dashed). The upper end of the "
    "mean's interval is what AIS may miss on average on this model; a dot far above zero is a datapoint for which "
    "it needs more work. The strip below has the share of moves that both kinds of chains accepted; the dashed "
    "line is the share aimed for.",
)

AIS_CONVERGENCE = Caption(
    "How to read: AIS with other numbers of temperatures; where both thick lines are at zero, more would not help.",
    "AIS was run again on a few of the first datapoints, half of them those with the largest total gaps among "
    "these. The dotted line is the number of the first round of AIS; datapoints that needed it had 2 or 4 times "
    "as many. Thin lines are datapoints, thick ones their means with 95% intervals of the sampling noise, in nats "
    "above the reported log p(x); the grey band is that interval of the reported values themselves, whose noise "
    "moves all points alike. A black line below the orange one is noise, often of one datapoint. Where the orange "
    "line still rises at its end, more work would change log p(x): use a higher --effort.",
)

FIT_CONVERGENCE = Caption(
    "How to read: the distance to L[q*] after more and more steps; after half of them it should be below the "
    "tolerance (dashed).",
    "These are a few of the first datapoints, half of them those with the largest total gaps among these. From "
    "the left: the encoder's q, the start of the steps (a Gaussian around the best mode that was found; for "
    "families beyond Gaussians, the best Gaussian), and fits that go on from there. Thin lines are datapoints, "
    "the thick one is their mean with 95% intervals of the sampling noise, in nats. The reported fit had as many "
    "steps as the last one here, or more where the check in the picture before asked for them: where none did, "
    "the curve ends at zero by definition, so look at the step before.",
)

CERTIFICATE = Caption(
    "How to read: each dot is what the fit of a datapoint may still gain; well above the dashed tolerance, it has "
    "not converged.",
    "This is how many nats q* still is from the best of its family, as the gradient on fresh noise tells, with "
    "two standard errors; below zero is noise. A fit has not converged if what is left exceeds the tolerance by "
    "two standard errors, or if its error exceeds five times the tolerance. What is left makes the amortization "
    "gap too small, and the approximation gap too large, by as much. Where fits took different numbers of steps, "
    "the strip below has them.",
)

LOCAL_STEPS = Caption(
    "How to read: the sooner the curve rises from L[q] to L[q*], the cheaper it is to mend the encoder at test time.",
    "Each point is the mean bound, in nats, after so many local steps on each datapoint's own q, begun at the "
    "encoder's answer; the number at it is the share of the amortization gap that is closed, whose interval is in "
    "the table. The dotted line marks the first point at which 90% of the gap are closed.",
)

LATENTS = Caption(
    "How to read: each bar is how much q uses a latent dimension: its mean divergence from the prior; crosses "
    "have collapsed.",
    "Divergences are in nats, the whisker is the 95% interval over datapoints. A dimension counts as collapsed, "
    "by convention, if its posterior mean has a variance of at most 0.01 over the datapoints, so that it tells "
    "the decoder next to nothing about x. The mean divergence of the whole q is the sum of the mutual information "
    "I(x; z), what z tells about x, and KL(q(z) || p(z)), how far the encodings of all data together are from the "
    "prior. With N datapoints, I(x; z) cannot be estimated beyond log N; near that, the two cannot be distinguished.",
)

IWAE_CURVE = Caption(
    "How to read: the bound with k draws from q; if it still rises at its end, or stays below log p(x), q does "
    "not fit the posterior.",
    "Each point is the mean importance-weighted bound in nats; with one draw it is L[q]. The whisker is the 95% "
    "interval of its difference to the last point, not of the bound itself. What a curve that still rises lacks, "
    "more draws from q would find only slowly.",
)

GALLERY = Caption(
    "How to read: each column is a hard datapoint; colours in q* minus q show where the encoder's q errs from the "
    "best q*.",
    "Above each stand its index and its amortization gap + approximation gap in nats. Below the datapoint are the "
    "mean reconstruction with draws from the encoder's q, that with draws from the fitted q*, and their "
    "difference (orange: q is brighter; blue: q* is brighter; one scale for all columns). The last row is the "
    "reconstruction from a single draw of the true posterior, by AIS where log p(x) is its estimate, else by "
    "importance resampling; not known where the importance weights have collapsed onto one draw. Where neither "
    "reconstruction looks like the data, the decoder cannot make them.",
)

CONTOURS = Caption(
    "How to read: orange beside the grey posterior is the encoder's fault; blue of the wrong shape is the family's.",
    "Each row is a datapoint with its total gap in nats, the two with the largest total gaps first, then typical "
    "ones; the columns show the true posterior (grey), the encoder's q, and fitted q*, on the same axes; green is "
    "a richer family, for comparison. Darker dots are draws that came more than once. The thick line encloses 50% "
    "and the thin one 95% of a density; the number in a corner says how much of the true posterior lies within "
    "the 95% line (95% would be ideal). With more than two latents, the axes are the two directions in which the "
    "posterior is farthest from q, chosen by other draws than those shown, so that q looks worse here than in "
    "other directions. The posterior is not known, and not shown, where the importance weights have collapsed: fewer "
    "than ten of the draws count then.",
)
