"""``python -m analyses.meta_amortization.linear_gaussian``: the meta gap where it is known in closed form.

theta_i ~ N(0, 4), z ~ N(0, 1), x = theta_i + z + e: what the best encoder loses that knows theta_i by a support set
alone, by formula, by sampling the best encoder, and by a set encoder that was trained by the MetaELBO; and the ladder.
Refuted if the trained one is more than 0.01 nats from the formula, or if the first two gaps are not zero within error.
"""

import math
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
from gapkit.meta import (
    LinearGaussianMeta,
    MetaData,
    MetaTrainConfig,
    analyze_meta,
    fit_each_dataset,
    of_each_dataset,
    points_of,
    train_meta,
)
from gapkit.models.pair import PairModel
from gapkit.plots.style import new_axes
from gapkit.report.blocks import PlusMinus

__all__ = ["jobs", "part"]

EXACT, SIZES, FRESH = LinearGaussianMeta(), (0, 1, 5, 10, 20), 20_000
LADDER, UNSEEN = 10, 5  # size of the context on the ladder; data sets of it that are held out
NETS = {"hidden": (32, 32), "summary": 8, "set_hidden": (32,), "with_size": True}
GAPS = ("approximation_gap", "amortization_gap", "meta_amortization_gap")


@dataclass(frozen=True)
class SetEncoder(Seeded):
    """A set encoder for support sets of all sizes, and the ladder of one for ten datapoints."""

    def found(self, path: Path) -> dict[str, Any]:
        """Losses on fresh data sets, exact for each datapoint, and the run."""
        own = self.values
        torch.manual_seed(own["seed"])
        data = EXACT.data(own["datasets"] + UNSEEN, max(60, own["datasets"] // 2), held_out=UNSEEN, seed=own["seed"])
        model = self._trained(data, context_size=max(SIZES), any_size=True, **NETS)
        fresh = EXACT.data(FRESH, 1, test=1 + max(SIZES), seed=1000 + own["seed"])
        losses = {}
        for size in SIZES:
            x, support = fresh.test[:, 0], fresh.test[:, 1 : 1 + size]
            with torch.no_grad():
                q = model.encode(x, {"dataset": torch.zeros(FRESH, dtype=torch.long), "support": support})
            lost = EXACT.loss(q.mean, q.variance, x, fresh.truth)
            best = EXACT.loss(*EXACT.best(x, support), x, fresh.truth)
            losses[str(size)] = {"best": float(best.mean()), "excess": float((lost - best).mean())}
        return {"losses": losses, "exact": self._ladder(data, path)}

    def _trained(self, data: MetaData, **sizes: Any) -> PairModel:
        """A doubly amortized encoder, by the MetaELBO, with the decoders known."""
        trained = ("context_size", "any_size")
        config = MetaTrainConfig(
            steps=self.values["steps"],
            datasets_per_step=256,
            queries=2,
            known=True,
            learning_rate=4e-3,
            seed=self.values["seed"],
            **{name: sizes.pop(name) for name in trained if name in sizes},
        )
        found: PairModel = train_meta(EXACT.model(data.truth, **sizes), data, config).model
        return found

    def _ladder(self, data: MetaData, path: Path) -> dict[str, Any]:
        """Save the run of the ladder, and return its gaps by formula for the same encoders and datapoints.

        r is linear here: so are the best encoders, of one data set and of all at a context of one size. Networks with
        hidden layers come near them, and what is left of that is an amortization gap: with 60 datapoints to fit them
        to, 0.0005 nats of it on new ones.
        """
        own = self.values
        model = self._trained(data, context_size=LADDER, **{**NETS, "hidden": (), "with_size": False})
        rows = torch.cat([torch.arange(3 * UNSEEN), torch.tensor(data.held_out)])
        few = MetaData(data.train[rows], data.test[rows], data.seen[rows], truth=data.truth[rows])
        whole = EXACT.model(few.truth, **{**NETS, "hidden": (), "with_size": False})
        whole.encoder.load_state_dict(model.encoder.state_dict())
        each = MetaTrainConfig(
            steps=own["steps"],
            datasets_per_step=len(rows),
            queries=100,
            num_samples=16,
            context_size=LADDER,
            learning_rate=4e-3,
            seed=own["seed"],
        )
        whole = fit_each_dataset(whole, few, each).model
        spec = spec_for("quick", seed=own["seed"], unit_size=min(100, 4 * own["points"]))
        most = max(2, own["points"] // 15)
        analyze_meta(whole, few, LADDER, spec=spec, most=most, seed=own["seed"]).save(path / "run")
        exact = {}
        for split, numbers in (("seen", few.seen_ones), ("held_out", few.held_out)):
            points = points_of(few, numbers, LADDER, seed=own["seed"], most=most)
            lost = []
            for encoder in (of_each_dataset(whole), whole):
                with torch.no_grad():
                    q = encoder.encode(points.x, points.condition)
                lost.append(float(EXACT.loss(q.mean, q.variance, points.x, few.truth[points.dataset]).mean()))
            exact[split] = {GAPS[0]: 0.0, GAPS[1]: lost[0], GAPS[2]: lost[1] - lost[0]}
        return exact


def jobs(study: Study) -> list[Seeded]:
    """One training for each seed."""
    budget = study.budget
    return study.jobs(SetEncoder, steps=budget.steps, datasets=budget.datasets, points=budget.points)


def part(study: Study) -> Part:
    """Formula and measurements side by side."""
    made = jobs(study)
    read = [study.read(job) for job in made]
    found, exact = [one["losses"] for one in read], [one["exact"] for one in read]
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
    ladder, farthest = [], 0.0
    for split in ("seen", "held_out"):
        for name in GAPS:
            known = [one[split][name] for one in exact]
            means = [result.summary_values.splits[split].quantities[name] for result in results]
            value = 1e3 * sum(float(mean.value) for mean in means) / len(means)
            error = 1e3 * math.hypot(*(float(mean.se_monte_carlo or 0.0) for mean in means)) / len(means)
            formula = 1e3 * sum(known) / len(known)
            ladder.append(
                {
                    "Data sets": split.replace("_", " "),
                    "Gap": name.removesuffix("_gap").replace("_", "-"),
                    "Measured, with its Monte Carlo error": PlusMinus(value, error),
                    "By formula, for these encoders and datapoints": formula,
                    "Difference, in errors": (value - formula) / error,
                }
            )
            if name != GAPS[2]:
                farthest = max(farthest, abs(value / error))
    worst = max(abs(row["Trained minus best"].value) for row in rows)
    words = (
        f"Where the answer is known, a trained set encoder loses what the formula says within {worst:.4f} nats at "
        f"every context size from {SIZES[0]} to {SIZES[-1]}.",
        "On the ladder the first two gaps, which the best encoders of the data sets do not have, are zero within "
        f"{farthest:.1f} Monte Carlo errors.",
    )
    tables = {
        "The meta-amortization gap in nats, by size of the support set": pd.DataFrame(rows),
        f"The ladder's gaps at {LADDER} datapoints of context, in thousandths of a nat": pd.DataFrame(ladder),
    }
    figure = Drawn(
        lambda: _draw(rows),
        "The gap by the size of the support set: the formula (line) and the trained set encoder (points).",
        "A falling curve with points on it",
    )
    return Part("linear_gaussian", "The meta gap in closed form", words, tables, {"gap": figure}, tuple(judged))


def _draw(rows: Sequence[dict[str, Any]]) -> Axes:
    axes = new_axes(5.0, 3.0)
    sizes = torch.arange(0, 21)
    axes.plot(sizes, [EXACT.meta_gap(int(size)) for size in sizes], color="0.5")
    axes.plot([row["Context size"] for row in rows], [row["Trained"].value for row in rows], "o")
    axes.set(xlabel="datapoints in the support set", ylabel="meta-amortization gap (nats)", ylim=(0, None))
    return axes


if __name__ == "__main__":
    experiment(jobs, part)
