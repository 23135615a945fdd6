"""VAEs of binary 8x8 digits by each trainer, and what is measured of them: jobs that several experiments share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from analyses.aevb.exact import quadrature
from analyses.aevb.settings import METHODS, Study, training
from analyses.seeded import Seeded
from gapkit import Result, analyze, load_model, spec_for
from gapkit.estimators import ReciprocalIs
from gapkit.training import TrainConfig, elbo, train

__all__ = ["LATENTS", "Split", "mean_of", "result_of", "splits"]

LATENTS, MAIN = (2, 3, 10), 3
# Longer than the estimator's own: posteriors of three latents are not Gaussian, and the chains have some way to go.
ABOVE = ReciprocalIs(num_warmup=150, num_draws=100)


@dataclass(frozen=True)
class Split(Seeded):
    """A training, its run with the upper bound of appendix D, and log p(x) by quadrature where latents are few."""

    def found(self, path: Path) -> dict[str, Any]:
        """Bounds on all data; the run lies beside it."""
        own, x = self.values, self.source.sets().x
        config = TrainConfig(
            data="digits",
            hidden=(own["hidden"],),
            activation="tanh",
            latent=own["latent"],
            learning_rate=2e-3,
            seed=own["seed"],
            **training(own["objective"], own["epochs"] * len(x["train"]), len(x["train"])),
        )
        model, points = load_model(train(config, x["train"], path / "vae").path), own["points"]
        some = {split: rows[:points] for split, rows in x.items()}
        spec = spec_for("quick", seed=own["seed"], unit_size=min(100, points))
        analyze(model, some, spec, bounds={"reciprocal": ABOVE}).save(path / "run")
        found: dict[str, Any] = {"elbo": {}, "exact": {}, "points": {}, "grid": {}}
        with torch.no_grad():
            torch.manual_seed(own["seed"])
            found["elbo"] = {split: float(elbo(model, rows, 100).mean()) for split, rows in x.items()}
        if own["latent"] == MAIN:
            for split, rows in x.items():
                value = quadrature(model, rows, own["grid"])
                found["exact"][split] = float(value.mean())
                found["points"][split] = value[:points].tolist()
                moved = quadrature(model, some[split], own["grid"], shift=0.5)
                found["grid"][split] = float((moved - value[:points]).abs().max())
        return found


def splits(study: Study, latent: int, objective: str = "elbo") -> list[Seeded]:
    """One training for each seed."""
    budget = study.budget
    assert objective in METHODS
    return study.jobs(
        Split,
        study.digits,
        latent=latent,
        objective=objective,
        epochs=budget.epochs,
        hidden=budget.hidden,
        points=budget.points if objective == "elbo" else budget.points // 2,
        grid=budget.grid,
    )


def result_of(study: Study, job: Seeded) -> Result:
    """The run of a job."""
    return Result.load(study.lab.folder(job) / "run")


def mean_of(results: Sequence[Result], name: str, split: str) -> list[float]:
    """The mean of a column, of each run."""
    found = []
    for result in results:
        table = result.to_frame()
        found.append(float(table[table["split"] == split][name].mean()))
    return found
