"""The control subset: datapoints that the independent route is run for without any reason."""

from functools import lru_cache

import numpy as np

__all__ = ["TOGETHER", "control_subset"]

TOGETHER = 5  # neighbours, because a block of them costs little more than one
_FEWEST = 2  # such blocks


@lru_cache(maxsize=8)
def control_subset(seed: int, size: int, share: float) -> frozenset[int]:
    """The blocks of ``TOGETHER`` neighbours that make the control subset of a split: block b begins at 5 b.

    A share of all blocks and at least two, those with the lowest random numbers; more datapoints behind the last one
    change no number, so that a longer run has most of its control subset in common with a shorter one.

    Args:
        seed: of the split.
        size: its number of datapoints.
        share: of them that is wanted; 0 for two blocks still.

    Example:
        >>> len(control_subset(0, 1000, 0.01)), len(control_subset(0, 7, 0.01)), len(control_subset(0, 4000, 0.01))
        (2, 2, 8)
    """
    blocks = -(-size // TOGETHER)
    wanted = min(max(_FEWEST, round(share * blocks)), blocks)
    draws = np.random.default_rng(np.random.SeedSequence([seed, *b"route/control"])).random(blocks)
    return frozenset(np.argpartition(draws, wanted - 1)[:wanted].tolist())
