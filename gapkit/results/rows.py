"""What a table of datapoints says beside its means: which rows they are over, and what they hide."""

import math

import numpy as np
import pandas as pd

from gapkit.ladder import STANDARD, Ladder, error_of, quantity
from gapkit.results.records import Concentration, LeftOut, Unfinished

FAILED = "failed"  # the status of a datapoint whose unit ended in an error
__all__ = ["FAILED", "UNSOUND", "concentration", "ladder_rows", "left_out", "unfinished", "unsound", "unsound_rows"]

# Statuses of a datapoint whose log p(x) or gaps an advice should not rest on.
UNSOUND = (
    "nonfinite",
    "undefined_weights",
    "evidence_weak",
    "modes_disagree",
    "modes_unseen",
    "negative_gap",
    "failed",
)

_FURTHER = ("family", "family_gap", "encoder", "gain", "left")
_MOST = 0.5
_TOP, _FEWEST, _SPREADS = 0.1, 10, 3.0


def ladder_rows(rows: pd.DataFrame, ladder: Ladder = STANDARD) -> np.ndarray:
    """Which datapoints have a finite value on every rung of the ladder, so that all means are over the same ones.

    Further families and encoders count where most datapoints have a value; one that fails nearly everywhere takes no
    others with it.

    Args:
        rows: the table of a split.
        ladder: its rungs and gaps.

    Returns:
        Shape (N,), boolean.
    """
    finite = np.ones(len(rows), bool)
    for name in rows:
        rung = name in (*ladder.names, "iwae")
        further = quantity(str(name), ladder).kind in _FURTHER
        if not (rung or further):
            continue
        known = np.isfinite(rows[name].to_numpy(float))
        if (rung and known.any()) or (further and known.mean() > _MOST):
            finite &= known
    return finite


def left_out(rows: pd.DataFrame, ladder: Ladder = STANDARD) -> LeftOut:
    """How many datapoints are in no mean of the ladder, and for how many of them the encoder's L[q] is the cause."""
    log_px, elbo = (np.isfinite(rows[name].to_numpy(float)) for name in (ladder.top.name, ladder.bottom.name))
    return LeftOut(
        datapoints=int((~ladder_rows(rows, ladder)).sum()),
        encoder=int((log_px & ~elbo).sum()),
        log_px=int((~log_px).sum()),
    )


def concentration(gaps: np.ndarray) -> Concentration | None:
    """The share of the total gap that the tenth of the datapoints with the largest gaps holds.

    Of n independent exponential variables, the k largest hold sum_i w_i E_i / sum_i E_i with w_i = min(1, k / i)
    (Renyi's representation of order statistics), whose mean is that of the w_i and whose variance is theirs over n + 1.

    Args:
        gaps: total gaps, shape (N,); negative ones, which are noise, count as zero.

    Returns:
        The share, and what it would be if gaps were exponentially distributed, which needs no explanation. None for
        fewer than 10 datapoints or without any gap.
    """
    gaps = np.maximum(gaps[np.isfinite(gaps)], 0.0)
    count = len(gaps)
    if count < _FEWEST or gaps.sum() <= 0:
        return None
    top = math.ceil(_TOP * count)
    weights = np.minimum(1.0, top / np.arange(1, count + 1))
    spread = float(math.sqrt(weights.var() / (count + 1)))
    return Concentration(
        top=top,
        share=float(np.sort(gaps)[-top:].sum() / gaps.sum()),
        exponential=float(weights.mean()),
        spread=spread,
        limit=float(weights.mean()) + _SPREADS * spread,
    )


def unsound_rows(rows: pd.DataFrame) -> np.ndarray:
    """Which datapoints have a status of ``UNSOUND``: shape (N,), boolean."""
    return np.array([bool({*words.split(",")} & {*UNSOUND}) for words in rows["status"]], dtype=bool)


def unsound(rows: pd.DataFrame) -> int:
    """How many datapoints have a status of ``UNSOUND``."""
    return int(unsound_rows(rows).sum())


def unfinished(rows: pd.DataFrame, column: str = "optimality_gap") -> Unfinished:
    """What the fits that did not converge may add to the mean L[q*] over all datapoints.

    Args:
        rows: the table of a split.
        column: what is left to gain on the fitted rung; its errors in the column beside it.
    """
    open_ends = (rows["fit"] != "converged").to_numpy()
    gap, error = (rows[name].to_numpy(float)[open_ends] for name in (column, error_of(column)))
    known = bool(np.isfinite(gap).all() and np.isfinite(error).all())
    return Unfinished(
        datapoints=int(open_ends.sum()),
        mean=float(np.maximum(gap, 0.0).sum() / len(rows)) if known else None,
        se_monte_carlo=float(np.sqrt((error**2).sum()) / len(rows)) if known else None,
    )
