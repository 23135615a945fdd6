"""``python -m benchmarks.workers``: one and two workers of Ray on the same units, and what the store on disk takes.

All with one thread each, in turn, several times. The units' own part of the time is told too: a worker is started once.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from typing import Any

import torch

from benchmarks.output import machine
from benchmarks.readme import RESULTS
from benchmarks.scaling import mlp
from gapkit import analyze
from gapkit.engine import Disk, Store, spec_for
from gapkit.engine.execute import Executor, Local
from gapkit.engine.ray_executor import Ray
from gapkit.models.freeze import frozen
from gapkit.target.simulate import simulate


def main() -> None:
    """Run all ways in turn, and write their times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--datapoints", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = mlp()
    with frozen(model):
        x = simulate(model, arguments.datapoints, seed=0)[0]
    spec = replace(spec_for("quick", seed=0), unit_size=100, details=0)
    seconds: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        for name, executor, kept in (
            ("local", Local(), False),
            ("local, store on disk", Local(), True),
            ("Ray, 1 worker", Ray(1), False),
            ("Ray, 2 workers", Ray(2), False),
        ):
            seconds.setdefault(name, []).append(_timed(model, x, spec, executor, kept=kept))
            print(f"{name:22s} {seconds[name][-1]:.1f} s", flush=True)
    ratios = [one / two for one, two in zip(seconds["Ray, 1 worker"], seconds["Ray, 2 workers"], strict=True)]
    store = [
        with_it / without - 1
        for with_it, without in zip(seconds["local, store on disk"], seconds["local"], strict=True)
    ]
    found = {"machine": machine(), "datapoints": arguments.datapoints, "seconds": seconds}
    found |= {"two_to_one": statistics.median(ratios), "store_overhead": statistics.median(store)}
    print(f"two workers to one: {found['two_to_one']:.2f}; store {100 * found['store_overhead']:+.1f}%")
    (RESULTS / "workers.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _timed(model: Any, x: torch.Tensor, spec: Any, executor: Executor, *, kept: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store: Store | None = Disk(folder) if kept else None
        start = time.perf_counter()
        analyze(model, x, spec, store=store, executor=executor)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
