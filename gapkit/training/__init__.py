"""Training of the reference models, so that there is always something to analyse, and of another encoder for any."""

from gapkit.training.compare_encoders import EncoderComparison, compare_encoders
from gapkit.training.config import TrainConfig
from gapkit.training.full_vb import FullVb, draw_weights, generative_weights
from gapkit.training.loop import TrainResult, train
from gapkit.training.mcem import MonteCarloEm
from gapkit.training.objectives import elbo, iwae
from gapkit.training.progress import EpochReport
from gapkit.training.refit import Refit, refit
from gapkit.training.refit_config import RefitConfig
from gapkit.training.sgvb import SgvbVariances, compare_sgvb, sgvb_draws
from gapkit.training.wake_sleep import wake_sleep

__all__ = [
    "EncoderComparison",
    "EpochReport",
    "FullVb",
    "MonteCarloEm",
    "Refit",
    "RefitConfig",
    "SgvbVariances",
    "TrainConfig",
    "TrainResult",
    "compare_encoders",
    "compare_sgvb",
    "draw_weights",
    "elbo",
    "generative_weights",
    "iwae",
    "refit",
    "sgvb_draws",
    "train",
    "wake_sleep",
]
