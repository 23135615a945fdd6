"""``python -m benchmarks.intervals``: coverage and length of 95% intervals of a mean, of several methods.

Lengths are relative to that of the interval from the true spread, 2 * 1.96 sigma / sqrt(n).
"""

import argparse
import json
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.interval_data import KINDS, Kind
from benchmarks.interval_methods import BOOTSTRAPS, METHODS, Ends, bootstraps
from benchmarks.output import machine
from benchmarks.readme import RESULTS
from benchmarks.readme import main as write_readme

_SIZES = (10, 25, 50, 100, 200, 1000)
_AT_ONCE = 1_000_000  # values
_LENGTHS = {"median": 0.5, "q95": 0.95, "longest": 1.0}


def main() -> None:
    """Measure all methods on the same samples, write the results and put them into the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intervals", description=__doc__)
    parser.add_argument("--json", type=Path, default=RESULTS / "intervals.json", help="file to write")
    parser.add_argument("--repeats", type=int, default=10_000)
    parser.add_argument(
        "--bootstrap-repeats", type=int, default=2_000, help="the first ones, for methods that resample"
    )
    parser.add_argument("--resamples", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    start, cells = time.perf_counter(), []
    for kind in KINDS:
        for size in _SIZES:
            cells.append(_cell(kind, size, arguments))
        print(f"{kind.name}: {time.perf_counter() - start:.0f} s", flush=True)
    settings = {name: value for name, value in vars(arguments).items() if name != "json"}
    found = {"arguments": settings, "machine": machine(), "seconds": time.perf_counter() - start, "cells": cells}
    arguments.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    write_readme()


def _cell(kind: Kind, size: int, arguments: argparse.Namespace) -> dict[str, Any]:
    rng = np.random.default_rng([arguments.seed, size, zlib.crc32(kind.name.encode())])
    ends: dict[str, list[Ends]] = {name: [] for name in (*METHODS, *BOOTSTRAPS)}
    equal = left = 0
    for first in range(0, arguments.repeats, _AT_ONCE // size):
        values = kind.draw(rng, (min(_AT_ONCE // size, arguments.repeats - first), size))
        equal += int((np.ptp(values, axis=1) == 0).sum())
        for name, method in METHODS.items():
            ends[name].append(method(values))
        left = max(arguments.bootstrap_repeats - first, 0)
        if left:
            for name, found in bootstraps(values[:left], rng, arguments.resamples).items():
                ends[name].append(found)
    true_length = 2 * 1.96 * kind.spread / np.sqrt(size)
    measured = {}
    for name, parts in ends.items():
        low, high = (np.concatenate(side) for side in zip(*parts, strict=True))
        length = (high - low) / true_length
        measured[name] = {
            "below": round(float((high < kind.mean).mean()), 5),
            "above": round(float((low > kind.mean).mean()), 5),
            **{key: round(float(np.quantile(length, q)), 4) for key, q in _LENGTHS.items()},
        }
    return {"kind": kind.name, "size": size, "all_equal": equal / arguments.repeats, "methods": measured}


if __name__ == "__main__":
    main()
