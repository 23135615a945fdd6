"""``python -m analyses.inference_suboptimality.beyond``: what the paper does not ask.

Richer Gaussians between FFG and flow, on how many datapoints which gap is the larger one, gaps by class, a few local
steps instead of another encoder, and whether the work of inference tells unusual data.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analyses.inference_suboptimality.settings import analysed, trained
from analyses.inference_suboptimality.study import Study, experiment, family_gap, over_seeds
from analyses.lab import Analysed
from analyses.page import Drawn, Part
from gapkit import Result, analyze
from gapkit.comparison import Claim, Measured, judge, level
from gapkit.engine import spec_for
from gapkit.ood import separate
from gapkit.plots import class_gaps, semi_amortized
from gapkit.report.blocks import PlusMinus

__all__ = ["jobs", "part"]

FAMILIES = ("mean_field", "low_rank", "full_rank", "flow")
LABELS = {"mean_field": "FFG", "low_rank": "low rank", "full_rank": "full rank", "flow": "flow"}
SCORED = 60


def runs(study: Study) -> list[Analysed]:
    """Each seed's FFG model in four families, with local steps."""
    models = [trained(study.budget, study.main, "FFG", seed) for seed in range(study.budget.seeds)]
    points = study.budget.points
    return [analysed(study.budget, model, *FAMILIES, certificate=0, semi_amortized=points) for model in models]


def jobs(study: Study) -> list[Analysed]:
    """These."""
    return runs(study)


def part(study: Study) -> Part:
    """Tables of families, shares and scores; pictures of classes and of local steps."""
    results = study.results(runs(study))
    rows = [
        {
            "Family": LABELS[family],
            **{split: over_seeds(results, family_gap(results, family), split) for split in ("train", "test")},
        }
        for family in FAMILIES
    ]
    shares = pd.DataFrame([{"Split": split, **_shares(results, split)} for split in ("train", "test")])
    full = Claim(
        "A Gaussian with correlations halves the approximation gap of FFG (training data)",
        "half the approximation gap of FFG, minus that of full rank",
        source="beyond the paper",
    )
    pairs = [
        (level(r, "approximation_gap", "train"), level(r, "approximation_gap_full_rank", "train")) for r in results
    ]
    judged = [judge(full, [Measured(0.5 * ffg.values, ffg.shortfall) - rank for ffg, rank in pairs])]
    found = _scored(study)
    ratio = over_seeds(results, "approximation_gap_full_rank", "train").value / rows[0]["train"].value
    words = (
        f"Correlations alone take the approximation gap of FFG to {ratio:.0%} of it on training data; the share of "
        f"datapoints where the encoder's gap is the larger one is {shares.iloc[0, 1].value:.0%}.",
    )
    tables = {
        "Approximation gaps of richer families on the decoders of FFG models, in nats": pd.DataFrame(rows),
        "Share of datapoints whose amortization gap is larger than their approximation gap": shares,
        "How well scores tell test data from the same images turned upside down (area under the ROC curve)": found,
    }
    first = results[0]
    figures = {
        "classes": Drawn(lambda: _classes(first), "Gaps by class, test data, first training.", "Bars for each class."),
        "steps": Drawn(
            lambda: semi_amortized(first),
            "What is left of the amortization gap after local steps on q, first training.",
            "A falling curve.",
        ),
    }
    title = "Beyond the paper: families, classes, local steps, scores"
    return Part("beyond", title, words, tables, figures, tuple(judged))


def _shares(results: list[Result], split: str) -> dict[str, PlusMinus]:
    """Over trainings; the error is that between them."""
    more = [level(r, "amortization_gap", split).values > level(r, "approximation_gap", split).values for r in results]
    values = np.array([part.mean() for part in more])
    error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else None
    return {"Encoder's gap is larger": PlusMinus(float(values.mean()), error)}


def _scored(study: Study) -> pd.DataFrame:
    """Scores of test images, and of the same turned upside down, by the first model."""
    model = study.lab.model(trained(study.budget, study.main, "FFG"))
    x = study.main.sets().x["test"][: min(SCORED, study.budget.points)]
    spec = spec_for(study.budget.effort, **(study.budget.spec | {"unit_size": len(x)}))
    found = separate(analyze(model, x, spec), analyze(model, x.flip(-2), spec), names=("as they are", "turned")).summary
    rows = [{"Score": str(name), "Area": PlusMinus(row["auc"], row["auc_se"])} for name, row in found.iterrows()]
    return pd.DataFrame(rows)


def _classes(result: Result) -> Axes:
    return class_gaps(result, split="test")


if __name__ == "__main__":
    experiment(jobs, part)
