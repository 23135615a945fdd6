"""How another encoder is trained: settings and their ranges."""

import warnings
from dataclasses import dataclass, fields

from gapkit.core.errors import GapkitWarning, InputError
from gapkit.core.ranges import above, check_ranges, each, one_of, optional, whole
from gapkit.models.heads import HEADS

__all__ = ["RANGES", "STARTS", "RefitConfig"]

STARTS = ("fine_tune", "fresh", "larger")
RANGES = {
    "start": one_of(*STARTS),
    "on": one_of("data", "samples", "mixture"),
    "factor": above(1, "2"),
    "hidden": optional(each(whole(1))),
    "posterior": optional(one_of(*HEADS)),
    "epochs": whole(1),
    "batch_size": whole(1),
    "learning_rate": above(0, "0.001"),
    "num_samples": whole(1),
    "num_draws": whole(1),
    "binarize": one_of("none", "threshold", "sample", "dynamic"),
    "seed": whole(0),
}
_FACTOR = 2.0


@dataclass(frozen=True, kw_only=True)
class RefitConfig:
    """Settings of :func:`gapkit.training.refit`.

    Attributes:
        start: ``fine_tune`` goes on from the given encoder's weights; ``fresh`` takes new weights in the same
            architecture; ``larger`` new weights in one with wider hidden layers. The last two need a reference model.
        on: ``data``; ``samples``, fresh draws from the model in every step; or ``mixture``, half of each in every step.
        factor: of the hidden sizes (or channels) of a ``larger`` encoder, above 1.
        hidden: widths (or channels) of a ``fresh`` encoder; ``None`` keeps those of the given one, () is an encoder
            without hidden layers.
        posterior: family of a ``fresh`` encoder's q(z|x): ``mean_field``, ``full_rank``, ``low_rank``, ``flow`` or
            ``auxiliary``; ``None`` keeps it. With another family, what L[q] gains is no part of the amortization gap
            alone.
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
    hidden: tuple[int, ...] | None = None
    posterior: str | None = None
    epochs: int = 50
    batch_size: int = 100
    learning_rate: float = 1e-3
    num_samples: int = 1
    num_draws: int = 10_000
    binarize: str = "none"
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges("refitting an encoder", self, RANGES)
        if self.hidden is not None:
            object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.start != "fresh" and (self.hidden is not None or self.posterior is not None):
            found = f"start={self.start!r}, which keeps the encoder's architecture"
            raise InputError("an encoder of other layers or of another family", found, "take start='fresh'")
        if self.factor != _FACTOR and self.start != "larger":
            text = f"factor={self.factor:g} has no effect on start={self.start!r}: it is for start='larger'"
            warnings.warn(text, GapkitWarning, stacklevel=3)

    def as_dict(self) -> dict[str, object]:
        """Return the settings as plain values."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}
