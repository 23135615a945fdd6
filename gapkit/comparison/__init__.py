"""Runs against each other on the datapoints they have in common: paired differences, and how sure they are."""

from gapkit.comparison.claims import Claim, Claims, Judged, Verdict, judge
from gapkit.comparison.compare import Comparison, compare
from gapkit.comparison.measured import Measured, difference, level
from gapkit.comparison.series import Series, find_series, natural, numbers_of
from gapkit.comparison.words import interval

__all__ = [
    "Claim",
    "Claims",
    "Comparison",
    "Judged",
    "Measured",
    "Series",
    "Verdict",
    "compare",
    "difference",
    "find_series",
    "interval",
    "judge",
    "level",
    "natural",
    "numbers_of",
]
