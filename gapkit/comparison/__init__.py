"""Runs against each other on the datapoints they have in common: paired differences, and how sure they are."""

from gapkit.comparison.compare import Comparison, compare
from gapkit.comparison.series import Series, find_series, natural, numbers_of
from gapkit.comparison.words import interval

__all__ = ["Comparison", "Series", "compare", "find_series", "interval", "natural", "numbers_of"]
