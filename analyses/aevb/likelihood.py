"""``python -m analyses.aevb.likelihood``: the marginal likelihood for two sizes of the training set (figure 3).

MNIST, three latents, 100 hidden units; AEVB, wake-sleep and Monte Carlo EM. log p(x) is IWAE from a Gaussian of full
covariance that was fitted to each datapoint, so that no encoder enters; at the end appendix D bounds it from above.
The paper's claim is that AEVB's is the largest for both sizes; it is refuted where it is not.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from torch import Tensor

from analyses.aevb.settings import METHODS, UPDATES, Study, experiment, training
from analyses.page import Drawn, Part
from analyses.seeded import Seeded, over_seeds
from gapkit import fit, load_model
from gapkit.comparison import Claim, judge
from gapkit.estimators import Iwae, ReciprocalIs
from gapkit.plots.style import CLASSES, new_axes, style
from gapkit.training import TrainConfig, train

__all__ = ["jobs", "part"]

LATENT, UPPER, DRAWS = 3, 20, 1000


@dataclass(frozen=True)
class Likelihood(Seeded):
    """A training, and log p(x) of training and of test data after some of its samples."""

    def found(self, path: Path) -> dict[str, Any]:
        """Samples, log p(x), and the width of the bracket at the end."""
        own, x = self.values, self.source.sets().x
        size, objective = len(x["train"]), own["objective"]
        given = training(objective, own["samples"], size)
        last = given["epochs"]
        marks = sorted({max(1, last // part) for part in own["marks"]})
        config = TrainConfig(
            data="mnist",
            hidden=(100,),
            activation="tanh",
            latent=LATENT,
            learning_rate=2e-3,
            weight_prior=1.0,
            checkpoint_every=1,
            seed=own["seed"],
            **given,
        )
        began = time.process_time()  # of this process alone: what else runs does not count
        train(config, x["train"], path / "vae")
        seconds = time.process_time() - began
        models = [load_model(path / "vae" / "checkpoints" / f"epoch-{epoch:04d}.pt") for epoch in marks]
        found: dict[str, Any] = {
            "samples": [epoch * size * UPDATES.get(objective, 1) for epoch in marks],
            "seconds": seconds,
        }
        for split in ("train", "test"):
            some = x[split][: own["measured"]]
            found[split] = [_log_px(model, some, own["seed"]) for model in models]
        found["width"] = _width(models[-1], x["test"][: min(UPPER, own["measured"])], own["seed"])
        return found


def _log_px(model: Any, x: Tensor, seed: int) -> float:
    q = fit(model, x, "full_rank", "quick", seed).q
    return float(Iwae(num_samples=DRAWS)(model, x, q, seed).value.mean())


def _width(model: Any, x: Tensor, seed: int) -> float:
    """Appendix D minus IWAE, on average."""
    q = fit(model, x, "full_rank", "quick", seed).q
    above = ReciprocalIs(num_chains=16)(model, x, q, seed).value
    return float((above - Iwae(num_samples=DRAWS)(model, x, q, seed).value).mean())


def made(study: Study, size: int, objective: str) -> list[Seeded]:
    """One training for each seed."""
    budget = study.budget
    source = study.images(size)
    settings = {"samples": budget.samples, "measured": budget.measured, "marks": budget.marks}
    return study.jobs(Likelihood, source, objective=objective, **settings)


def jobs(study: Study) -> list[Seeded]:
    """Every trainer, both sizes."""
    return [job for size in study.budget.sizes for objective in METHODS for job in made(study, size, objective)]


def part(study: Study) -> Part:
    """log p(x) at the end and on the way, and the claims."""
    kinds = [(size, objective) for size in study.budget.sizes for objective in METHODS]
    found = {kind: [study.read(job) for job in made(study, *kind)] for kind in kinds}
    rows, judged = [], []
    for (size, objective), runs in found.items():
        for place, samples in enumerate(runs[0]["samples"]):
            rows.append(
                {
                    "Training images": size,
                    "Trainer": METHODS[objective],
                    "Samples": samples,
                    **{
                        f"log p(x), {split}": over_seeds([run[split][place] for run in runs])
                        for split in ("train", "test")
                    },
                    "Appendix D minus IWAE": over_seeds([run["width"] for run in runs])
                    if place + 1 == len(runs[0]["samples"])
                    else None,
                    "Seconds": over_seeds([run["seconds"] for run in runs]),
                }
            )
    for size in study.budget.sizes:
        for other in ("wake_sleep", "mcem"):
            claim = Claim(
                f"AEVB has the larger test log p(x) than {METHODS[other]} ({size:,} images)",
                f"test log p(x), AEVB minus {METHODS[other]}, at equal samples",
                source="figure 3",
            )
            pairs = zip(found[size, "elbo"], found[size, other], strict=True)
            judged.append(judge(claim, [ours["test"][-1] - theirs["test"][-1] for ours, theirs in pairs]))
    ends = [
        f"{size:,} images: "
        + ", ".join(
            f"{METHODS[o]} {over_seeds([run['test'][-1] for run in found[size, o]]).value:.1f}" for o in METHODS
        )
        for size in study.budget.sizes
    ]
    words = (f"Test log p(x) of MNIST after {study.budget.samples:,} samples, in nats: {'; '.join(ends)}.",)
    caption = "log p(x) by IWAE in nats, and how far appendix D is above it at the end; errors are over trainings"
    figure = Drawn(
        lambda: _draw(study, found),
        "log p(x) against samples in weight updates; solid: training data, dashed: test data; means over trainings.",
        "Two panels of curves, for a small and a larger training set",
    )
    notes = (
        "Monte Carlo EM takes five updates for each of its draws, and ten gradients of the decoder for a draw, which "
        "are no samples here but show in the seconds; so does the encoder that it gets at the end.",
        f"Measured on the first {study.budget.measured} images of each split.",
    )
    return Part(
        "likelihood",
        "The marginal likelihood by size of the training set",
        words,
        {caption: pd.DataFrame(rows)},
        {"log_px": figure},
        tuple(judged),
        notes,
    )


def _draw(study: Study, found: dict[tuple[int, str], list[dict[str, Any]]]) -> Axes:
    with style():
        axes = new_axes(6.4, 3.0)
        axes.set_axis_off()
        for number, size in enumerate(study.budget.sizes):
            panel = axes.inset_axes((0.52 * number, 0.0, 0.46, 0.9))
            for color, objective in zip(CLASSES, METHODS, strict=False):
                runs = found[size, objective]
                for split, line in (("train", "o-"), ("test", "o--")):
                    values = _means([run[split] for run in runs])
                    label = METHODS[objective] if split == "train" else None
                    panel.plot(runs[0]["samples"], values, line, color=color, linewidth=1.2, markersize=3, label=label)
            panel.set(xscale="log", title=f"{size:,} training images", xlabel="samples")
            if not number:
                panel.set_ylabel("log p(x) (nats)")
                panel.legend()
    return axes


def _means(curves: Sequence[Sequence[float]]) -> list[float]:
    return torch.tensor(curves, dtype=torch.float64).mean(0).tolist()


if __name__ == "__main__":
    experiment(jobs, part)
