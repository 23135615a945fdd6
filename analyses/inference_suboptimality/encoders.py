"""``python -m analyses.inference_suboptimality.encoders``: what a larger encoder and entropy annealing change."""

from analyses.inference_suboptimality.study import LABELS, Study, experiment, more, said, table
from analyses.lab import Analysed
from analyses.page import Part
from gapkit.comparison import Claim, Judged, difference, judge

__all__ = ["jobs", "part"]

KINDS = ("FFG", "FFG, larger encoder", "FFG, no annealing", "AF", "AF, larger encoder", "AF, no annealing")


def jobs(study: Study) -> list[Analysed]:
    """A run of each kind and seed."""
    return [run for kind in KINDS for run in study.runs(kind)]


def claims(study: Study) -> list[Judged]:
    """What the paper's tables of larger encoders and of training without annealing say."""
    results = {kind: study.of(kind) for kind in KINDS}

    def judged(claim: Claim, one: str, other: str, name: str, split: str) -> Judged:
        pairs = zip(results[one], results[other], strict=True)
        return judge(claim, [difference(a, b, name, split) for a, b in pairs])

    found = []
    for split in ("train", "test"):
        for kind in ("FFG", "AF"):
            text = f"A larger encoder has a smaller amortization gap ({kind}, {split} data)"
            claim = Claim(text, "amortization gap, encoder as usual minus larger one", source="larger encoder")
            found.append(judged(claim, kind, f"{kind}, larger encoder", "amortization_gap", split))
    text = "With entropy annealing the true posterior is farther from a Gaussian (trained with AF)"
    contrast = "approximation gap of the best FFG, with minus without annealing, training data"
    claim = Claim(text, contrast, source="entropy annealing")
    found.append(judged(claim, "AF", "AF, no annealing", "approximation_gap_mean_field", "train"))
    text = "With entropy annealing the family loses more (trained with FFG)"
    claim = Claim(text, "approximation gap, with minus without annealing, training data", source="entropy annealing")
    found.append(judged(claim, "FFG", "FFG, no annealing", "approximation_gap", "train"))
    return found


def part(study: Study) -> Part:
    """The table and the claims."""
    judged = claims(study)
    words = (
        f"Beside a larger encoder, the usual one has an amortization gap that is {more(judged[0])} (FFG, training "
        f"data); that larger encoders amortize better is {said(judged[0])}.",
    )
    found = table({kind: study.of(kind) for kind in KINDS}, LABELS, "Trained with")
    caption = f"Encoders on {study.main.name}, in nats; q* is of the family that the model was trained with"
    epochs = study.budget.epochs[study.main.name]
    notes = (f"Annealing is over the first {max(1, epochs // 8)} of {epochs} epochs; in the paper over 400 of 3,280.",)
    title = "A larger encoder, and no entropy annealing"
    return Part("encoders", title, words, {caption: found}, judged=tuple(judged), notes=notes)


if __name__ == "__main__":
    experiment(jobs, part)
