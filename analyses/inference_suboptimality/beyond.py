"""``python -m analyses.inference_suboptimality.beyond``: what the paper does not ask.

Richer Gaussians between FFG and flow, on how many datapoints which gap is the larger one, gaps by class, a few local
steps instead of another encoder, and whether the work of inference tells unusual data.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analyses.inference_suboptimality.settings import FFG, analysed, trained
from analyses.inference_suboptimality.study import Study, experiment, family_gap, means
from analyses.lab import Analysed, Turned
from analyses.page import Drawn, Part
from gapkit import Result
from gapkit.comparison import Claim, judge, level
from gapkit.comparison.trainings import mean_over_trainings
from gapkit.ood import scores, separate
from gapkit.plots import class_gaps, semi_amortized
from gapkit.report.blocks import PlusMinus

__all__ = ["jobs", "part"]

FAMILIES = {FFG: "FFG", "low_rank": "low rank", "full_rank": "full rank", "flow": "flow"}
SCORES = {
    "regret": "amortization gap",
    "total_gap": "inference gap",
    "negative_elbo": "minus L[q]",
    "negative_log_px": "minus log p(x)",
}


def runs(study: Study) -> list[Analysed]:
    """Each seed's FFG model in four families, with local steps."""
    models = [trained(study.budget, study.main, "FFG", seed) for seed in range(study.budget.seeds)]
    points = study.budget.points
    return [analysed(study.budget, model, *FAMILIES, certificate=0, semi_amortized=points) for model in models]


def turned(study: Study) -> list[Analysed]:
    """The same models on the same images upside down."""
    source = study.main
    data = Turned(source.name, source.data, source.how, source.images)
    models = [trained(study.budget, source, "FFG", seed) for seed in range(study.budget.seeds)]
    return [analysed(study.budget, model, FFG, certificate=0, data=data) for model in models]


def jobs(study: Study) -> list[Analysed]:
    """Both."""
    return runs(study) + turned(study)


def part(study: Study) -> Part:
    """Tables of families, shares and scores; pictures of classes and of local steps."""
    results = study.results(runs(study))
    columns = {family_gap(results, family): label for family, label in FAMILIES.items()}
    rows = [{"Split": split, **means(results, split, columns)} for split in ("train", "test")]
    claim = Claim(
        "A Gaussian with correlations halves the approximation gap of FFG",
        "half the approximation gap of FFG, minus that of full rank, training data",
    )
    pairs = [
        (level(r, "approximation_gap", "train"), level(r, "approximation_gap_full_rank", "train")) for r in results
    ]
    judged = [judge(claim, [ffg.times(0.5) - rank for ffg, rank in pairs])]
    shares = {split: _share(results, split) for split in ("train", "test")}
    ffg, full = rows[0]["FFG"].value, rows[0]["full rank"].value
    words = (
        f"On training data correlations alone take the approximation gap from {ffg:z.2f} nats (FFG) to {full:z.2f} "
        f"(full rank), and the encoder's gap is the larger one on {shares['train'].value:.0%} of the datapoints.",
    )
    tables = {
        "Approximation gaps of richer families on the decoders of FFG models, in nats": pd.DataFrame(rows),
        "Share of datapoints whose amortization gap is larger than their approximation gap": pd.DataFrame([shares]),
        "Test images from the same turned upside down: area under the ROC curve": _scored(study, results),
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


def _share(results: Sequence[Result], split: str) -> PlusMinus:
    """Of the datapoints with both gaps."""
    values = [level(result, "amortization_minus_approximation", split).finite() > 0 for result in results]
    shares = pd.concat(values, axis=1, join="inner").astype(float)
    over = mean_over_trainings(shares.to_numpy().T)
    return PlusMinus(over.mean, over.se)


def _scored(study: Study, results: Sequence[Result]) -> pd.DataFrame:
    """By each score; mean over trainings, whose variation is the error."""
    areas: dict[str, list[float]] = {name: [] for name in SCORES}
    for usual, other in zip(results, study.results(turned(study)), strict=True):
        found = separate(scores(usual, "test", name="usual"), scores(other, "test", name="turned"))
        for name, row in found.summary.iterrows():
            areas[str(name)].append(float(row["auc"]))
    over = {name: mean_over_trainings(np.array(values)[:, None]) for name, values in areas.items()}
    rows = [{"Score": SCORES[name], "Area": PlusMinus(one.mean, one.se)} for name, one in over.items()]
    return pd.DataFrame(rows)


def _classes(result: Result) -> Axes:
    return class_gaps(result, split="test")


if __name__ == "__main__":
    experiment(jobs, part)
