"""``python -m analyses.meta_amortization.linear_gaussian``: the meta gap where it is known in closed form.

theta_i ~ N(0, 4), z ~ N(0, 1), x = theta_i + z + e: what the best encoder loses that knows theta_i by a support set
alone, by formula, by sampling the best encoder, and by a set encoder that was trained by the MetaELBO; and the ladder.
Refuted if the trained one is more than 0.01 nats from the formula, or if the first two gaps are not zero.
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
from gapkit import Result
from gapkit.comparison import Claim, judge
from gapkit.engine import spec_for
from gapkit.meta import LinearGaussianMeta, MetaTrainConfig, analyze_meta, fit_each_dataset, train_meta
from gapkit.plots.style import new_axes

__all__ = ["jobs", "part"]

EXACT, SIZES, FRESH = LinearGaussianMeta(), (0, 1, 5, 10, 20), 20_000
NETS = {"hidden": (32, 32), "summary": 8, "set_hidden": (32,), "with_size": True}
GAPS = ("approximation_gap", "amortization_gap", "meta_amortization_gap")


@dataclass(frozen=True)
class SetEncoder(Seeded):
    """A set encoder for support sets of all sizes, and its ladder at M = 10."""

    def found(self, path: Path) -> dict[str, Any]:
        """Losses on fresh data sets, exact for each datapoint, and the run."""
        own = self.values
        torch.manual_seed(own["seed"])
        common = {"learning_rate": 4e-3, "seed": own["seed"]}
        data = EXACT.data(own["datasets"], 60, seed=own["seed"])
        any_size = MetaTrainConfig(
            steps=own["steps"], datasets_per_step=256, queries=2, context_size=20, any_size=True, known=True, **common
        )
        model = train_meta(EXACT.model(data.truth, **NETS), data, any_size).model
        fresh = EXACT.data(FRESH, 1, test=1 + max(SIZES), seed=1000 + own["seed"])
        losses = {}
        for size in SIZES:
            x, support = fresh.test[:, 0], fresh.test[:, 1 : 1 + size]
            with torch.no_grad():
                q = model.encode(x, {"dataset": torch.zeros(FRESH, dtype=torch.long), "support": support})
            lost = EXACT.loss(q.mean, q.variance, x, fresh.truth)
            best = EXACT.loss(*EXACT.best(x, support), x, fresh.truth)
            losses[str(size)] = {"best": float(best.mean()), "excess": float((lost - best).mean())}
        few = EXACT.data(20, 60, held_out=5, seed=own["seed"])
        whole = EXACT.model(few.truth, **NETS)
        whole.encoder.load_state_dict(model.encoder.state_dict())
        each = MetaTrainConfig(
            steps=own["steps"] // 3, datasets_per_step=20, queries=50, num_samples=4, context_size=10, **common
        )
        whole = fit_each_dataset(whole, few, each).model
        spec = spec_for("quick", seed=own["seed"], unit_size=min(100, 4 * own["points"]))
        analyze_meta(whole, few, 10, spec=spec, most=max(1, own["points"] // 15), seed=own["seed"]).save(path / "run")
        return {"losses": losses}


def jobs(study: Study) -> list[Seeded]:
    """One training for each seed."""
    budget = study.budget
    return study.jobs(SetEncoder, steps=budget.steps, datasets=budget.datasets, points=budget.points)


def part(study: Study) -> Part:
    """Formula and measurements side by side."""
    made = jobs(study)
    found = [study.read(job)["losses"] for job in made]
    results = [Result.load(study.lab.folder(job) / "run") for job in made]
    rows, judged = [], []
    for size in SIZES:
        formula = EXACT.meta_gap(size)
        excess = [one[str(size)]["excess"] for one in found]
        rows.append(
            {
                "Context size": size,
                "Formula": formula,
                "Best encoder, sampled": over_seeds([one[str(size)]["best"] for one in found]),
                "Trained minus best": over_seeds(excess),
                "Trained": over_seeds([formula + value for value in excess]),
            }
        )
        claim = Claim(
            f"A trained set encoder is within 0.01 nats of the formula (context {size})",
            "0.01 minus the distance from the best encoder on the same data",
            source="closed form",
        )
        judged.append(judge(claim, [0.01 - abs(value) for value in excess]))
    ladder = pd.DataFrame(
        [
            {"Split": split, **{name: over_seeds([_mean(r, split, name) for r in results]) for name in GAPS}}
            for split in ("seen", "held_out")
        ]
    )
    worst = max(abs(row["Trained minus best"].value) for row in rows)
    words = (
        f"Where the answer is known, a trained set encoder loses what the formula says within {worst:.4f} nats at "
        f"every context size from {SIZES[0]} to {SIZES[-1]}.",
    )
    tables = {
        "The meta-amortization gap in nats, by size of the support set": pd.DataFrame(rows),
        "The ladder's gaps at 10 datapoints of context, in nats: the first two are zero in truth": ladder,
    }
    figure = Drawn(
        lambda: _draw(rows),
        "The gap by the size of the support set: the formula (line) and the trained set encoder (points).",
        "A falling curve with points on it",
    )
    return Part("linear_gaussian", "The meta gap in closed form", words, tables, {"gap": figure}, tuple(judged))


def _mean(result: Result, split: str, name: str) -> float:
    return float(result.summary_values.splits[split].quantities[name].value)


def _draw(rows: Sequence[dict[str, Any]]) -> Axes:
    axes = new_axes(5.0, 3.0)
    sizes = torch.arange(0, 21)
    axes.plot(sizes, [EXACT.meta_gap(int(size)) for size in sizes], color="0.5")
    axes.plot([row["Context size"] for row in rows], [row["Trained"].value for row in rows], "o")
    axes.set(xlabel="datapoints in the support set", ylabel="meta-amortization gap (nats)", ylim=(0, None))
    return axes


if __name__ == "__main__":
    experiment(jobs, part)
