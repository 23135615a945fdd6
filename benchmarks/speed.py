"""Decoder gradients per second of AIS, against the matrix products that they cannot do without."""

import statistics
import time
from collections.abc import Callable

import torch

from benchmarks.problem import Problem
from gapkit.estimators import Ais
from gapkit.target.precision import has_fast_bfloat16

__all__ = ["matrix_products", "shares_of_the_limit"]

_ROWS, _REPEATS = 1600, 5


def matrix_products(problem: Problem, dtype: torch.dtype) -> Callable[[], float]:
    """A loop of the products of one gradient, forward and back, and nothing else: gives gradients per second."""
    weights = [layer.weight.to(dtype) for layer in problem.target.dense_layers]
    inputs = [torch.randn(_ROWS, weight.shape[1]).to(dtype) for weight in weights]
    outputs = [torch.randn(_ROWS, weight.shape[0]).to(dtype) for weight in weights]

    def once() -> None:
        for x, weight, y in zip(inputs, weights, outputs, strict=True):
            torch.mm(x, weight.T, out=y)
        for x, weight, y in zip(reversed(inputs), reversed(weights), reversed(outputs), strict=True):
            torch.mm(y, weight, out=x)

    def rate(seconds: float = 1.0) -> float:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            once()
            count += 1
        return count * _ROWS / (time.perf_counter() - start)

    return rate


def ais_rate(problem: Problem, num_leapfrogs: int, precision: str) -> tuple[float, float]:
    """Gradients per second of a whole AIS run, noise and transport included, and its acceptance."""
    ais = Ais(
        num_chains=64,
        num_temperatures=20,
        num_leapfrogs=num_leapfrogs,
        pilot_chains=0,
        step=0.5,
        precision=precision,
        stage="speed",
    )
    before, start = problem.target.work.copy(), time.perf_counter()
    estimate = ais.on(problem.target, problem.full_rank, problem.key)
    seconds = time.perf_counter() - start
    rate = (problem.target.work - before).gradients / seconds
    return rate, float(estimate.diagnostics["acceptance"].mean())


def shares_of_the_limit(problem: Problem) -> dict[str, object]:
    """Medians of several rounds; in each the limit is measured beside every run."""
    limit32, limit16 = matrix_products(problem, torch.float32), matrix_products(problem, torch.bfloat16)
    settings = [(1, "full"), (2, "full"), (4, "full"), (10, "full")]
    if has_fast_bfloat16(problem.target.device):
        settings += [(1, "bfloat16"), (2, "bfloat16"), (4, "bfloat16"), (10, "bfloat16")]
    rounds: dict[str, list[float]] = {}
    limit32(0.5)
    for _ in range(_REPEATS):
        for leapfrogs, precision in settings:
            before = limit32()
            rate, acceptance = ais_rate(problem, leapfrogs, precision)
            limit = 0.5 * (before + limit32())
            name = f"{precision}, {leapfrogs} leapfrogs"
            rounds.setdefault(f"{name}: share of the float32 limit", []).append(rate / limit)
            rounds.setdefault(f"{name}: gradients per second", []).append(rate)
            rounds.setdefault(f"{name}: acceptance", []).append(acceptance)
        rounds.setdefault("float32 products: gradients per second", []).append(limit32())
        rounds.setdefault("bfloat16 products: gradients per second", []).append(limit16())
    return {name: statistics.median(values) for name, values in rounds.items()}
