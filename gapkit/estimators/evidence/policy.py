"""How log p(x) is estimated, and how much work that may take."""

from dataclasses import dataclass, field

from gapkit.core.errors import InputError
from gapkit.estimators import Ais, Iwae

__all__ = ["METHODS", "Policy"]

METHODS = ("auto", "ais")


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
        control: share of the datapoints, chosen at random, that AIS is run for whatever their weights say.
    """

    method: str = "auto"
    target_se: float = 0.1
    pooled: Iwae = field(default_factory=lambda: Iwae(num_samples=1000, stage="pooled"))
    max_samples: int = 8000
    refinements: int = 5
    ais: Ais = field(default_factory=Ais)
    control: float = 0.1

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"log p(x) by {self.method!r}", "no such method", f"use one of {', '.join(METHODS)}")
        if not self.target_se > 0:
            raise InputError(f"a target of {self.target_se} nats", "errors are positive", "use 0.1, say")
        if self.refinements < 0:
            raise InputError(f"refinements={self.refinements}", "a number of rounds", "use 0 for none, or 5")
        if not 0 <= self.control <= 1:
            raise InputError(f"control={self.control}", "it is a share of the datapoints", "use a number from 0 to 1")
