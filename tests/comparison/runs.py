"""Results of two runs on the same datapoints."""

import numpy as np

from gapkit.results import Result
from gapkit.results.summary import summarise
from tests.results.by_hand import make


def changed(result, **columns):
    """The result with columns of its table replaced."""
    table = result.to_frame().assign(**columns)
    return Result(table, summarise(table), result.run)


def spread(count=60, seed=0, encoder=0.0, family=0.0, model=0.0, noise=0.05, run=None):
    """Datapoints of very different levels; the rest is shifted by what the encoder, the family and the model differ."""
    rng = np.random.default_rng(7)
    log_px = rng.normal(-90, 15, count) + model
    own = np.random.default_rng([1, seed])
    approximation = rng.lognormal(0.0, 0.5, count) + family + noise * own.normal(size=count)
    amortization = rng.lognormal(0.3, 0.5, count) + encoder + noise * own.normal(size=count)
    return make(log_px - approximation - amortization, log_px - approximation, log_px, run=run)


def pair_of(comparison, name="b", split="test"):
    return comparison.summary_values.splits[split].differences[name]
