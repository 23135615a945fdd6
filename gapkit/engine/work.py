"""What the units of an analysis share."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gapkit.core.datapoints import Datapoints
from gapkit.engine.curve import CurvePlan
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.units import Unit
from gapkit.estimators import Estimator
from gapkit.ladder import STANDARD, Ladder
from gapkit.local import Bank
from gapkit.models.protocol import LatentModel
from gapkit.target import Target

__all__ = ["Work", "seed_of"]


@dataclass(frozen=True)
class Work:
    """What the units of an analysis share; nothing of it changes while they run but the count of ``like.work``.

    Attributes:
        like: any target of the model, which is frozen and in its place.
        data: by split.
        bank: starts.
        spec: settings.
        family: of the split: the encoder's own, or the one asked for in its place.
        encoders: further ones, by name.
        curve: for which units local steps are taken.
        widened: whether the independent route is run for every datapoint.
        missed: posterior mass that is known to be missed on data of the model, by the source of log p(x).
        identity: of model, starts and whatever else all stages are made of.
        identities: of the further encoders, by name.
        bounds: of one's own, by name.
        ladder: the rungs, some of which may be those of further encoders, and the gaps between them.
        run: a word that no other run has: what is made by code of the user's own is of this run alone.
    """

    like: Target
    data: Mapping[str, Datapoints]
    bank: Bank | None
    spec: AnalysisSpec
    family: str
    encoders: Mapping[str, LatentModel]
    curve: CurvePlan
    identity: str
    widened: bool = False
    missed: Mapping[str, float] = field(default_factory=dict)
    identities: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, Estimator] = field(default_factory=dict)
    ladder: Ladder = STANDARD
    run: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def first(self) -> str:
        """The split that pictures and curves are made of."""
        return next(iter(self.data))

    def watched(self, split: str, unit: Unit) -> bool:
        """Whether it is looked at how AIS and the fits of this unit come to rest."""
        return self.spec.convergence > 0 and split == self.first and unit.begins


def seed_of(seed: int, split: str) -> int:
    """Each split has random numbers of its own, whichever other splits are analysed with it."""
    return int(np.random.SeedSequence([seed, *split.encode()]).generate_state(1)[0])
