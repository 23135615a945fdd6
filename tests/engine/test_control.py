"""The control subset is there in every run, at random, and knows nothing of how many datapoints follow."""

import numpy as np
import pytest

from gapkit.engine.control import TOGETHER, control_subset


@pytest.mark.parametrize("size", [1, 4, 7, 60, 200, 1000, 12_345])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 1.0])
def test_it_is_never_empty(size, share):
    blocks = -(-size // TOGETHER)
    counts = {len(control_subset(seed, size, share)) for seed in range(100)}
    least = 4 if size < 200 else 2  # for few datapoints it costs little
    assert counts == {min(max(least, round(share * blocks)), blocks)}


def test_every_block_is_as_likely_as_another():
    runs, blocks = 4000, 60
    counts = np.zeros(blocks)
    for seed in range(runs):
        counts[list(control_subset(seed, blocks * TOGETHER, 0.0))] += 1
    expected = 2 * runs / blocks
    assert ((counts - expected) ** 2 / expected).sum() < blocks + 5 * (2 * blocks) ** 0.5


def test_a_longer_run_has_those_of_a_shorter_one_that_are_not_outdone():
    for seed in range(50):
        short, long = control_subset(seed, 1000, 0.05), control_subset(seed, 1100, 0.05)
        assert len(short - long) <= 2
        assert short == control_subset(seed, 999, 0.05)
