"""A convolutional decoder: gradients per second of gapkit, against its forward pass and input-backward alone."""

import statistics
import time
from collections.abc import Callable

import torch

from gapkit.core.randomness import Key
from gapkit.estimators import Ais
from gapkit.models.encoding import encoded
from gapkit.models.freeze import frozen
from gapkit.models.reference import build
from gapkit.target import Target, recognise
from gapkit.target.simulate import simulate

__all__ = ["convolution"]

_DATAPOINTS, _REPEATS = 20, 5


def convolution() -> dict[str, float]:
    """Medians of several rounds of a 3 x 32 x 32 decoder with 64 latents; the limit is measured before and after each.

    Returns:
        The share of the limit of gradients alone and of a whole AIS run, and gradients per second of all three.
    """
    torch.manual_seed(0)
    with frozen(build("conv_vae", x_shape=(3, 32, 32), latent=64)) as model:
        x = simulate(model, _DATAPOINTS)[0]
        target = Target(model, x)
        rows = target.max_rows // _DATAPOINTS * _DATAPOINTS
        z = torch.randn(rows // _DATAPOINTS, _DATAPOINTS, target.dim)
        q, key = recognise(encoded(model, x)), Key(0, tuple(range(_DATAPOINTS)))

        def alone() -> None:
            leaf = z.reshape(rows, -1).requires_grad_(True)
            out = model.decoder(leaf)
            out = out[0] if isinstance(out, tuple) else out
            torch.autograd.grad(out, leaf, torch.ones_like(out))

        def annealed() -> int:
            before = target.work.copy()
            ais = Ais(num_chains=64, num_temperatures=4, num_leapfrogs=2, pilot_chains=0, step=0.5, stage="speed")
            ais.on(target, q, key)
            return (target.work - before).gradients

        def gradients() -> int:
            target.grad(z)
            return rows

        rounds: dict[str, list[float]] = {}
        for _ in range(_REPEATS):
            for name, work in (("gradients", gradients), ("AIS", annealed)):
                limit = _rate(lambda: alone() or rows)
                rate = _rate(work)
                limit = 0.5 * (limit + _rate(lambda: alone() or rows))
                rounds.setdefault(f"{name}: share of forward and backward alone", []).append(rate / limit)
                rounds.setdefault(f"{name}: gradients per second", []).append(rate)
                rounds.setdefault("forward and backward alone: gradients per second", []).append(limit)
    return {name: statistics.median(values) for name, values in rounds.items()}


def _rate(work: Callable[[], int], seconds: float = 1.0) -> float:
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        count += work()
    return count / (time.perf_counter() - start)
