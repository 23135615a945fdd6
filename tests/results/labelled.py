"""Results whose datapoints have labels."""

import numpy as np

from gapkit.results import Result
from gapkit.results.summary import summarise
from tests.results.by_hand import make


def labelled(labels, seed=0, larger=None, by=0.0):
    """A result with one datapoint for each label; skewed gaps, larger on average by so many nats in one class."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(labels)
    log_px = rng.normal(-90, 9, len(labels))
    star = log_px - rng.lognormal(0.0, 0.6, len(labels))
    result = make(star - rng.lognormal(0.5, 0.8, len(labels)) - by * (labels == larger), star, log_px)
    frame = result.to_frame()
    frame.insert(1, "label", labels)
    return Result(frame, summarise(frame), {})


def classes_of(result, split="test"):
    return result.summary_values.splits[split].classes
