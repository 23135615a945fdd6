"""Training of the reference models, so that there is always something to analyse, and of another encoder for any."""

from gapkit.training.compare_encoders import EncoderComparison, compare_encoders
from gapkit.training.config import TrainConfig
from gapkit.training.loop import EpochReport, TrainResult, train
from gapkit.training.objectives import elbo, iwae
from gapkit.training.refit import Refit, refit
from gapkit.training.refit_config import RefitConfig

__all__ = [
    "EncoderComparison",
    "EpochReport",
    "Refit",
    "RefitConfig",
    "TrainConfig",
    "TrainResult",
    "compare_encoders",
    "elbo",
    "iwae",
    "refit",
    "train",
]
