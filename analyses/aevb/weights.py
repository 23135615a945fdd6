"""``python -m analyses.aevb.weights``: the weights as a point, with a prior, or with a posterior (appendix F).

A few digits and three latents: AEVB without a prior over the decoder's weights, with N(0, I) (MAP, as in the paper's
experiments), and with a Gaussian posterior over them (full variational Bayes, which the paper derives and does not
run). Measured by the exact test log p(x); of the posterior at its mean, and averaged over draws.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from analyses.aevb.digits import MAIN
from analyses.aevb.exact import quadrature
from analyses.aevb.settings import Study, experiment
from analyses.page import Part
from analyses.seeded import Seeded, over_seeds
from gapkit import load_model
from gapkit.comparison import Claim, judge
from gapkit.models import read_payload
from gapkit.training import TrainConfig, draw_weights, train

__all__ = ["jobs", "part"]

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "point": ("a point", {}),
    "map": ("a point with the prior N(0, I)", {"weight_prior": 1.0}),
    "full_vb": ("a Gaussian posterior", {"objective": "full_vb"}),
}
TESTED, REDRAWN = 297, 5


@dataclass(frozen=True)
class Weighted(Seeded):
    """A training on a few digits."""

    def found(self, path: Path) -> dict[str, Any]:
        """Exact log p(x) of training and test digits."""
        own, x = self.values, self.source.sets().x
        few = x["train"][: own["few"]]
        config = TrainConfig(
            data="digits",
            hidden=(own["hidden"],),
            activation="tanh",
            latent=MAIN,
            learning_rate=2e-3,
            batch_size=50,
            epochs=2 * own["epochs"],
            binarize="none",
            seed=own["seed"],
            **KINDS[own["kind"]][1],
        )
        place = train(config, few, path / "vae").path
        model, sets = load_model(place), {"train": few, "test": x["test"][:TESTED]}
        found: dict[str, Any] = {
            split: float(quadrature(model, rows, own["grid"]).mean()) for split, rows in sets.items()
        }
        std = read_payload(place)["extra"].get("weight_std")
        if std is not None:
            drawn = [draw_weights(model, std, seed) for seed in range(REDRAWN)]
            each = torch.stack([quadrature(one, sets["test"], own["grid"]) for one in drawn])
            found["averaged"] = float((each.logsumexp(0) - math.log(REDRAWN)).mean())
        return found


def made(study: Study, kind: str) -> list[Seeded]:
    """One training for each seed."""
    budget = study.budget
    settings = {"epochs": budget.epochs, "hidden": budget.hidden, "grid": budget.grid, "few": budget.few}
    return study.jobs(Weighted, study.digits, kind=kind, **settings)


def jobs(study: Study) -> list[Seeded]:
    """All kinds."""
    return [job for kind in KINDS for job in made(study, kind)]


def part(study: Study) -> Part:
    """log p(x) by what is done with the weights."""
    found = {kind: [study.read(job) for job in made(study, kind)] for kind in KINDS}
    rows = [
        {
            "The weights as": words,
            "log p(x), train": over_seeds([run["train"] for run in found[kind]]),
            "log p(x), test": over_seeds([run["test"] for run in found[kind]]),
            "Test, averaged over draws of the weights": over_seeds([run["averaged"] for run in found[kind]])
            if kind == "full_vb"
            else None,
        }
        for kind, (words, _) in KINDS.items()
    ]
    judged = []
    for kind, text in (("map", "A prior over the weights"), ("full_vb", "A posterior over the weights")):
        claim = Claim(
            f"{text} raises the test log p(x) where data are few",
            f"exact test log p(x), with it minus a point ({study.budget.few} digits)",
            source="appendix F",
        )
        pairs = zip(found[kind], found["point"], strict=True)
        judged.append(judge(claim, [a["test"] - b["test"] for a, b in pairs]))
    point, prior, posterior = (over_seeds([run["test"] for run in found[kind]]).value for kind in KINDS)
    averaged = over_seeds([run["averaged"] for run in found["full_vb"]]).value
    words = (
        f"Trained on {study.budget.few} digits, the exact test log p(x) is {point:.2f} nats with weights as a point, "
        f"{prior:.2f} with their prior, and {posterior:.2f} at the mean of their posterior, {averaged:.2f} averaged "
        "over it.",
    )
    caption = "Exact log p(x) in nats, by quadrature; errors are over trainings"
    return Part(
        "weights", "A prior and a posterior over the weights", words, {caption: pd.DataFrame(rows)}, {}, tuple(judged)
    )


if __name__ == "__main__":
    experiment(jobs, part)
