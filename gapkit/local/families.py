"""The families that q* can be fitted in, from small to large: a family that begins at another's optimum comes later."""

from gapkit.families import GroupedGaussian, LogGamma, LogitBeta, LogRatioDirichlet, LogWeibull
from gapkit.local.fitter import Fitter
from gapkit.local.flows import AuxiliaryFitter, FlowFitter
from gapkit.local.gaussian import FullRankFitter, MeanFieldFitter
from gapkit.local.gradient_fitter import GradientFitter
from gapkit.local.low_rank import LowRankFitter
from gapkit.local.mixture import MixtureFitter

__all__ = ["BUILT_IN", "FAMILIES", "FITTERS"]

FITTERS: dict[str, Fitter] = {
    "mean_field": MeanFieldFitter(),
    "full_rank": FullRankFitter(),
    "low_rank": LowRankFitter(),
    "flow": FlowFitter(),
    "auxiliary": AuxiliaryFitter(),
    "mixture": MixtureFitter(),
}
FAMILIES = tuple(FITTERS)  # mean-field lies within each of them
# Classes that say themselves what they are called, and are fitted by path gradients.
_BY_GRADIENTS = (LogGamma, LogitBeta, LogRatioDirichlet, LogWeibull, GroupedGaussian)
FITTERS |= {kind.family: GradientFitter(kind) for kind in _BY_GRADIENTS}
BUILT_IN = tuple(FITTERS)
