"""``python -m analyses.meta_amortization.sets``: what models with a latent for the set lose, and where.

Sets of twenty numbers theta + z + e, theta ~ N(0, 4), so that log p of a set is known. A Neural Statistician, a
Variational Homoencoder and one with a VampPrior are trained on 2,000 of them; of unseen sets: log p(D) - L in the part
of q(c|D) and that of q(z|x, c), and how far the model's log p(D) is below the truth. A question without a claim: which
part is the larger one, and whether a learned prior of c helps.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from analyses.meta_amortization.settings import Seeded, Study, experiment, over_seeds
from analyses.page import Part
from gapkit.meta import LinearGaussianMeta, MetaTrainConfig, SetVae, set_evidence, train_set_vae

__all__ = ["jobs", "part"]

EXACT, SIZE, LATENT = LinearGaussianMeta(), 20, 2
KINDS = {
    "statistician": "Neural Statistician",
    "homoencoder": "Variational Homoencoder",
    "vamp": "Homoencoder, VampPrior",
}


@dataclass(frozen=True)
class Fitted(Seeded):
    """A model of sets, and log p(D) with its parts for unseen sets."""

    def found(self, path: Path) -> dict[str, Any]:
        """Means over unseen sets, in nats for a set."""
        own = self.values
        torch.manual_seed(own["seed"])
        unseen = own["datasets"] // 10
        data = EXACT.data(own["datasets"] + unseen, 2 * SIZE, held_out=unseen, seed=own["seed"])
        width = min(64, own["width"])
        model = SetVae(
            own["kind"],
            (1,),
            latent=LATENT,
            context=LATENT,
            hidden=(width, width),
            summary=width,
            activation="elu",
            likelihood="gaussian:sigma=1",
            pseudo_sets=30,
            pseudo_size=SIZE,
        )
        config = MetaTrainConfig(
            steps=2 * own["steps"],
            datasets_per_step=32,
            queries=SIZE,
            context_size=SIZE,
            seed=own["seed"],
            clip=10.0,
        )
        trained = train_set_vae(model, data, config).model
        x = data.train[data.held_out, :SIZE]
        found = set_evidence(trained, x, contexts=100, latents=20, seed=own["seed"])
        covariance = EXACT.kappa2 * torch.ones(SIZE, SIZE) + EXACT.spread * torch.eye(SIZE)
        truth = torch.distributions.MultivariateNormal(torch.zeros(SIZE), covariance).log_prob(x[..., 0]).double()
        return {
            "truth": float(truth.mean()),
            "log_p": float(found.log_p.mean()),
            "context": float(found.context.mean()),
            "latent": float(found.latent.mean()),
            "bound": float(found.bound.mean()),
            "error": float(found.error.square().sum().sqrt()) / len(x),
            "effective": float(found.effective.median()),
        }


def made(study: Study, kind: str) -> list[Seeded]:
    """One training for each seed."""
    budget = study.budget
    return study.jobs(Fitted, kind=kind, steps=budget.steps, datasets=budget.datasets, width=budget.width)


def jobs(study: Study) -> list[Seeded]:
    """All kinds."""
    return [job for kind in KINDS for job in made(study, kind)]


def part(study: Study) -> Part:
    """From the truth down to the bound."""
    found = {kind: [study.read(job) for job in made(study, kind)] for kind in KINDS}
    rows = [
        {
            "Model": KINDS[kind],
            "log p of the truth": over_seeds([one["truth"] for one in runs]),
            "The model's misfit": over_seeds([one["truth"] - one["log_p"] for one in runs]),
            "Context gap": over_seeds([one["context"] for one in runs]),
            "Latent gap": over_seeds([one["latent"] for one in runs]),
            "L": over_seeds([one["bound"] for one in runs]),
            "Effective contexts": over_seeds([one["effective"] for one in runs]),
        }
        for kind, runs in found.items()
    ]
    said = ", ".join(
        f"{rows[place]['Context gap'].value:.2f} + {rows[place]['Latent gap'].value:.2f} ({name})"
        for place, name in enumerate(KINDS.values())
    )
    words = (f"Of unseen sets of {SIZE} numbers, q(c|D) and the q(z|x, c) lose these nats together: {said}.",)
    notes = (
        "Nats for a set. log p(D) of a model is estimated from 100 contexts and 20 latents for each, which is from "
        "below on average; where few contexts are effective, misfit is too large and the context gap too small.",
        f"Every model reads c from the whole set here. In training the homoencoders read it from {SIZE} other "
        "datapoints of the data set.",
    )
    caption = "From log p of the truth down to the bound: truth - misfit - gaps = L; errors are over trainings"
    return Part("sets", "A latent for the set", words, {caption: pd.DataFrame(rows)}, notes=notes)


if __name__ == "__main__":
    experiment(jobs, part)
