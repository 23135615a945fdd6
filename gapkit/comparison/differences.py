"""Paired differences of two tables of datapoints: how large, how sure, on how many datapoints better or worse.

The errors of the two values of a datapoint are added in quadrature. That is right for independent runs and too large
where runs share their noise, so the intervals of means, which come from the differences themselves, may be narrower.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapkit.comparison.records import Direction, PairedMean
from gapkit.core.means import Mean
from gapkit.ladder import Ladder, beside, error_of, family_sides, is_bound, quantity, side_name
from gapkit.results.summary import summarise_values

__all__ = ["finite_rows", "level_summaries", "paired", "shortfalls_of", "summarise_pair"]

_CLEAR = 1.96


def finite_rows(table: pd.DataFrame, ladder: Ladder) -> np.ndarray:
    """Which rows have finite bounds and gaps, or of pairs finite differences of all: all means are over these."""
    return np.isfinite(table[list(ladder.names)].to_numpy(float)).all(axis=1)


def paired(reference: pd.DataFrame, other: pd.DataFrame, ladder: Ladder) -> pd.DataFrame:
    """The datapoints that two tables share, in the first one's order.

    Args:
        reference: one split, by the datapoints' index.
        other: the same split of another run, by index.
        ladder: of both.

    Returns:
        A row for each shared datapoint with ``index`` and, for every quantity of both tables, its value in both
        (``NAME_reference`` and ``NAME_run``), the second minus the first (``NAME``) and the error of that
        (``NAME_se``), in nats.
    """
    shared = reference.index.intersection(other.index, sort=False)
    one, two = reference.loc[shared], other.loc[shared]
    columns: dict[str, Any] = {"index": shared.to_numpy()}
    for name in (*ladder.names, *(name for name in beside(reference, ladder) if name in other)):
        a, b = one[name].to_numpy(float), two[name].to_numpy(float)
        errors = np.hypot(one[error_of(name)].to_numpy(float), two[error_of(name)].to_numpy(float))
        with np.errstate(invalid="ignore"):  # infinity minus infinity; not finite, and left out
            columns |= {f"{name}_reference": a, f"{name}_run": b, name: b - a, error_of(name): errors}
    return pd.DataFrame(columns)


def summarise_pair(
    pairs: pd.DataFrame, names: Sequence[str], shortfalls: Mapping[str, float], ladder: Ladder
) -> dict[str, PairedMean]:
    """Summaries of the differences, by quantity.

    Args:
        pairs: of :func:`paired`, the datapoints to use.
        names: of the quantities.
        shortfalls: how far the mean of a quantity that depends on fits may be off, because they fell short of the best
            q; by its name, see :func:`shortfalls_of`.
        ladder: of both runs.
    """
    summaries = {}
    for name in names:
        values, errors = pairs[name].to_numpy(float), pairs[error_of(name)].to_numpy(float)
        off = shortfalls.get(name, 0.0)
        mean = summarise_values(values, errors, off)
        better = values if is_bound(name, ladder) else -values
        summaries[name] = PairedMean(
            **vars(mean),
            shortfall=off,
            direction=_direction(values[np.isfinite(values)], mean, off),
            wins=int((better > 0).sum()),
            losses=int((better < 0).sum()),
            ties=int((better == 0).sum()),
            clear_wins=int((better > _CLEAR * errors).sum()),
            clear_losses=int((better < -_CLEAR * errors).sum()),
        )
    return summaries


def _direction(values: np.ndarray, mean: Mean, shortfall: float) -> Direction:
    if len(values) and not values.any():
        return "none"
    if mean.ci95 is None:
        return "unknown"
    low, high = mean.ci95
    return "higher" if low > shortfall else "lower" if high < -shortfall else "unclear"


def shortfalls_of(table: pd.DataFrame, ladder: Ladder, further: Sequence[str] = ()) -> dict[str, float]:
    """How far the means of what depends on fits may be off, by name, in nats.

    Args:
        table: of a run.
        ladder: of it.
        further: quantities of families beside the fitted rung, which fall short by certificates of their own; where a
            table of an earlier version lacks them, they are taken to fall short as that rung does.
    """
    columns = {name: (column, times) for name, (column, times, _) in ladder.shortfalls().items()}
    if ladder.fitted:
        for name in family_sides(further, ladder):
            own = side_name("fit_left", quantity(name, ladder).of, ladder)
            columns[name] = (own if own in table else ladder.fitted.shortfall, 1)
    short = {column: _shortfall(table, column) for column, _ in {*columns.values()}}
    return {name: times * short[column] for name, (column, times) in columns.items()}


def _shortfall(table: pd.DataFrame, column: str) -> float:
    """How far the mean of a rung may be below its optimum: what the fits' certificates agree on, and their noise."""
    if column not in table:
        return 0.0
    gap, error = table[column].to_numpy(float), table[error_of(column)].to_numpy(float)
    known = np.isfinite(gap) & np.isfinite(error)
    if not known.any():
        return 0.0
    return float(max(gap[known].mean(), 0.0) + np.sqrt(np.sum(error[known] ** 2)) / known.sum())


def level_summaries(table: pd.DataFrame, ladder: Ladder) -> dict[str, Mean]:
    """Means and intervals of one run's own bounds and gaps."""
    off = shortfalls_of(table, ladder)
    return {
        name: summarise_values(
            table[name].to_numpy(float),
            table[error_of(name)].to_numpy(float),
            off.get(name, 0.0),
        )
        for name in ladder.names
    }
