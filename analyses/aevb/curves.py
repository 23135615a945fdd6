"""``python -m analyses.aevb.curves``: the lower bound against the samples seen (figure 2 of the paper).

MNIST with 3, 5, 10, 20 and 200 latents, AEVB against wake-sleep, on training and test data. Networks and the number of
samples are smaller than the paper's, so that it takes minutes; Adam in the place of Adagrad, which at so few samples is
behind by ten nats and more with every step size of the paper, for both trainers. A prior N(0, I) over the decoder's
weights, as in the paper. The claims are the paper's: AEVB is better at every size, and more latents do not overfit.
"""

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes
from torch import Tensor

from analyses.aevb.settings import METHODS, Study, experiment, training
from analyses.page import Drawn, Part
from analyses.seeded import Seeded, over_seeds
from gapkit import load_model
from gapkit.comparison import Claim, Judged, judge
from gapkit.plots.style import CLASSES, new_axes, style
from gapkit.training import TrainConfig, elbo, train

__all__ = ["Curve", "curve", "jobs", "part"]

TRAINERS, MEASURED, POINTS = ("elbo", "wake_sleep"), 1000, 8


@dataclass(frozen=True)
class Curve(Seeded):
    """A training, and the ELBO of its encoder at some of its epochs; ``model.pt`` lies beside it."""

    def found(self, path: Path) -> dict[str, Any]:
        """Samples seen, and the ELBO of training and of test data then."""
        own, x = self.values, {split: rows[:] for split, rows in self.source.sets().x.items()}
        size = len(x["train"])
        config = TrainConfig(
            data="mnist",
            hidden=(own["width"],),
            activation="tanh",
            latent=own["latent"],
            learning_rate=2e-3,
            weight_prior=1.0,
            checkpoint_every=1,
            seed=own["seed"],
            **training(own["objective"], own["passes"] * size, size),
        )
        began = time.process_time()  # of this process alone: what else runs does not count
        trained = train(config, x["train"], path / "vae")
        seconds = time.process_time() - began
        epochs = sorted({round(math.exp(math.log(own["passes"]) * part / (POINTS - 1))) for part in range(POINTS)})
        found: dict[str, Any] = {"samples": [epoch * size for epoch in epochs], "seconds": seconds}
        for split in ("train", "test"):
            some = x[split][:MEASURED]
            weights = [path / "vae" / "checkpoints" / f"epoch-{epoch:04d}.pt" for epoch in epochs]
            found[split] = [_bound(load_model(place), some, own["seed"]) for place in weights]
        trained.path.replace(path / "model.pt")
        shutil.rmtree(path / "vae")
        return found


def _bound(model: Any, x: Tensor, seed: int) -> float:
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        return float(elbo(model, x, 2).mean())


def curve(study: Study, latent: int, objective: str = "elbo") -> list[Seeded]:
    """One training for each seed."""
    budget = study.budget
    source = study.images(budget.images)
    return study.jobs(Curve, source, latent=latent, objective=objective, passes=budget.passes, width=budget.width)


def jobs(study: Study) -> list[Seeded]:
    """Both trainers, all sizes."""
    return [job for latent in study.budget.latents for objective in TRAINERS for job in curve(study, latent, objective)]


def part(study: Study) -> Part:
    """Curves, their ends, and the claims."""
    found = {
        (latent, objective): [study.read(job) for job in curve(study, latent, objective)]
        for latent in study.budget.latents
        for objective in TRAINERS
    }
    rows = [
        {
            "Latents": latent,
            "Trainer": METHODS[objective],
            "L[q], train": over_seeds([run["train"][-1] for run in runs]),
            "L[q], test": over_seeds([run["test"][-1] for run in runs]),
            "Best test L[q] on the way": over_seeds([max(run["test"]) for run in runs]),
            "Seconds": over_seeds([run["seconds"] for run in runs]),
        }
        for (latent, objective), runs in found.items()
    ]
    points = [
        {
            "Latents": latent,
            "Samples": samples,
            **{
                f"{METHODS[objective]}, {split}": over_seeds([run[split][place] for run in found[latent, objective]])
                for objective in TRAINERS
                for split in ("train", "test")
            },
        }
        for latent in study.budget.latents
        for place, samples in enumerate(found[latent, TRAINERS[0]][0]["samples"])
    ]
    ahead = [f"{latent} latents by {over_seeds(_lead(found, latent)).value:.1f}" for latent in study.budget.latents]
    words = (
        f"MNIST, {study.budget.images * study.budget.passes:,} samples: AEVB's test lower bound is above wake-sleep's "
        f"with {', '.join(ahead)} nats (a minus would be below).",
    )
    tables = {
        "The lower bound after the last sample, in nats; errors are over trainings; seconds on one core": pd.DataFrame(
            rows
        ),
        "The lower bound by samples seen, in nats; errors are over trainings": pd.DataFrame(points),
    }
    figure = Drawn(
        lambda: _draw(found),
        "Lower bound against samples seen; solid: training data, dashed: test data; means over trainings.",
        "A panel of rising curves for each number of latents",
    )
    return Part("curves", "The lower bound by samples seen", words, tables, {"bounds": figure}, _judged(study, found))


