"""What the training of a doubly amortized encoder, or of the best one for each data set, is asked to do."""

from dataclasses import dataclass, fields

from gapkit.core.ranges import above, check_ranges, one_of, whole

__all__ = ["RANGES", "MetaTrainConfig"]

RANGES = {
    "steps": whole(1),
    "datasets_per_step": whole(1),
    "queries": whole(1),
    "context_size": whole(0),
    "learning_rate": above(0, "0.001"),
    "schedule": one_of("constant", "cosine"),
    "num_samples": whole(1),
    "clip": above(0, "1", or_zero="for none"),
    "seed": whole(0),
}


@dataclass(frozen=True, kw_only=True)
class MetaTrainConfig:
    """Settings of the trainers of :mod:`gapkit.meta`.

    Attributes:
        steps: of Adam.
        datasets_per_step: drawn in each step; all where there are fewer.
        queries: datapoints of each of them; fewer where a data set has not so many beside the support set.
        context_size: M, datapoints of a support set. They are drawn with their data set and are not among the queries.
        any_size: draw the size of every step between 0 and ``context_size``.
        learning_rate: in the first step.
        schedule: ``constant``, or ``cosine`` falling to a hundredth.
        num_samples: draws of z per datapoint.
        known: the decoders are known and stay as they are; else they are trained too.
        clip: the largest norm of a gradient; 0 for none.
        seed: of everything random.

    Raises:
        InputError: a value out of its range.

    Example:
        >>> MetaTrainConfig(steps=10).context_size
        10
    """

    steps: int = 2000
    datasets_per_step: int = 8
    queries: int = 32
    context_size: int = 10
    any_size: bool = False
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    num_samples: int = 1
    known: bool = False
    clip: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges("training over data sets", self, RANGES)

    def as_dict(self) -> dict[str, object]:
        """The settings as plain values."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}
