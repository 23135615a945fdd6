"""Training of the reference models, so that there is always something to analyse, and of another encoder for any."""

from gapkit.training.config import TrainConfig
from gapkit.training.loop import EpochReport, TrainResult, train
from gapkit.training.objectives import elbo, iwae
from gapkit.training.refit import Refit, refit
from gapkit.training.refit_config import RefitConfig

__all__ = ["EpochReport", "Refit", "RefitConfig", "TrainConfig", "TrainResult", "elbo", "iwae", "refit", "train"]
