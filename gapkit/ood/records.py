"""What scores of one or two data sets come to, as values: the summary in ``score.json``."""

from collections.abc import Mapping
from dataclasses import dataclass

from gapkit.core.means import Ends
from gapkit.core.records import Record

__all__ = ["Detection", "Lead", "Quantiles", "ScoreSummary", "ScoredSet", "Separation"]


@dataclass(frozen=True)
class Quantiles(Record):
    """How a score is spread over a data set, in nats; None where no datapoint has a finite one.

    Attributes:
        mean: of the finite ones.
        q05: 5% of them are below.
        median: half of them are below.
        q95: 95% of them are below.
        median_se: the median of their Monte Carlo errors.
        count: how many are finite.
        left_out: how many are not.
    """

    mean: float | None
    q05: float | None
    median: float | None
    q95: float | None
    median_se: float | None
    count: int
    left_out: int


@dataclass(frozen=True)
class ScoredSet(Record):
    """A data set.

    Attributes:
        name: of it.
        datapoints: how many.
        status: how many have each word of the status column.
        scores: how each score is spread, by its name.
    """

    name: str
    datapoints: int
    status: Mapping[str, int]
    scores: Mapping[str, Quantiles]


@dataclass(frozen=True)
class Detection(Record):
    """How well a score tells the other set from the reference; shares without a unit, None where a set has no score.

    Attributes:
        auc: the area under the ROC curve.
        se: its standard error.
        ci95: its 95% interval.
        fpr95: share of the reference that a threshold finds as well which finds 95% of the other set.
        fpr95_ci95: its 95% interval.
        threshold95: that threshold, in nats; None where it is not finite.
        reference: datapoints of the reference that have the score.
        other: those of the other set.
    """

    auc: float | None
    se: float | None
    ci95: Ends | None
    fpr95: float | None
    fpr95_ci95: Ends | None
    threshold95: float | None
    reference: int
    other: int


@dataclass(frozen=True)
class Lead(Record):
    """The area of the best score minus that of another, over the datapoints that have both.

    Attributes:
        difference: of the areas; None where a set has none of these.
        se: its standard error.
        ci95: its 95% interval.
        reference: datapoints of the reference.
        other: those of the other set.
    """

    difference: float | None
    se: float | None
    ci95: Ends | None
    reference: int
    other: int


@dataclass(frozen=True)
class Separation(Record):
    """How well each score tells two sets apart.

    Attributes:
        scores: by name.
        order: their names, from the largest area down.
        best: the first of them.
        differences: its lead on each of the others, by name.
        seed: of the bootstrap.
    """

    scores: Mapping[str, Detection]
    order: tuple[str, ...]
    best: str
    differences: Mapping[str, Lead]
    seed: int | None


@dataclass(frozen=True)
class ScoreSummary(Record):
    """Scores of a data set and, if there is a reference, how well they tell the two apart.

    Attributes:
        sets: by role: ``reference``, ``other``.
        separation: None without a reference.
        notes: what the reader must know; None where nobody looked.
    """

    sets: Mapping[str, ScoredSet]
    separation: Separation | None
    notes: tuple[str, ...] | None = None
