"""``python -m benchmarks.preflight --json FILE``: seconds that the checks before any work take, by kind of model."""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from gapkit.doctor import CHECKS, examine, prepare
from gapkit.models.freeze import frozen
from gapkit.models.reference import build

# Time depends on shapes alone, so that weights need no training.
_MODELS: dict[str, dict[str, Any]] = {
    "MLP 784-200-200-50, Bernoulli": {"name": "mlp_vae", "x_shape": (784,), "latent": 50, "hidden": (200, 200)},
    "the same with a flow posterior": {
        "name": "mlp_vae",
        "x_shape": (784,),
        "latent": 50,
        "hidden": (200, 200),
        "posterior": "flow",
    },
    "convolutional 1x28x28 (32, 64), 20 latents, Bernoulli": {
        "name": "conv_vae",
        "x_shape": (1, 28, 28),
        "latent": 20,
    },
    "convolutional 3x32x32 (64, 128), 64 latents, Gaussian": {
        "name": "conv_vae",
        "x_shape": (3, 32, 32),
        "latent": 64,
        "hidden": (64, 128),
        "likelihood": "gaussian:sigma=0.2",
    },
}
_DATAPOINTS, _REPEATS = 1000, 5


def seconds(name: str, **config: Any) -> list[float]:
    """How long the checks take on one model, several times over."""
    torch.manual_seed(0)
    model = build(name, **config)
    x = torch.bernoulli(torch.full((_DATAPOINTS, *config["x_shape"]), 0.3))
    found = []
    with frozen(model):
        x = prepare(model, x)
        for _ in range(_REPEATS):
            began = time.perf_counter()
            examine(model, x, allow=CHECKS)
            found.append(time.perf_counter() - began)
    return found


def main() -> None:
    """Measure all kinds and write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.preflight", description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    found = {}
    for kind, config in _MODELS.items():
        times = seconds(**config)
        found[kind] = {"median": statistics.median(times), "most": max(times)}
        print(kind, found[kind], flush=True)
    arguments.json.write_text(json.dumps({"datapoints": _DATAPOINTS, "models": found}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
