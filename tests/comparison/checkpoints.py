"""Comparisons of the checkpoints of a training, and odd ones."""

from functools import cache

import numpy as np

from gapkit.comparison import compare
from tests.results.by_hand import make, three


def checkpoints(*numbers, shift=0.0, times=4):
    """Checkpoints of one training that get better."""
    runs = {}
    for number in numbers:
        run = {"checkpoint": {"name": f"epoch-{number:04d}.pt", "description": "vae", "training": "x"}}
        gap = 1 + 5 / number
        rows = np.tile([0.0, -10.0, 4.0], times)
        runs[f"epoch-{number:04d}"] = make(
            rows - 100 / number - gap - np.tile([0.5, 0.7, 0.6], times) + shift,
            rows - 100 / number - 0.5 - np.tile([0.1, 0.2, 0.4], times),
            rows - 100 / number,
            run=run,
        )
    return runs


ODD = {
    "one datapoint": lambda: {"a": make([-95.0], [-90.0], [-89.0]), "b": make([-94.0], [-90.0], [-89.0])},
    "equal runs": lambda: {"a": three(), "b": three()},
    "equal values": lambda: {
        "a": make([-90.0] * 3, [-90.0] * 3, [-90.0] * 3),
        "b": make([-91.0] * 3, [-91.0] * 3, [-91.0] * 3),
    },
    "negative gaps": lambda: {"a": three(), "b": make([-88.0] * 3, [-89.0] * 3, [-90.0] * 3)},
    "large": lambda: {"a": three(), "b": make([-9e6] * 3, [-8e6, -8.1e6, -8e6], [-7e6] * 3)},
    "odd names": lambda: {'<script>alert("x")</script>': three(), "a $x_ 🎲 \\frac" * 5: three(), "b": three()},
    "one of them not finite": lambda: {"a": three(), "b": make([np.nan] * 3, [np.nan] * 3, [np.nan] * 3), "c": three()},
    "many runs": lambda: checkpoints(*range(1, 31)),
}


@cache
def odd(name):
    return compare(ODD[name]())
