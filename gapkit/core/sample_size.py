"""How many datapoints an interval of a mean needs: one number, for those who make intervals and those who show them.

It stands apart from :mod:`gapkit.core.intervals`, which needs numpy and scipy, because the command line shows ranges
and starts without both.
"""

__all__ = ["FEWEST"]

FEWEST = 10  # with fewer datapoints, only their range is told
