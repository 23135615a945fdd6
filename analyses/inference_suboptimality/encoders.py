"""``python -m analyses.inference_suboptimality.encoders``: what a larger encoder and entropy annealing change."""

import pandas as pd

from analyses.inference_suboptimality.study import Study, experiment, over_seeds, paired
from analyses.lab import Analysed
from analyses.page import Part
from gapkit.comparison import Claim, Judged

__all__ = ["jobs", "part"]

KINDS = (
    "FFG",
    "FFG, larger encoder",
    "FFG, no annealing",
    "AF",
    "AF, larger encoder",
    "AF, no annealing",
)
COLUMNS = {
    "log_px": "log p(x)",
    "elbo_star": "L[q*]",
    "elbo": "L[q]",
    "approximation_gap": "Approximation",
    "amortization_gap": "Amortization",
}


def jobs(study: Study) -> list[Analysed]:
    """A run of each kind and seed."""
    return [run for kind in KINDS for run in study.runs(kind)]


def claims(study: Study) -> list[Judged]:
    """What the paper's tables of larger encoders and of training without annealing say."""
    results = {kind: study.of(kind) for kind in KINDS}
    found = []
    for split in ("train", "test"):
        for family in ("FFG", "AF"):
            text = f"A larger encoder has a smaller amortization gap ({family}, {split} data)"
            claim = Claim(text, "amortization gap, encoder as usual minus larger one", source="larger encoder")
            found.append(
                paired(claim, results[family], results[f"{family}, larger encoder"], "amortization_gap", split)
            )
    text = "With entropy annealing the true posterior is farther from a Gaussian (trained with AF)"
    claim = Claim(text, "approximation gap of the best FFG, with minus without annealing", source="entropy annealing")
    name = "approximation_gap_mean_field"
    found.append(paired(claim, results["AF"], results["AF, no annealing"], name, "train"))
    text = "With entropy annealing the family loses more (trained with FFG)"
    claim = Claim(text, "approximation gap, with minus without annealing", source="entropy annealing")
    found.append(paired(claim, results["FFG"], results["FFG, no annealing"], "approximation_gap", "train"))
    return found


def part(study: Study) -> Part:
    """The table and the claims."""
    rows = []
    for kind in KINDS:
        found = study.of(kind)
        for split in ("train", "test"):
            means = {label: over_seeds(found, name, split) for name, label in COLUMNS.items()}
            rows.append({"Trained with": kind, "Split": split, **means})
    judged = claims(study)
    larger = judged[0]
    words = (
        f"A larger encoder (FFG, training data) has an amortization gap that is {larger.mean:.2f} nats smaller on "
        f"average; that larger encoders amortize better: {larger.verdict}.",
    )
    caption = f"Encoders on {study.main.name}, in nats; q* is of the family that the model was trained with"
    title = "A larger encoder, and no entropy annealing"
    return Part("encoders", title, words, {caption: pd.DataFrame(rows)}, judged=tuple(judged))


if __name__ == "__main__":
    experiment(jobs, part)
