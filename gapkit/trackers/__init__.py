"""Send results to experiment trackers: one small protocol, one file per tracker, each an optional extra.

``track(result, tracker("tensorboard:runs/vae"), step=10)`` is all; see :func:`gapkit.trackers.track`.
"""

from gapkit.trackers.mlflow import MlflowTracker
from gapkit.trackers.named import tracker
from gapkit.trackers.protocol import Tracker
from gapkit.trackers.tensorboard import TensorBoardTracker
from gapkit.trackers.track import track
from gapkit.trackers.values import metrics, parameters
from gapkit.trackers.wandb import WandbTracker

__all__ = [
    "MlflowTracker",
    "TensorBoardTracker",
    "Tracker",
    "WandbTracker",
    "metrics",
    "parameters",
    "track",
    "tracker",
]
