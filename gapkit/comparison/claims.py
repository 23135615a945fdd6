"""Claims judged by numbers: what is claimed, the contrast that tests it, its interval, and whether the claim holds.

A claim about a way to train or to build models is about trainings, not about one checkpoint: two seeds of the same
training differ too. So its contrast is measured for several trainings, and its interval has both, the variation from
training to training and that over datapoints.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from gapkit.comparison.measured import Measured
from gapkit.comparison.trainings import OverTrainings, mean_over_trainings
from gapkit.core.errors import InputError
from gapkit.core.means import Interval
from gapkit.core.records import Record
from gapkit.core.views import view

__all__ = ["Claim", "Claims", "Judged", "Verdict", "judge"]

Verdict = Literal["holds", "does not hold", "not enough evidence"]


@dataclass(frozen=True)
class Claim(Record):
    """What is claimed, and the number that tests it.

    Attributes:
        text: the claim, in words.
        contrast: the number that is measured, in words.
        more_than: the claim holds if the number, on average over trainings, is larger than this.
        unit: of the number.
        source: where the claim is made, such as ``abstract``.

    Example:
        >>> Claim("Larger encoders lose less", "amortization gap, 200 units minus 500 units").more_than
        0.0
    """

    text: str
    contrast: str
    more_than: float = 0.0
    unit: str = "nats"
    source: str = ""


@dataclass(frozen=True)
class Judged(Record):
    """A claim with its evidence.

    Attributes:
        claim: what was tested.
        verdict: ``holds`` if the whole interval is beyond the claim's limit, also with what fits may have left, ``does
            not hold`` if it is short of it, else ``not enough evidence``.
        trainings: the contrast of each training.
        mean: of them.
        se_trainings: its error from the variation between trainings; None for a single one.
        se_datapoints: its error over datapoints; None where none are known.
        ci95: its 95% interval, see :mod:`gapkit.comparison.trainings`; None for a single training.
        datapoints: how many the trainings share; 0 where none are known.
        left: what perfect fits might add to the mean, from the lowest to the highest over trainings: (0, 0) where no
            fit enters.
    """

    claim: Claim
    verdict: Verdict
    trainings: tuple[float, ...]
    mean: float
    se_trainings: float | None
    se_datapoints: float | None
    ci95: Interval | None
    datapoints: int
    left: Interval = (0.0, 0.0)


@dataclass(frozen=True)
class Claims(Record):
    """Claims of one subject, judged.

    Attributes:
        title: what they are about.
        judged: in the order of reading.
        note: what the reader must know of the trainings, or nothing.
    """

    title: str
    judged: tuple[Judged, ...]
    note: str = field(default="", kw_only=True)

    def __iter__(self) -> Iterator[Judged]:
        return iter(self.judged)

    def __len__(self) -> int:
        return len(self.judged)

    def to_frame(self) -> pd.DataFrame:
        """One row for each claim."""
        rows = [
            {
                "claim": one.claim.text,
                "contrast": one.claim.contrast,
                "unit": one.claim.unit,
                "more_than": one.claim.more_than,
                "mean": one.mean,
                "low": one.ci95[0] if one.ci95 else None,
                "high": one.ci95[1] if one.ci95 else None,
                "left_low": one.left[0],
                "left_high": one.left[1],
                "trainings": len(one.trainings),
                "datapoints": one.datapoints,
                "verdict": one.verdict,
                "source": one.claim.source,
            }
            for one in self.judged
        ]
        return pd.DataFrame(rows)

    def report(self, path: str | Path) -> Path:
        """Write the table as a page of HTML or a PDF, by the ending; see :func:`gapkit.report.write_report`.

        Raises:
            InputError: another ending, a folder, or a place that cannot be written to.
        """
        written: Path = view("report")(self, path)
        return written


def judge(claim: Claim, measured: Sequence[Measured | float]) -> Judged:
    """Judge a claim by its contrast in several trainings.

    Args:
        claim: what is claimed.
        measured: of each training, the contrast: numbers by datapoint (of :func:`gapkit.comparison.level` or
            :func:`gapkit.comparison.difference`), or one number. Datapoints without a finite number in every training
            are left out; where the trainings share fewer than two, each counts with its mean.

    Returns:
        The evidence and the verdict. A single training is never enough.

    Raises:
        InputError: no training, or one without a finite number.

    Example:
        >>> claim = Claim("Wider encoders lose less", "amortization gap, narrow minus wide")
        >>> judge(claim, [0.41, 0.38, 0.44]).verdict, judge(claim, [0.4, -0.3, 0.5]).verdict
        ('holds', 'not enough evidence')
    """
    found = [one if isinstance(one, Measured) else Measured(float(one)) for one in measured]
    empty = [not math.isfinite(one.mean) for one in found]
    if not found or any(empty):
        what = "no training" if not found else f"training {empty.index(True)} without a number"
        raise InputError(f"judge {claim.text!r:.80}", what, "give one finite contrast or more for each training")
    values, minus = _matrix([one.values for one in found]), _matrix([one.minus for one in found])
    if values is None or (minus is None and any(one.minus is not None for one in found)):
        values, minus = np.array([[one.mean] for one in found]), None
    over = mean_over_trainings(values, minus)
    left = (min(one.low for one in found), max(one.high for one in found))
    means = values.mean(1) - (0.0 if minus is None else minus.mean(1))
    return Judged(
        claim,
        _verdict(over, claim.more_than, left),
        tuple(float(value) for value in means),
        over.mean,
        over.se_trainings,
        over.se_datapoints,
        over.ci95,
        sum(part.shape[1] for part in (values, minus) if part is not None and part.shape[1] > 1),
        left,
    )


def _matrix(columns: Sequence[pd.Series | float | None]) -> np.ndarray | None:
    """(T, N) of the datapoints that are finite in every training; None for fewer than two, or for numbers alone."""
    if not all(isinstance(column, pd.Series) for column in columns):
        return None
    joined = pd.concat(columns, axis=1, join="inner").to_numpy(float)
    joined = joined[np.isfinite(joined).all(1)]
    return joined.T if len(joined) > 1 else None


def _verdict(over: OverTrainings, limit: float, left: Interval) -> Verdict:
    if over.ci95 is None:
        return "not enough evidence"
    if over.ci95[0] + left[0] > limit:
        return "holds"
    return "does not hold" if over.ci95[1] + left[1] < limit else "not enough evidence"
