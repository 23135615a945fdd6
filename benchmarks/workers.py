"""``python -m benchmarks.workers``: one and two workers of Ray on the same units, and what the store on disk takes.

All with one thread each, in turn, several times, on little and on more work: starting Ray and its workers, which takes
some seconds, is part of every time. What the store takes is too little to be seen in a few long rounds: it is measured
in many short ones, whose order changes.
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

_STORED = 600  # datapoints


def main() -> None:
    """Run all ways in turn, on little and on more work, and write their times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--datapoints", type=int, nargs="+", default=[1600, 5000])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--store-rounds", type=int, default=12)
    parser.add_argument("--long", type=int, default=10_000, help="datapoints of a longer run, of Ray alone")
    parser.add_argument("--only-long", action="store_true", help="keep what the file holds of the others")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = mlp()
    with frozen(model):
        x = simulate(model, max(*arguments.datapoints, arguments.long), seed=0)[0]
    if arguments.only_long:
        found = json.loads((RESULTS / "workers.json").read_text("utf-8"))
        found |= {"long": _long(model, x[: arguments.long])}
        (RESULTS / "workers.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        return
    sizes = [_measured(model, x[:size], arguments.rounds) for size in arguments.datapoints]
    store = _store(model, x[:_STORED], arguments.store_rounds)
    found = {"machine": machine(), "rounds": arguments.rounds, "sizes": sizes, "store": store}
    found |= {"long": _long(model, x[: arguments.long])}
    (RESULTS / "workers.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _long(model: Any, x: torch.Tensor) -> dict[str, Any]:
    """Seconds of one and of two workers on more work."""
    spec = replace(spec_for("quick", seed=0), unit_size=100, details=0)
    one, two = (_timed(model, x, spec, Ray(count), kept=False) for count in (1, 2))
    print(f"{len(x)} datapoints: {one:.1f} s with one worker, {two:.1f} s with two, {one / two:.2f}", flush=True)
    return {"datapoints": len(x), "one": one, "two": two}


def _store(model: Any, x: torch.Tensor, rounds: int) -> dict[str, Any]:
    """What the store adds, as a share: of every round, the mean and its standard error; after one round for warmth."""
    spec = replace(spec_for("quick", seed=0), unit_size=100, details=0, certificate=0)
    added = []
    for number in range(-1, rounds):
        ways = (False, True) if number % 2 else (True, False)
        took = {kept: _timed(model, x, spec, Local(), kept=kept) for kept in ways}
        if number >= 0:
            added.append(took[True] / took[False] - 1.0)
    mean, error = statistics.mean(added), statistics.stdev(added) / len(added) ** 0.5
    print(f"store, {len(x)} datapoints, {rounds} rounds: {mean:+.2%}, standard error {error:.2%}", flush=True)
    return {"datapoints": len(x), "added": added, "mean": mean, "error": error}


def _measured(model: Any, x: torch.Tensor, rounds: int) -> dict[str, Any]:
    """Seconds of every way, and the ratios of each round."""
    spec = replace(spec_for("quick", seed=0), unit_size=100, details=0)
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, executor, kept in (
            ("local", Local(), False),
            ("local, store on disk", Local(), True),
            ("Ray, 1 worker", Ray(1), False),
            ("Ray, 2 workers", Ray(2), False),
        ):
            seconds.setdefault(name, []).append(_timed(model, x, spec, executor, kept=kept))
            print(f"{len(x):5d} {name:22s} {seconds[name][-1]:.1f} s", flush=True)
    pairs = zip(seconds["Ray, 1 worker"], seconds["Ray, 2 workers"], strict=True)
    both = zip(seconds["local, store on disk"], seconds["local"], strict=True)
    ratios, store = [one / two for one, two in pairs], [kept / without - 1 for kept, without in both]
    print(f"{len(x):5d} two workers to one: {told(ratios)}; store: {told(store)}", flush=True)
    return {"datapoints": len(x), "seconds": seconds, "two_to_one": ratios, "store_overhead": store}


def told(values: list[float]) -> str:
    """All of them: a median of so few would hide how far they are apart."""
    return ", ".join(f"{value:.3f}" for value in values)


def _timed(model: Any, x: torch.Tensor, spec: Any, executor: Executor, *, kept: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        store: Store | None = Disk(folder) if kept else None
        start = time.perf_counter()
        analyze(model, x, spec, store=store, executor=executor)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
