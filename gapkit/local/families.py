"""The families that q* can be fitted in, from small to large: a family that begins at another's optimum comes later."""

from gapkit.local.fitter import Fitter
from gapkit.local.flows import AuxiliaryFitter, FlowFitter
from gapkit.local.gaussian import FullRankFitter, MeanFieldFitter
from gapkit.local.low_rank import LowRankFitter
from gapkit.local.mixture import MixtureFitter

__all__ = ["FAMILIES", "FITTERS"]

FITTERS: dict[str, Fitter] = {
    "mean_field": MeanFieldFitter(),
    "full_rank": FullRankFitter(),
    "low_rank": LowRankFitter(),
    "flow": FlowFitter(),
    "auxiliary": AuxiliaryFitter(),
    "mixture": MixtureFitter(),
}
FAMILIES = tuple(FITTERS)
