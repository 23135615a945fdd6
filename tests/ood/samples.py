"""Results whose regrets have a given mean, for scores of them."""

import numpy as np

from gapkit.ood.score import separate
from tests.results.by_hand import make


def sample(regret, elbo=-100.0, spread=5.0, count=60, seed=0, **changes):
    """A result whose regrets have a given mean; bounds have another order than regrets."""
    rng = np.random.default_rng(seed)
    level = rng.normal(elbo, spread, count)
    gap = rng.gamma(4.0, regret / 4.0, count)
    return make(level, level + gap, level + gap + rng.gamma(2.0, 0.5, count), **changes)


def pair(**changes):
    """Another set with larger regrets and with higher bounds: likelihood points the wrong way."""
    return separate(sample(3.0), sample(8.0, elbo=-85.0, seed=1), names=("mnist", "letters"), **changes)
