"""The control subset: datapoints that the independent route is run for without any reason."""

from functools import lru_cache

import numpy as np

__all__ = ["TOGETHER", "control_subset"]

TOGETHER = 5  # neighbours, because a block of them costs little more than one
_FEWEST = 2  # such blocks
# Of few datapoints it takes little time to look at more, and a search is widened only where two are missed.
_FEW, _OF_FEW = 40, 4


@lru_cache(maxsize=8)
def control_subset(seed: int, size: int, share: float) -> frozenset[int]:
    """The blocks of ``TOGETHER`` neighbours that make the control subset of a split: block b begins at 5 b.

    A share of all blocks and at least two (four of fewer than 40), those with the lowest random numbers. Further
    datapoints change none of these numbers, so that a longer run has most of its control subset in common with a
    shorter one.

    Args:
        seed: of the split.
        size: its number of datapoints.
        share: of them that is wanted; 0 for the least still.

    Example:
        >>> len(control_subset(0, 1000, 0.01)), len(control_subset(0, 7, 0.01)), len(control_subset(0, 4000, 0.01))
        (2, 2, 8)
    """
    blocks = -(-size // TOGETHER)
    least = _OF_FEW if blocks < _FEW else _FEWEST
    wanted = min(max(least, round(share * blocks)), blocks)
    draws = np.random.default_rng(np.random.SeedSequence([seed, *b"route/control"])).random(blocks)
    return frozenset(np.argpartition(draws, wanted - 1)[:wanted].tolist())
