"""What a summary holds of one split, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gapkit.core.means import Mean
from gapkit.core.records import Record
from gapkit.results.records.curves import IwaeCurve, Watched
from gapkit.results.records.evidence import Checks
from gapkit.results.records.latents import Latents, LatentUse
from gapkit.results.records.skipped import Skipped

__all__ = ["Baselines", "ClassGaps", "Concentration", "DataFacts", "LeftOut", "SimpleModel", "Split", "Unfinished"]


@dataclass(frozen=True)
class LeftOut(Record):
    """Datapoints that are in no mean of the ladder.

    Attributes:
        datapoints: how many.
        encoder: those with a finite log p(x) and without a finite L[q].
        log_px: those without a finite log p(x).
    """

    datapoints: int | None
    encoder: int | None
    log_px: int | None


@dataclass(frozen=True)
class Concentration(Record):
    """What the datapoints with the largest total gaps hold of the whole.

    Attributes:
        top: how many datapoints: a tenth.
        share: what they hold.
        exponential: what they would hold on average, were gaps exponentially distributed.
        spread: the standard deviation of that.
        limit: three of them above that average.
    """

    top: int
    share: float
    exponential: float
    spread: float
    limit: float


@dataclass(frozen=True)
class Unfinished(Record):
    """What fits that did not converge may add to the mean L[q*] over all datapoints, in nats.

    Attributes:
        datapoints: how many such fits.
        mean: their share of what is left to gain; None where one of them has no certificate.
        se_monte_carlo: its error.
    """

    datapoints: int | None
    mean: float | None
    se_monte_carlo: float | None


@dataclass(frozen=True)
class ClassGaps(Record):
    """The gaps of the datapoints with one label.

    Attributes:
        label: of the class.
        datapoints: how many.
        quantities: total gap and its parts by name, in nats.
    """

    label: int | str
    datapoints: int
    quantities: Mapping[str, Mean]


@dataclass(frozen=True)
class DataFacts(Record):
    """What the data are.

    Attributes:
        dimensions: numbers of one datapoint.
        discrete: whether the model gives them probabilities, not densities; None where unknown.
    """

    dimensions: int | None
    discrete: bool | None


@dataclass(frozen=True)
class SimpleModel(Record):
    """A simple model of the data beside the analysed one.

    Attributes:
        name: of its kind.
        log_px: its log p(x), in nats.
        difference: the analysed model's log p(x) minus that, in nats.
        difference_sound: the same over the datapoints whose log p(x) can be trusted.
    """

    name: str
    log_px: Mean
    difference: Mean
    difference_sound: Mean | None


@dataclass(frozen=True)
class Baselines(Record):
    """Simple models of the data, the best one first and coin flips last.

    Attributes:
        fitted_on: ``train``, ``other`` data, or ``cross``: nine tenths of the split at a time.
        fitted_datapoints: how many they were fitted to.
        models: each with its level.
    """

    fitted_on: str
    fitted_datapoints: int
    models: tuple[SimpleModel, ...]


@dataclass(frozen=True, kw_only=True)
class Split(Record):
    """The summary of one split; see :func:`gapkit.results.summary.summarise`.

    Attributes:
        quantities: rungs, gaps and what stands beside them by name, in nats, all over the same datapoints.
        datapoints: how many the split has.
        status: how many of them have each word of the status column.
        log_px_source: how many have log p(x) from each of its sources.
        other_start: for how many another start than the encoder's q led to the best q*.
        left_out: which ones are in no mean.
        unsound: how many have a log p(x) or gaps that cannot be trusted; None in runs of earlier versions.
        concentration: how far a few datapoints hold the gap; None for fewer than 10.
        fit: how many fits of q* ended in each way; None for a ladder without fits.
        unfinished: what those that did not converge may add.
        checks: how routes to log p(x) agree.
        classes: the gaps by class, the largest total gap first; empty without labels that make classes.
        latents: what the encoder's q says of the latent dimensions.
        latents_star: which of them the fitted q* uses.
        iwae_curve: the importance-weighted bound against the number of draws.
        skipped: why bounds of one's own have no values somewhere, by their names.
        data: what the data are.
        baselines: simple models of them.
        convergence: whether estimates change with more work.
    """

    quantities: Mapping[str, Mean]
    datapoints: int
    status: Mapping[str, int]
    log_px_source: Mapping[str, int]
    other_start: int
    left_out: LeftOut | None
    unsound: int | None
    concentration: Concentration | None
    fit: Mapping[str, int] | None = None
    unfinished: Unfinished | None = None
    checks: Checks
    classes: tuple[ClassGaps, ...] = ()
    latents: Skipped | Latents | None = None
    latents_star: Skipped | LatentUse | None = None
    iwae_curve: IwaeCurve | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    data: DataFacts | None = None
    baselines: Skipped | Baselines | None = None
    convergence: Watched | None = None
