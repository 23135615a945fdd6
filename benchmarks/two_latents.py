"""``python -m benchmarks.two_latents --json FILE``: log p(x) of VAEs with two latents against grid quadrature.

Trains three of them on MNIST (other seeds), analyses 200 test images of each at default settings, and again from the
encoder's q alone, which shows what the further starts are for.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.problem import images
from gapkit import analyze, checkpoints
from gapkit.engine import spec_for
from gapkit.models.protocol import LatentModel
from gapkit.training import TrainConfig, train

_SEEDS = (0, 1, 2)


@torch.no_grad()
def quadrature(model: LatentModel, x: Tensor, half_width: float = 7.0, points: int = 500) -> Tensor:
    """Log p(x) by the trapezoidal rule on a square grid of latents: shape (B,), float64."""
    axis = torch.linspace(-half_width, half_width, points)
    parts = []
    for z in torch.cartesian_prod(axis, axis).split(2500):
        logits = model.decode(z).base_dist.logits.reshape(len(z), -1)  # type: ignore[attr-defined]
        inner = x.reshape(len(x), -1) @ logits.T - torch.nn.functional.softplus(logits).sum(1)
        parts.append((inner + model.prior().log_prob(z)).double())
    cell = float(axis[1] - axis[0])
    return torch.logsumexp(torch.cat(parts, 1), 1) + 2 * torch.log(torch.tensor(cell, dtype=torch.float64))


def main() -> None:
    """Train, analyse, compare, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_latents", description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--epochs", type=int, default=25)
    arguments = parser.parse_args()
    x, others = images(arguments.data, 200), images(arguments.data, 10_000, "train")
    found = {}
    for seed in _SEEDS:
        folder = arguments.json.parent / f"two-latents-{seed}"
        if not (folder / "model.pt").exists():
            config = TrainConfig(
                data=arguments.data, hidden=(128,), latent=2, activation="tanh", epochs=arguments.epochs, seed=seed
            )
            train(config, out=folder)
        model = checkpoints.load(folder / "model.pt").model.eval()
        truth = quadrature(model, x)
        spec = spec_for("standard", certificate=0)
        alone = replace(spec, fit=replace(spec.fit, num_starts=0))
        for name, settings in (("default", spec), ("no_further_starts", alone)):
            result = analyze(model, x, settings, other_x=others)
            error = torch.tensor(result.to_frame()["log_px"].to_numpy()) - truth
            found[f"seed_{seed}_{name}"] = {
                "bias": float(error.mean()),
                "rmse": float(error.square().mean().sqrt()),
                "worst": float(error[error.abs().argmax()]),
                "flagged": float((result.to_frame()["status"] != "ok").mean()),
            }
            print(seed, name, found[f"seed_{seed}_{name}"], flush=True)
    arguments.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
