"""Training of the reference models, so that there is always something to analyse."""

from gapkit.training.config import TrainConfig
from gapkit.training.loop import EpochReport, TrainResult, train
from gapkit.training.objectives import elbo, iwae

__all__ = ["EpochReport", "TrainConfig", "TrainResult", "elbo", "iwae", "train"]
