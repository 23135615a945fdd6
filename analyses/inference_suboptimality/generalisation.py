"""``python -m analyses.inference_suboptimality.generalisation``: inference on data that training did not see.

What the encoder loses more on test data than on training data is its over-fitting: log p(x) and q* know no encoder. How
much of it is the encoder's capacity, its optimisation, or its generalisation is split by refits on the same decoder.
"""

import pandas as pd

from analyses.inference_suboptimality.capacity import refitted
from analyses.inference_suboptimality.settings import analysed
from analyses.inference_suboptimality.study import Study, experiment, over_seeds, value_of
from analyses.lab import Analysed
from analyses.page import Part
from gapkit.comparison import Claim, difference, judge

__all__ = ["jobs", "part"]

KINDS = ("FFG", "AF", "FFG, larger encoder")
REFITS = {
    "trained on for longer": {"start": "fine_tune"},
    "larger": {"start": "larger"},
    "trained on draws from the model": {"start": "fine_tune", "on": "samples"},
}


def refits(study: Study, name: str) -> list[Analysed]:
    """The FFG model of each seed with another encoder."""
    of = [refitted(study, seed, **REFITS[name]) for seed in range(study.budget.seeds)]
    return [analysed(study.budget, one, "mean_field", certificate=0) for one in of]


def jobs(study: Study) -> list[Analysed]:
    """Runs of models, and of their refits."""
    return [run for kind in KINDS for run in study.runs(kind)] + [run for name in REFITS for run in refits(study, name)]


def part(study: Study) -> Part:
    """Two tables: models, and encoders on one decoder."""
    rows, judged = [], []
    for kind in KINDS:
        results = study.of(kind)
        means = {
            f"{gap}, {split}": over_seeds(results, name, split)
            for gap, name in (("Approximation", "approximation_gap"), ("Amortization", "amortization_gap"))
            for split in ("train", "test")
        }
        rows.append({"Model": kind, **means})
        for gap in ("amortization_gap", "approximation_gap"):
            measured = [value_of(r, gap, "test") - value_of(r, gap, "train") for r in results]
            words = gap.replace("_", " ")
            text = f"The {words} is larger on test data than on training data ({kind})"
            judged.append(judge(Claim(text, f"{words}, test minus training data", source="test set"), measured))
    encoders = [("as trained", study.of("FFG"))]
    encoders += [(name, study.results(refits(study, name))) for name in REFITS]
    split_rows = []
    for name, found in encoders:
        gaps = {f"Amortization, {split}": over_seeds(found, "amortization_gap", split) for split in ("train", "test")}
        split_rows.append({"Encoder": name, **gaps})
    base = encoders[0][1]
    for name, found in encoders[1:]:
        measured = [difference(a, b, "elbo", "test") for a, b in zip(found, base, strict=True)]
        claim = Claim(f"An encoder {name} gains on test data (FFG)", "L[q], new minus old encoder", source="refits")
        judged.append(judge(claim, measured))
    more = judged[0]
    words = (
        f"The encoder of FFG loses {more.mean:.2f} nats more on test data than on training data; that it over-fits: "
        f"{more.verdict}.",
    )
    tables = {
        f"Gaps on training and on test data of {study.main.name}, in nats": pd.DataFrame(rows),
        "Encoders on the decoders of the FFG models, in nats": pd.DataFrame(split_rows),
    }
    return Part("generalisation", "Inference on test data", words, tables, judged=tuple(judged))


if __name__ == "__main__":
    experiment(jobs, part)
