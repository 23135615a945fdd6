"""``python -m analyses.meta_amortization.shifts``: the triple split on digits under circular shifts.

A VAE of 8x8 digits; data set i is the digits shifted by i, of 64 shifts 48 are seen. log p_i and the best encoder of
each data set are known from the VAE, so that the meta-amortization gap is measured without a fit. With a support set of
ten datapoints, and without one.
Refuted if ten datapoints of context do not halve the gap on seen shifts, or unseen shifts lose no more than seen ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from matplotlib.axes import Axes

from analyses.meta_amortization.settings import Seeded, Study, experiment, over_seeds
from analyses.page import Drawn, Part
from gapkit import Result, load_model
from gapkit.comparison import Claim, Judged, judge
from gapkit.engine import spec_for
from gapkit.meta import (
    MetaTrainConfig,
    analyze_meta,
    context_curve,
    shifted_encoders,
    shifted_model,
    shifts,
    train_meta,
)
from gapkit.plots.style import new_axes
from gapkit.training import TrainConfig, train

__all__ = ["jobs", "part"]

CONTEXT, SIZES = 10, (0, 1, 2, 5, 10, 20)
QUANTITIES = {
    "log_px": "log p(x)",
    "approximation_gap": "Approximation",
    "amortization_gap": "Amortization",
    "meta_amortization_gap": "Meta-amortization",
}
# One training of another implementation with the same sizes of networks, 5,000 steps of 64 datapoints: to compare.
REFERENCE = {(CONTEXT, "seen"): 1.51, (CONTEXT, "held_out"): 11.67, (0, "seen"): 7.54, (0, "held_out"): 16.07}


@dataclass(frozen=True)
class Shifted(Seeded):
    """The VAE, a doubly amortized encoder, its ladder, and its curve over sizes of the support set."""

    def found(self, path: Path) -> dict[str, Any]:
        """The curve; the run lies beside it."""
        own, x = self.values, self.source.sets().x
        torch.manual_seed(own["seed"])
        vae = TrainConfig(
            data="digits",
            hidden=(min(128, own["width"]),),
            latent=5,
            activation="tanh",
            epochs=own["epochs"],
            learning_rate=2e-3,
            binarize="none",
            seed=own["seed"],
        )
        base = load_model(train(vae, x["train"], path / "vae").path)
        data = shifts(x["train"], x["test"], held_out=16, seed=own["seed"])
        width = own["width"]
        given = shifted_model(base, data, hidden=(2 * width, 2 * width), summary=width, set_hidden=(width,))
        config = MetaTrainConfig(
            steps=own["steps"],
            datasets_per_step=48,
            queries=2,
            context_size=own["context"],
            known=True,
            seed=own["seed"],
        )
        model = train_meta(given, data, config).model
        each = shifted_encoders(base, model, data)
        most = max(1, own["points"] // 48)
        spec = spec_for("quick", seed=own["seed"], unit_size=min(100, 4 * own["points"]))
        analyze_meta(model, data, own["context"], each=each, spec=spec, most=most, seed=own["seed"]).save(path / "run")
        if not own["context"]:
            return {}
        curve = {}
        for name, numbers in (("seen", data.seen_ones), ("held_out", data.held_out)):
            points = context_curve(model, data, numbers, SIZES, redraws=3, num_samples=10, most=most, seed=own["seed"])
            curve[name] = [
                {"size": one.size, "left": one.left.value, "redraws": one.redraws, "bound": one.bound.value}
                for one in points
            ]
        return {"curve": curve}


def made(study: Study, context: int) -> list[Seeded]:
    """One training for each seed."""
    budget = study.budget
    return study.jobs(
        Shifted,
        context=context,
        steps=3 * budget.steps,
        epochs=budget.epochs,
        width=budget.width,
        points=budget.points,
    )


def jobs(study: Study) -> list[Seeded]:
    """With and without a support set."""
    return [*made(study, CONTEXT), *made(study, 0)]


def part(study: Study) -> Part:
    """The triple split, seen and held out side by side."""
    gaps = {
        (context, split): [_mean(study, job, split) for job in made(study, context)]
        for context in (CONTEXT, 0)
        for split in ("seen", "held_out")
    }
    rows = [
        {
            "Context": context,
            "Shifts": split.replace("_", " "),
            **{label: over_seeds([one[name] for one in found]) for name, label in QUANTITIES.items()},
            "Meta, another implementation": REFERENCE[context, split],
        }
        for (context, split), found in gaps.items()
    ]
    meta = {key: [one["meta_amortization_gap"] for one in found] for key, found in gaps.items()}
    with_it, without = over_seeds(meta[CONTEXT, "seen"]), over_seeds(meta[0, "seen"])
    words = (
        f"On seen shifts the meta-amortization gap is {with_it.value:.2f} nats with ten datapoints of context and "
        f"{without.value:.2f} without any; on unseen ones {over_seeds(meta[CONTEXT, 'held_out']).value:.2f} and "
        f"{over_seeds(meta[0, 'held_out']).value:.2f}.",
    )
    curves = [study.read(job)["curve"] for job in made(study, CONTEXT)]
    table = pd.DataFrame(
        [
            {
                "Datapoints": size,
                **{
                    f"{label}, {split.replace('_', ' ')}": over_seeds([curve[split][place][key] for curve in curves])
                    for split in ("seen", "held_out")
                    for key, label in (("left", "Left to the largest"), ("redraws", "Spread over redraws"))
                },
            }
            for place, size in enumerate(SIZES)
        ]
    )
    tables = {
        "The triple split of the gap in nats; errors are over trainings": pd.DataFrame(rows),
        f"Sizes of the support set, for the encoder trained with {CONTEXT} datapoints; nats": table,
    }
    figure = Drawn(
        lambda: _draw(table),
        f"What a support set of so many datapoints loses against one of {SIZES[-1]}.",
        "Two falling curves, of seen and of unseen shifts",
    )
    notes = (
        "log p(x), the approximation and the amortization gap are those of the VAE itself: data set and decoder are "
        "shifted alike. The encoder of each data set is the VAE's own on the image shifted back.",
        "The other implementation trained once, for 5,000 steps of 64 datapoints. The number of steps decides much: "
        "the gap is still falling when training ends. Which shifts are held out differs too, and "
        "few datapoints of each are looked at.",
    )
    figures = {"size": figure}
    return Part("shifts", "Digits under circular shifts", words, tables, figures, tuple(_judged(meta)), notes)


def _judged(meta: dict[tuple[int, str], list[float]]) -> list[Judged]:
    half = Claim(
        "Ten datapoints of context at least halve the gap on seen shifts",
        "half the meta gap without context minus that with it",
        source="reference run",
    )
    unseen = Claim("Unseen shifts lose more than seen ones", "meta gap, unseen minus seen", source="reference run")
    return [
        judge(half, [0.5 * a - b for a, b in zip(meta[0, "seen"], meta[CONTEXT, "seen"], strict=True)]),
        judge(unseen, [a - b for a, b in zip(meta[CONTEXT, "held_out"], meta[CONTEXT, "seen"], strict=True)]),
    ]


def _mean(study: Study, job: Seeded, split: str) -> dict[str, float]:
    quantities = Result.load(study.lab.folder(job) / "run").summary_values.splits[split].quantities
    return {name: float(quantities[name].value) for name in QUANTITIES}


def _draw(table: pd.DataFrame) -> Axes:
    axes = new_axes(5.0, 3.0)
    for split in ("seen", "held out"):
        values: Sequence[Any] = table[f"Left to the largest, {split}"]
        axes.plot(table["Datapoints"], [one.value for one in values], "o-", label=split)
    axes.set(xlabel="datapoints in the support set", ylabel="nats left to gain")
    axes.legend()
    return axes


if __name__ == "__main__":
    experiment(jobs, part)
