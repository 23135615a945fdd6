"""A tracker by its name, as the command line takes it."""

from collections.abc import Callable

from gapkit.core.errors import InputError
from gapkit.trackers.mlflow import MlflowTracker
from gapkit.trackers.protocol import Tracker
from gapkit.trackers.tensorboard import TensorBoardTracker
from gapkit.trackers.wandb import WandbTracker

__all__ = ["tracker"]

_KINDS: dict[str, Callable[[str], Tracker]] = {
    "tensorboard": TensorBoardTracker,
    "mlflow": MlflowTracker,
    "wandb": WandbTracker,
}
_FORMS = "tensorboard:FOLDER, mlflow:URI or wandb:PROJECT"


def tracker(name: str) -> Tracker:
    """Open a tracker; close it when all is sent, with ``contextlib.closing`` for example.

    Args:
        name: ``tensorboard:FOLDER``; ``mlflow:URI``, where the URI is a database such as ``sqlite:///runs.db``, a
            server's address or, if empty, what MLflow is configured with; ``wandb:PROJECT`` or
            ``wandb:ENTITY/PROJECT``, where an empty project is what Weights & Biases is configured with.

    Raises:
        InputError: no such tracker, its package is not installed, or it cannot be opened.

    Example:
        >>> tracker("tensorbored:runs")
        Traceback (most recent call last):
        gapkit.core.errors.InputError: asked: a tracker named 'tensorbored:runs'
        found: no tracker 'tensorbored'
        to do: use tensorboard:FOLDER, mlflow:URI or wandb:PROJECT
    """
    kind, colon, where = name.partition(":")
    if kind not in _KINDS:
        raise InputError(f"a tracker named {name!r}", f"no tracker {kind!r}", f"use {_FORMS}")
    if not colon:
        raise InputError(f"a tracker named {name!r}", "no colon and place after the kind", f"use {_FORMS}")
    return _KINDS[kind](where)
