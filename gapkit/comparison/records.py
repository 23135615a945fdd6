"""What a comparison holds, as values: ``comparison.json``, all of it in nats."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gapkit.comparison.series import Series
from gapkit.core.means import Mean
from gapkit.core.records import Record
from gapkit.ladder import Ladder

__all__ = ["ComparedSplit", "ComparisonSummary", "Direction", "Pair", "PairedMean"]

Direction = Literal["higher", "lower", "none", "unclear", "unknown"]


@dataclass(frozen=True)
class PairedMean(Mean):
    """The mean difference of a quantity, a run minus the first run, within each datapoint.

    A win is a higher bound or a smaller gap on a datapoint.

    Attributes:
        shortfall: how far it may be off because fits fell short of the best q; it is in ``se_monte_carlo`` too.
        direction: ``higher`` or ``lower`` if the 95% interval leaves out 0 by more than the shortfall, ``none`` if all
            datapoints are equal, ``unclear`` if the interval does not, ``unknown`` without one.
        wins: of the run, in datapoints.
        losses: of the run.
        ties: equal ones.
        clear_wins: wins by more than 1.96 errors of the difference.
        clear_losses: losses by more than that.
    """

    shortfall: float
    direction: Direction
    wins: int
    losses: int
    ties: int
    clear_wins: int
    clear_losses: int


@dataclass(frozen=True)
class Pair(Record):
    """A run against the first run, on one split.

    Attributes:
        common: how many datapoints both have.
        used: of these, those that are finite in both.
        left_out: the others of these.
        only_in_reference: datapoints that the run lacks.
        only_in_run: datapoints that the first run lacks.
        shares_noise: whether settings and seed are the same, so that part of the sampling noise is.
        quantities: the differences by name.
    """

    common: int
    used: int
    left_out: int
    only_in_reference: int
    only_in_run: int
    shares_noise: bool
    quantities: Mapping[str, PairedMean]


@dataclass(frozen=True)
class ComparedSplit(Record):
    """Runs on one split.

    Attributes:
        datapoints: how many all runs share.
        used: of these, those that are finite in all.
        left_out: the others of these.
        not_finite: the runs in which none is finite.
        levels: each run's own means over the datapoints used, by run and name.
        differences: every other run against the first one.
        changed: the datapoints whose total gap changed most, the largest change first: columns of the table of
            differences by name, for each of them ``run`` and ``index`` too, and ``label`` where there are labels.
    """

    datapoints: int
    used: int
    left_out: int
    not_finite: tuple[str, ...]
    levels: Mapping[str, Mapping[str, Mean]]
    differences: Mapping[str, Pair]
    changed: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class ComparisonSummary(Record):
    """Runs against the first of them.

    Attributes:
        ladder: the rungs and gaps of all runs.
        reference: name of the first run.
        runs: what each ``run.json`` holds, by name.
        splits: those that all runs have.
        series: where each run stands in the training, if they are checkpoints of one; else None.
        notes: what the reader must know, in sentences.
    """

    ladder: Ladder
    reference: str
    runs: Mapping[str, Mapping[str, Any]]
    splits: Mapping[str, ComparedSplit]
    series: Series | None
    notes: tuple[str, ...]
