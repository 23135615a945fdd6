"""A result made by hand whose ladder has four rungs and three gaps, one of which is neither family's nor encoder's."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gapkit.comparison import Comparison, Series
from gapkit.comparison.differences import summarise_pair
from gapkit.comparison.records import ComparedSplit, ComparisonSummary, Pair, PairedMean
from gapkit.core.means import Mean
from gapkit.ladder import STANDARD, Gap, Ladder, Rung, error_of
from gapkit.results import Result
from gapkit.results.summary import summarise, summarise_values

__all__ = ["FOUR", "four_rungs", "four_rungs_comparison", "four_rungs_table"]

FOUR = Ladder(
    (
        STANDARD.rungs[0],
        STANDARD.rungs[1],
        Rung(
            "elbo_set",
            "L[q_set]",
            "the set encoder's q",
            "The ELBO with the answer of an encoder that sees the whole set.",
        ),
        STANDARD.rungs[2],
    ),
    (
        STANDARD.gaps[0],
        Gap("set_gap", "set gap", "other", "the set encoder's", "the set's part", "L[q*] minus L[q_set]."),
        STANDARD.gaps[1],
    ),
)
"""Log p(x), L[q*], L[q_set] and L[q]; the set gap stands between the usual two."""


def four_rungs_table(
    count: int = 40, split: str = "test", seed: int = 0, classes: int = 0, ladder: Ladder = FOUR
) -> pd.DataFrame:
    """A table of one split, with the columns that a run writes and that a summary reads.

    Args:
        count: of datapoints.
        split: its name.
        seed: of the random numbers.
        classes: so many labels, in turn; none for 0.
        ladder: any; every gap is positive and the lower ones are larger.
    """
    random = np.random.default_rng(seed)
    values = {ladder.top.name: random.normal(-90.0, 8.0, count)}
    errors = {ladder.top.name: random.uniform(0.01, 0.03, count)}
    for place, gap in enumerate(ladder.gaps):
        upper, lower = ladder.ends(gap)
        values[gap.name] = random.gamma(4.0, 0.2 * (place + 1), count)
        errors[gap.name] = random.uniform(0.01, 0.04, count)
        values[lower.name] = values[upper.name] - values[gap.name]
        errors[lower.name] = random.uniform(0.01, 0.03, count)
    values[ladder.total.name] = values[ladder.top.name] - values[ladder.bottom.name]
    errors[ladder.total.name] = random.uniform(0.02, 0.04, count)
    for name, (below, above) in ladder.contrasts().items():
        values[name] = values[below.name] - values[above.name]
        errors[name] = np.hypot(errors[below.name], errors[above.name])
    # What fits leave is told of every table, also of a ladder without a fitted rung.
    for name in dict.fromkeys(("optimality_gap", *(rung.shortfall for rung in ladder.rungs if rung.shortfall))):
        values[name], errors[name] = random.uniform(0.0, 0.004, count), np.full(count, 0.001)
    values["mode_gap"], errors["mode_gap"] = np.zeros(count), np.zeros(count)
    numbers = {
        column: item for name in values for column, item in ((name, values[name]), (error_of(name), errors[name]))
    }
    labels = {"label": [place % classes for place in range(count)]} if classes else {}
    return pd.DataFrame(
        {
            "split": [split] * count,
            "index": list(range(count)),
            **labels,
            **numbers,
            "fit": ["converged"] * count,
            "start": [0] * count,
            "log_px_source": ["mixture"] * count,
            "status": ["ok"] * count,
        }
    )


def four_rungs(
    count: int = 40,
    splits: tuple[str, ...] = ("test",),
    seed: int = 0,
    classes: int = 0,
    ladder: Ladder = FOUR,
    table: pd.DataFrame | None = None,
) -> Result:
    """A result with that table for each split, or with one of the caller's."""
    if table is None:
        tables = [four_rungs_table(count, split, seed + place, classes, ladder) for place, split in enumerate(splits)]
        table = pd.concat(tables, ignore_index=True)
    return Result(table, summarise(table, ladder=ladder), {"ladder": ladder.to_dict()})


def four_rungs_comparison(runs: Mapping[str, Result] | None = None) -> Comparison:
    """Runs against the first of them, as checkpoints 1, 2, ... of one training; without ``compare``."""
    runs = runs or {name: four_rungs(seed=seed) for seed, name in enumerate(("one", "two", "three"))}
    tables = {name: run.to_frame() for name, run in runs.items()}
    ladder = next(iter(runs.values())).ladder
    first, *others = tables

    def means(table: pd.DataFrame) -> dict[str, Mean]:
        return {
            name: summarise_values(table[name].to_numpy(), table[error_of(name)].to_numpy()) for name in ladder.names
        }

    def differences(table: pd.DataFrame) -> dict[str, PairedMean]:
        apart = table.assign(**{name: table[name] - tables[first][name] for name in ladder.names})
        return summarise_pair(apart, ladder.names, {}, ladder)

    count = len(tables[first])
    part = ComparedSplit(
        datapoints=count,
        used=count,
        left_out=0,
        not_finite=(),
        levels={name: means(table) for name, table in tables.items()},
        differences={name: Pair(count, count, 0, 0, 0, False, differences(tables[name])) for name in others},
        changed=(),
    )
    series = Series("epoch", {name: place for place, name in enumerate(runs, 1)}, "the names of their files")
    summary = ComparisonSummary(ladder, first, {name: {} for name in runs}, {"test": part}, series, ())
    return Comparison(summary, pd.DataFrame())
