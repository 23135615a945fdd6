"""What a training tells while it goes on."""

from dataclasses import dataclass

__all__ = ["EpochReport"]


@dataclass(frozen=True)
class EpochReport:
    """What the progress callback is told after every epoch; losses are negative bounds in nats per datapoint."""

    epoch: int
    epochs: int
    loss: float
    validation_loss: float | None
    seconds: float
