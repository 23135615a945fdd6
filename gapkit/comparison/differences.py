"""Paired differences of two tables of datapoints: how large, how sure, on how many datapoints better or worse.

The errors of the two values of a datapoint are added in quadrature. That is right for independent runs and too large
where runs share their noise, so the intervals of means, which come from the differences themselves, may be narrower.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gapkit.summary import summarise_values

__all__ = ["BOUNDS", "GAPS", "QUANTITIES", "finite_pairs", "finite_rows", "level_summaries", "paired", "summarise_pair"]

BOUNDS = ("log_px", "elbo_star", "elbo")
GAPS = ("approximation_gap", "amortization_gap", "total_gap")
QUANTITIES = (*BOUNDS, *GAPS)
_FURTHER = ("elbo_star_", "approximation_gap_")
_OF_FITS = ("elbo_star", "approximation_gap", "amortization_gap")  # what depends on how well q* was fitted
_CLEAR = 1.96


def finite_rows(table: pd.DataFrame) -> np.ndarray:
    """Which rows have finite bounds and gaps."""
    return np.isfinite(table[list(QUANTITIES)].to_numpy(float)).all(axis=1)


def paired(reference: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The datapoints that two tables share, in the first one's order.

    Args:
        reference: one split, by the datapoints' index.
        other: the same split of another run, by index.

    Returns:
        A row for each shared datapoint with ``index`` and, for every quantity of both tables, its value in both
        (``NAME_reference`` and ``NAME_run``), the second minus the first (``NAME``) and the error of that
        (``NAME_se``), in nats.
    """
    shared = reference.index.intersection(other.index, sort=False)
    one, two = reference.loc[shared], other.loc[shared]
    columns: dict[str, Any] = {"index": shared.to_numpy()}
    further = [name for name in reference if str(name).startswith(_FURTHER) and not str(name).endswith("_se")]
    for name in (*QUANTITIES, *(name for name in further if name in other)):
        a, b = one[name].to_numpy(float), two[name].to_numpy(float)
        errors = np.hypot(one[f"{name}_se"].to_numpy(float), two[f"{name}_se"].to_numpy(float))
        with np.errstate(invalid="ignore"):  # infinity minus infinity; not finite, and left out
            columns |= {f"{name}_reference": a, f"{name}_run": b, name: b - a, f"{name}_se": errors}
    return pd.DataFrame(columns)


def finite_pairs(pairs: pd.DataFrame) -> np.ndarray:
    """Which datapoints have a finite difference of every bound and gap: all means are over these."""
    return np.isfinite(pairs[list(QUANTITIES)].to_numpy(float)).all(axis=1)


def summarise_pair(pairs: pd.DataFrame, names: Sequence[str], shortfall: float) -> dict[str, dict[str, Any]]:
    """Summaries of the differences, by quantity.

    Args:
        pairs: of :func:`paired`, the datapoints to use.
        names: of the quantities.
        shortfall: how far the mean of a quantity that depends on q* may be off, because fits fell short of the best q.

    Returns:
        What :func:`gapkit.summary.summarise_values` tells of each; ``shortfall``, also in ``se_monte_carlo``;
        ``direction`` of the second run against the first: ``higher`` or ``lower`` if the 95% interval leaves out 0 by
        more than the shortfall, ``none`` if all datapoints are equal, ``unclear`` if the interval does not, ``unknown``
        without one. A win is a higher bound or a smaller gap on a datapoint: ``wins``, ``losses``, ``ties``, and
        ``clear_wins`` and ``clear_losses``, those by more than 1.96 errors of the difference.
    """
    summaries = {}
    for name in names:
        values, errors = pairs[name].to_numpy(float), pairs[f"{name}_se"].to_numpy(float)
        off = shortfall if name.startswith(_OF_FITS) else 0.0
        summary = summarise_values(values, errors, off)
        better = values if name.startswith(("log_px", "elbo")) else -values
        summaries[name] = {
            **summary,
            "shortfall": off,
            "direction": _direction(values[np.isfinite(values)], summary, off),
            "wins": int((better > 0).sum()),
            "losses": int((better < 0).sum()),
            "ties": int((better == 0).sum()),
            "clear_wins": int((better > _CLEAR * errors).sum()),
            "clear_losses": int((better < -_CLEAR * errors).sum()),
        }
    return summaries


def _direction(values: np.ndarray, summary: dict[str, Any], shortfall: float) -> str:
    if len(values) and not values.any():
        return "none"
    if summary["ci95"] is None:
        return "unknown"
    low, high = summary["ci95"]
    return "higher" if low > shortfall else "lower" if high < -shortfall else "unclear"


def shortfall_of(table: pd.DataFrame) -> float:
    """How far the mean of L[q*] may be below its optimum: what the fits' certificates agree on, and their noise."""
    if "optimality_gap" not in table:
        return 0.0
    gap, error = table["optimality_gap"].to_numpy(float), table["optimality_gap_se"].to_numpy(float)
    known = np.isfinite(gap) & np.isfinite(error)
    if not known.any():
        return 0.0
    return float(max(gap[known].mean(), 0.0) + np.sqrt(np.sum(error[known] ** 2)) / known.sum())


def level_summaries(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Means and intervals of one run's own bounds and gaps."""
    off = shortfall_of(table)
    return {
        name: summarise_values(
            table[name].to_numpy(float),
            table[f"{name}_se"].to_numpy(float),
            off if name.startswith(_OF_FITS) else 0.0,
        )
        for name in QUANTITIES
    }
