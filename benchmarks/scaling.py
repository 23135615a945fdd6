"""``python -m benchmarks.scaling``: what an analysis costs, checked by measured runs, and how far it can be spread.

Three decoders are analysed, and the time of a unit is held against a cost model: evaluations of the decoder times what
one takes alone, in the batches that gapkit uses. Then runs on many workers are simulated, event by event, with the
spread of times that the measured units have.
"""

import argparse
import heapq
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.output import machine
from benchmarks.readme import RESULTS
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.engine.begin import Given, begun
from gapkit.engine.unit import run_unit
from gapkit.models.freeze import frozen
from gapkit.models.reference import build
from gapkit.target import Target
from gapkit.target.simulate import simulate

_UNIT = 100
_PROBE = 1.0


class _OwnElu(nn.ELU):
    """An activation that gapkit does not know, so that its decoder is left to automatic differentiation."""


def main() -> None:
    """Measure, simulate, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--effort", default="quick")
    arguments = parser.parse_args()
    decoders = {name: measured(make, arguments.effort) for name, make in _MODELS.items()}
    found = {"machine": machine(), "effort": arguments.effort, "unit": _UNIT, "decoders": decoders}
    spread = [row["seconds_of_units"] for row in decoders.values()]
    found["simulated"] = simulated(np.concatenate([np.asarray(row) / np.mean(row) for row in spread]))
    (RESULTS / "scaling.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def mlp() -> Any:
    """784 values, 20 latents, two hidden layers of 200."""
    return build("mlp_vae", x_shape=(784,), latent=20, hidden=(200, 200))


def _own_mlp() -> Any:
    model = mlp()
    for part in model.decoder.modules():
        for name, child in part.named_children():
            if type(child) is nn.ELU:
                setattr(part, name, _OwnElu())
    return model


def _conv() -> Any:
    return build("conv_vae", x_shape=(3, 32, 32), latent=20)


_MODELS: dict[str, Callable[[], Any]] = {
    "MLP, derivatives written out": mlp,
    "the same MLP, automatic differentiation": _own_mlp,
    "convolutional, automatic differentiation": _conv,
}


def measured(make: Callable[[], Any], effort: str) -> dict[str, Any]:
    """A few units of a model, and what its decoder alone takes."""
    torch.manual_seed(0)
    model = make()
    spec = replace(spec_for(effort), certificate=0, details=0, convergence=0, unit_size=_UNIT)
    with frozen(model):
        x = simulate(model, 3 * _UNIT, seed=0)[0]
        with begun(model, Given(x=x), spec) as run:
            like = run.work.like
            pace = _pace(Target(model, x[:_UNIT], like=like))
            seconds, predicted, work = [], [], []
            for split, unit in run.units:
                before, start = like.work.copy(), time.perf_counter()
                run_unit(run.work, split, unit)
                seconds.append(time.perf_counter() - start)
                spent = like.work - before
                work.append([spent.values, spent.gradients, spent.columns])
                predicted.append(float(np.dot(work[-1], [pace[name] for name in ("value", "gradient", "column")])))
        flops = _flops(like)
    row = {
        "by_hand": like.by_hand,
        "forward_flops": flops,
        "seconds_of": pace,
        "gflops_of_gradients": 2 * flops / pace["gradient"] / 1e9,
        "work_of_units": work,
        "seconds_of_units": seconds,
        "predicted": predicted,
        "share": sum(predicted) / sum(seconds),
    }
    print(f"{row['share']:.2f} of the time is the decoder's; units {seconds}", flush=True)
    return row


def _flops(like: Target) -> float:
    """Floating-point operations of the decoder at one latent."""
    z = torch.zeros(16, like.dim)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        like.model.decode(z.reshape(-1, *like.latent_shape))
    return counter.get_total_flops() / len(z)


def _pace(target: Target) -> dict[str, float]:
    """Seconds of a value, a gradient and a column of the Jacobian at one latent, among as many as a chunk has."""
    samples = max(1, target.max_rows // target.num_datapoints)
    z = Key(0, tuple(range(target.num_datapoints))).streams("pace").normal(samples, target.dim)
    rows = z[0]
    return {
        "value": _timed(lambda: _quiet(target.log_joint, z)) / (samples * len(rows)),
        "gradient": _timed(lambda: target.grad(z)) / (samples * len(rows)),
        "column": _timed(lambda: _quiet(target.root_fisher, rows)) / rows.numel(),
    }


def _quiet(function: Callable[[torch.Tensor], Any], z: torch.Tensor) -> Any:
    with torch.no_grad():
        return function(z)


def _timed(work: Callable[[], Any]) -> float:
    work()
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < _PROBE:
        work()
        count += 1
    return (time.perf_counter() - start) / count


@dataclass(frozen=True)
class Cluster:
    """What a run is spread over.

    Attributes:
        workers: processes that run units.
        begin: seconds until a worker has the model and the data.
        driver: seconds of the one process that gives out units and gathers what they give, for each unit.
        deaths: of a worker in an hour.
        stealing: whether a worker takes the next unit when it is done; else each has its share from the beginning.
    """

    workers: int
    begin: float = 30.0
    driver: float = 0.003
    deaths: float = 0.001
    stealing: bool = True


def makespan(times: np.ndarray, cluster: Cluster, rng: np.random.Generator) -> float:
    """Seconds until all units are done, event by event; a unit whose worker dies is run again, by a new worker.

    Args:
        times: of the units, in their order.
        cluster: where they run.
        rng: of the deaths.
    """
    free = [(cluster.begin, worker) for worker in range(cluster.workers)]
    heapq.heapify(free)
    shares: list[list[float]] = [[] for _ in range(cluster.workers)]
    if not cluster.stealing:
        for at, seconds in enumerate(times):
            shares[at % cluster.workers].append(float(seconds))
        ends = [cluster.begin + _with_deaths(np.asarray(share), cluster, rng).sum() for share in shares]
        return max(ends) + cluster.driver * len(times)
    driver = last = 0.0
    for seconds in _with_deaths(times, cluster, rng):
        at, worker = heapq.heappop(free)
        driver = max(driver, at) + cluster.driver
        heapq.heappush(free, (driver + seconds, worker))
        last = max(last, driver + seconds)
    return last


def _with_deaths(times: np.ndarray, cluster: Cluster, rng: np.random.Generator) -> np.ndarray:
    """What units take with the tries that ended with their worker, half-way on average, and new beginnings."""
    deaths = rng.poisson(times * cluster.deaths / 3600.0)
    return np.asarray(times + deaths * (0.5 * times + cluster.begin))


def simulated(relative: np.ndarray, datapoints: int = 10**6, seed: int = 0) -> dict[str, Any]:
    """A million datapoints on more and more GPUs, for a decoder of 1e8 parameters.

    Args:
        relative: seconds of measured units, over their mean.
        datapoints: how many.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    flops, gradients, rate = 2.0 * 1e8, 2500.0, 5e13
    unit = _UNIT * 2 * flops * gradients / rate
    count = math.ceil(datapoints / _UNIT)
    # The spread of units that were measured, and one in twenty of a hard kind that takes ten times as long.
    spread = rng.choice(relative, count) * np.where(rng.random(count) < 0.05, 10.0, 1.0)
    times = unit * spread / spread.mean()
    rows = []
    for workers in (1, 8, 64, 512, 4096):
        ways = {
            "stealing": Cluster(workers),
            "static": Cluster(workers, stealing=False),
            "slow_driver": Cluster(workers, driver=0.1),
        }
        found = {name: makespan(times, cluster, rng) for name, cluster in ways.items()}
        ideal = float(times.sum()) / workers
        rows.append({"workers": workers, "ideal": ideal, **found})
    assumed = {"flops": flops, "gradients": gradients, "rate": rate, "datapoints": datapoints, "unit": _UNIT}
    return {"assumed": {**assumed, **vars(Cluster(1))}, "unit_seconds": unit, "rows": rows}


if __name__ == "__main__":
    main()
