"""Bounds against the work that was put into them, as values: draws, local steps, temperatures, steps of the fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gapkit.core.means import Ends, Mean
from gapkit.core.records import Record

__all__ = [
    "AisConvergence",
    "AisPoint",
    "FitConvergence",
    "FitPoint",
    "IwaeCurve",
    "IwaePoint",
    "LocalSteps",
    "NoisyMean",
    "StepPoint",
    "Watched",
]


@dataclass(frozen=True)
class IwaePoint(Record):
    """The importance-weighted bound with some number of draws.

    Attributes:
        k: how many draws.
        bound: its mean, in nats; None where no datapoint is finite.
        below: by how much it is below the bound with all draws, in nats.
    """

    k: int
    bound: float | None
    below: Mean

    @property
    def value(self) -> float:
        """The mean bound, for those who have seen that there is one."""
        assert self.bound is not None, "no datapoint has a finite value"
        return self.bound


@dataclass(frozen=True)
class IwaeCurve(Record):
    """The importance-weighted bound against the number of draws.

    Attributes:
        curve: from one draw to all.
        log_px: the mean log p(x) over the same datapoints, in nats; None where none is finite.
        left: log p(x) minus the bound with all draws, in nats.
        datapoints: used.
        left_out: those that are not finite.
    """

    curve: tuple[IwaePoint, ...]
    log_px: float | None
    left: Mean | None
    datapoints: int
    left_out: int


@dataclass(frozen=True)
class StepPoint(Record):
    """Where some number of local steps from the encoder's q leads.

    Attributes:
        steps: how many.
        elbo: L[q] after them, in nats.
        gain: that minus the encoder's L[q], in nats.
        left: L[q*] minus that, in nats.
        share: gain over amortization gap, of the means; None where the gap is not clearly above zero.
    """

    steps: int
    elbo: Mean
    gain: Mean
    left: Mean
    share: Mean | None


@dataclass(frozen=True)
class LocalSteps(Record):
    """L[q] after local steps from the encoder's q; see :func:`gapkit.results.step_gains.summarise_curve`.

    Attributes:
        split: whose datapoints they are.
        family: of the encoder's q.
        samples_per_step: draws of each gradient.
        elbo: L[q] of the encoder, in nats.
        elbo_star: the mean L[q*], in nats; None where no datapoint is finite.
        amortization_gap: what is left after no step, in nats.
        curve: by the number of steps, ascending.
        steps_to_90: the fewest that close 90% of the gap; None if there are none.
        datapoints: used.
        left_out: those that are not finite.
    """

    split: str
    family: str | None
    samples_per_step: int | None
    elbo: Mean
    elbo_star: float | None
    amortization_gap: Mean
    curve: tuple[StepPoint, ...]
    steps_to_90: int | None
    datapoints: int
    left_out: int


@dataclass(frozen=True)
class NoisyMean(Record):
    """A mean over datapoints that were chosen, with what sampling noise alone makes of it, in nats.

    Attributes:
        mean: None where no datapoint is finite.
        se_monte_carlo: its error.
        ci95: its 95% interval.
        count: how many datapoints it is over.
    """

    mean: float | None
    se_monte_carlo: float | None
    ci95: Ends | None
    count: int | None

    @property
    def value(self) -> float:
        """The mean, for those who have seen that there is one."""
        assert self.mean is not None, "no datapoint has a finite value"
        return self.mean


@dataclass(frozen=True)
class AisPoint(Record):
    """AIS with some number of temperatures, in nats above the reported log p(x).

    Attributes:
        temperatures: how many.
        lower: AIS itself.
        upper: chains sent back from where it ended.
        acceptance: share of the moves that were accepted.
    """

    temperatures: int
    lower: NoisyMean
    upper: NoisyMean
    acceptance: float | None


@dataclass(frozen=True)
class AisConvergence(Record):
    """AIS against its temperatures.

    Attributes:
        chains: how many.
        temperatures: of the first round of AIS in the analysis.
        log_px_se: Monte Carlo error of the mean of the reported values, which moves all points alike, in nats.
        curve: by the number of temperatures, ascending.
    """

    chains: int | None
    temperatures: int
    log_px_se: float | None
    curve: tuple[AisPoint, ...]


@dataclass(frozen=True)
class FitPoint(Record):
    """What a fit of q* with some number of steps leaves to L[q*], in nats."""

    steps: int
    left: NoisyMean


@dataclass(frozen=True)
class FitConvergence(Record):
    """Fits of q* against their steps.

    Attributes:
        family: that was fitted.
        curve: by the number of steps, ascending.
    """

    family: str | None
    curve: tuple[FitPoint, ...]


@dataclass(frozen=True, kw_only=True)
class Watched(Record):
    """Whether estimates still change with more work, on a few datapoints.

    Attributes:
        datapoints: how many; None where none could be watched.
        index: which ones.
        ais: against its temperatures; None where it was skipped.
        fit: against its steps; None where it was skipped.
        skipped: why a part was, by its name: ``ais``, ``fit``, or ``all``.
    """

    datapoints: int | None = None
    index: tuple[int, ...] = ()
    ais: AisConvergence | None = None
    fit: FitConvergence | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
