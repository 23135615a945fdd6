"""How log p(x) is estimated, and how much work that may take."""

from dataclasses import dataclass, field

from gapkit.core.ranges import above, check_ranges, one_of, share, whole
from gapkit.estimators import Ais, Iwae

__all__ = ["METHODS", "RANGES", "Policy"]

METHODS = ("auto", "ais")
RANGES = {
    "method": one_of(*METHODS),
    "target_se": above(0, "0.1 nats"),
    "max_samples": whole(1),
    "refinements": whole(0, or_zero="for none"),
    "control": share(zero=True, one=True),
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How log p(x) is estimated, and how much work that may take.

    Attributes:
        method: ``auto`` chooses for each datapoint; ``ais`` forces AIS everywhere.
        target_se: standard error at which a datapoint is done, in nats.
        pooled: importance sampling of the first round.
        max_samples: draws that a datapoint may have before AIS takes over.
        refinements: rounds, each with the draws of ``pooled``, in which the mixture of a datapoint whose weights cannot
            be trusted is adapted to them; 0 leaves mixtures as they are.
        ais: annealed importance sampling of the first round; a second and a third cost 4 and 16 times as much.
        control: share of the datapoints, chosen at random, that AIS is run for whatever their importance weights say.

    Raises:
        InputError: a setting out of its range.

    Example:
        >>> Policy(target_se=0.05).method
        'auto'
    """

    method: str = "auto"
    target_se: float = 0.1
    pooled: Iwae = field(default_factory=lambda: Iwae(num_samples=1000, stage="pooled"))
    max_samples: int = 8000
    refinements: int = 5
    ais: Ais = field(default_factory=Ais)
    control: float = 0.1

    def __post_init__(self) -> None:
        check_ranges("log p(x)", self, RANGES)