Found = dict[tuple[int, str], list[dict[str, Any]]]


def _lead(found: Found, latent: int, place: int = -1) -> list[float]:
    """What AEVB's test bound has more than wake-sleep's, of each seed."""
    pairs = zip(*(found[latent, objective] for objective in TRAINERS), strict=True)
    return [ours["test"][place] - theirs["test"][place] for ours, theirs in pairs]


def _judged(study: Study, found: Found) -> tuple[Judged, ...]:
    judged = []
    for latent in study.budget.latents:
        claim = Claim(
            f"AEVB ends above wake-sleep ({latent} latents, MNIST)",
            "test L[q], AEVB minus wake-sleep",
            source="section 5",
        )
        judged.append(judge(claim, _lead(found, latent)))
    sooner = Claim(
        "AEVB is ahead at every measured number of samples",
        "smallest lead of the test L[q] over latents and samples",
        source="figure 2",
    )
    places = range(len(found[study.budget.latents[0], "elbo"][0]["samples"]))
    leads = [[_lead(found, latent, place) for place in places] for latent in study.budget.latents]
    seeds = range(study.budget.seeds)
    judged.append(judge(sooner, [min(one[seed] for of in leads for one in of) for seed in seeds]))
    few, many = study.budget.latents[-2], study.budget.latents[-1]
    pairs = list(zip(found[many, "elbo"], found[few, "elbo"], strict=True))
    overfit = Claim(
        "Superfluous latents do not overfit",
        f"1 nat plus training minus test L[q] of AEVB with {few} latents, minus that with {many}",
        source="section 5",
    )
    apart = [[one["train"][-1] - one["test"][-1] for one in pair] for pair in pairs]
    judged.append(judge(overfit, [1 + usual - superfluous for superfluous, usual in apart]))
    as_high = Claim(
        "Superfluous latents cost nothing at equal samples",
        f"1 nat plus the test L[q] of AEVB with {many} latents minus that with {few}",
    )
    judged.append(judge(as_high, [1 + a["test"][-1] - b["test"][-1] for a, b in pairs]))
    return tuple(judged)


def _draw(found: Found) -> Axes:
    latents = list(dict.fromkeys(latent for latent, _ in found))
    with style():
        axes = new_axes(7.6, 2.8)
        axes.set_axis_off()
        share = 1 / len(latents)
        low = min(min(run["test"]) for runs in found.values() for run in runs)
        high = max(max(run["train"]) for runs in found.values() for run in runs)
        for number, latent in enumerate(latents):
            panel = axes.inset_axes((number * share, 0.0, share * 0.88, 0.92))
            for color, objective in zip(CLASSES[:2], TRAINERS, strict=True):
                for split, line in (("train", "-"), ("test", "--")):
                    runs = found[latent, objective]
                    panel.plot(
                        runs[0]["samples"],
                        _means([run[split] for run in runs]),
                        line,
                        color=color,
                        linewidth=1.2,
                        label=f"{METHODS[objective]}, {split}",
                    )
            panel.set(xscale="log", title=f"{latent} latents", ylim=(low - 5, high + 5))
            panel.set_xlabel("samples" if number == len(latents) // 2 else "")
            panel.tick_params(labelleft=not number)
            if not number:
                panel.set_ylabel("L[q] (nats)")
                panel.legend(fontsize=6.5)
    return axes


def _means(curves: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) / len(values) for values in zip(*curves, strict=True)]


if __name__ == "__main__":
    experiment(jobs, part)
