"""How far log p(x) can be trusted, as values: two routes, bounds from both sides, what the search for modes misses."""

from collections.abc import Mapping
from dataclasses import dataclass

from gapkit.core.means import Mean
from gapkit.core.records import Record

__all__ = ["AisCertificate", "Checks", "Control", "MeanAndMedian", "RouteFound", "SearchFound"]


@dataclass(frozen=True)
class RouteFound(Record):
    """What the independent route to the posterior found: particles tempered from the prior.

    Attributes:
        looked: for how many datapoints it was gone, by the reason: ``all``, ``control`` or ``doubt``.
        found: for how many of them it found more of the posterior.
        unseen: the mean posterior mass that is still unseen there; None where unknown.
    """

    looked: Mapping[str, int]
    found: int
    unseen: float | None


@dataclass(frozen=True)
class Control(Mean):
    """AIS minus importance sampling on datapoints chosen at random, in nats.

    Attributes:
        within_two_errors: on how many of them the two agree.
    """

    within_two_errors: int


@dataclass(frozen=True, kw_only=True)
class Checks(Record):
    """How routes to log p(x) agree, where AIS was run.

    Attributes:
        route: what the independent route found.
        ais_reason: for how many datapoints AIS was run, by the reason.
        control: AIS minus importance sampling.
        approximate_sandwich: how far chains sent back end above AIS, in nats.
    """

    route: RouteFound | None = None
    ais_reason: Mapping[str, int] | None = None
    control: Control | None = None
    approximate_sandwich: Mean | None = None


@dataclass(frozen=True)
class MeanAndMedian(Mean):
    """A mean over datapoints of which a few are very noisy, in nats.

    Attributes:
        median: which they hardly move; None where none is finite.
    """

    median: float | None


@dataclass(frozen=True)
class AisCertificate(Record):
    """What bidirectional Monte Carlo (BDMC) found on data simulated from the model, in nats.

    Attributes:
        lower: AIS.
        upper: reverse AIS from the latents behind the data.
        gap: their difference, over the same datapoints.
    """

    lower: Mean
    upper: Mean
    gap: MeanAndMedian


@dataclass(frozen=True, kw_only=True)
class SearchFound(Record):
    """What the search for modes misses on data simulated from the model; see :mod:`gapkit.engine.misses`.

    Attributes:
        simulated: how many datapoints were simulated.
        missed: for how many of them the mode that their latents lie in was missed.
        skipped: why nothing could be simulated.
        widen: whether all datapoints were searched with more care.
        simulated_again: how many datapoints with log p(x) from importance sampling were searched as widely.
        beyond: the latents of how many of them lie beyond the proposal.
        expected: how many should, according to the importance weights.
        unseen: the posterior mass that is missed there, on average.
        annealed_again: how many had log p(x) from AIS.
        apart: how far their bounds are apart on average, in nats, each counted up to 4.
        unseen_annealed: the posterior mass that is missed there.
        skipped_again: why the wide search could not be tried.
        control: of how many datapoints of the control subset (``count``) the route found more (``missed``).
    """

    simulated: int | None = None
    missed: int | None = None
    skipped: str | None = None
    widen: bool
    simulated_again: int | None = None
    beyond: int | None = None
    expected: float | None = None
    unseen: float | None = None
    annealed_again: int | None = None
    apart: float | None = None
    unseen_annealed: float | None = None
    skipped_again: str | None = None
    control: Mapping[str, int] | None = None
