"""Likelihoods: what turns the decoder's output into the distribution p(x|z).

Each is a frozen dataclass; calling it with the decoder's output gives an ``Independent`` distribution over every axis
but the first, so that ``log_prob`` has shape (B,) and is in nats.
"""

from gapkit.models.likelihoods.binary import Bernoulli, ContinuousBernoulli, CrossEntropy
from gapkit.models.likelihoods.counts import NegativeBinomial, Poisson
from gapkit.models.likelihoods.discrete import Categorical, DiscretizedLogistic
from gapkit.models.likelihoods.gaussian import Gaussian
from gapkit.models.likelihoods.protocol import Likelihood, Params
from gapkit.models.likelihoods.spec import LIKELIHOODS, parse, spec
from gapkit.models.support import check_support

__all__ = [
    "LIKELIHOODS",
    "Bernoulli",
    "Categorical",
    "ContinuousBernoulli",
    "CrossEntropy",
    "DiscretizedLogistic",
    "Gaussian",
    "Likelihood",
    "NegativeBinomial",
    "Params",
    "Poisson",
    "check_support",
    "parse",
    "spec",
]
