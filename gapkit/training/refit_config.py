"""How another encoder is trained: settings and their ranges."""

import math
import warnings
from dataclasses import dataclass, fields

from gapkit.core.errors import GapkitWarning, InputError

__all__ = ["AT_LEAST", "CHOICES", "STARTS", "RefitConfig"]

STARTS = ("fine_tune", "fresh", "larger")
CHOICES = {
    "start": STARTS,
    "on": ("data", "samples", "mixture"),
    "binarize": ("none", "threshold", "sample", "dynamic"),
}
AT_LEAST = {"epochs": 1, "batch_size": 1, "num_samples": 1, "num_draws": 1, "seed": 0}
_FACTOR = 2.0


@dataclass(frozen=True, kw_only=True)
class RefitConfig:
    """Settings of :func:`gapkit.training.refit`.

    Attributes:
        start: ``fine_tune`` goes on from the given encoder's weights; ``fresh`` takes new weights in the same
            architecture; ``larger`` new weights in one with wider hidden layers. The last two need a reference model.
        on: ``data``; ``samples``, fresh draws from the model in every step; or ``mixture``, half of each in every step.
        factor: of the hidden sizes (or channels) of a ``larger`` encoder, above 1.
        epochs: passes. An epoch has as many datapoints as the data whatever ``on`` is, so that equal epochs are equal
            work; of a ``mixture`` it sees a random half of the data.
        batch_size: datapoints of a step.
        learning_rate: of Adam in the first step; it falls to zero on a straight line, because the noise of steps of
            constant length would count as a gap.
        num_samples: latent draws per datapoint and step.
        num_draws: datapoints of an epoch on samples where no data are given.
        binarize: of the data: ``none``, ``threshold``, ``sample`` (one fixed draw) or ``dynamic`` (a fresh draw every
            epoch). Draws from the model are as its likelihood makes them.
        seed: of everything random.

    Raises:
        InputError: a value out of its range.

    Example:
        >>> RefitConfig(start="larger", epochs=10).factor
        2.0
    """

    start: str = "fine_tune"
    on: str = "data"
    factor: float = _FACTOR
    epochs: int = 50
    batch_size: int = 100
    learning_rate: float = 1e-3
    num_samples: int = 1
    num_draws: int = 10_000
    binarize: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                found = f"{name} is {getattr(self, name)!r}"
                raise InputError("refit an encoder", found, f"use {', '.join(known)}")
        for name, least in AT_LEAST.items():
            if getattr(self, name) < least:
                raise InputError("refit an encoder", f"{name} is {getattr(self, name)}", f"use {least} or more")
        if not 0 < self.learning_rate < math.inf:
            raise InputError("refit an encoder", f"learning_rate is {self.learning_rate}", "use a positive number")
        if not 1 < self.factor < math.inf:
            raise InputError("a larger encoder", f"factor is {self.factor}", "use more than 1, e.g. 2")
        if self.factor != _FACTOR and self.start != "larger":
            text = f"factor={self.factor:g} has no effect on start={self.start!r}: it is for start='larger'"
            warnings.warn(text, GapkitWarning, stacklevel=3)

    def as_dict(self) -> dict[str, object]:
        """Return the settings as plain values."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}
