"""``python -m analyses.inference_suboptimality.decoders``: does a larger decoder fit its posterior to the family?"""

import pandas as pd

from analyses.inference_suboptimality.study import Study, experiment, over_seeds, paired
from analyses.lab import Analysed
from analyses.page import Part
from gapkit.comparison import Claim

__all__ = ["jobs", "part"]

KINDS = {
    0: "FFG, decoder without hidden layers",
    2: "FFG",
    4: "FFG, decoder of 4 hidden layers",
}
COLUMNS = {
    "log_px": "log p(x)",
    "elbo_star": "L[q*] FFG",
    "elbo": "L[q]",
    "approximation_gap": "Approximation",
    "amortization_gap": "Amortization",
}


def jobs(study: Study) -> list[Analysed]:
    """A run of each depth and seed."""
    return [run for kind in KINDS.values() for run in study.runs(kind)]


def part(study: Study) -> Part:
    """The table, and whether the approximation gap falls with depth."""
    results = {depth: study.of(kind) for depth, kind in KINDS.items()}
    rows = [
        {"Hidden layers": str(depth), "Split": split, **{COLUMNS[n]: over_seeds(found, n, split) for n in COLUMNS}}
        for depth, found in results.items()
        for split in ("train", "test")
    ]
    judged = []
    for one, other in ((0, 2), (2, 4)):
        claim = Claim(
            f"A decoder of {other} hidden layers has a smaller approximation gap than one of {one}",
            f"approximation gap of FFG, {one} minus {other} hidden layers, training data",
            source="decoder size",
        )
        judged.append(paired(claim, results[one], results[other], "approximation_gap", "train"))
    gaps = {depth: over_seeds(found, "approximation_gap", "train") for depth, found in results.items()}
    listed = ", ".join(f"{gap.value:.2f} with {depth}" for depth, gap in gaps.items())
    words = (f"The approximation gap by hidden layers of the decoder (nats, training data): {listed}.",)
    caption = f"Decoders on {study.main.name}, all trained with FFG, in nats"
    title = "Decoders without, with two and with four hidden layers"
    return Part("decoders", title, words, {caption: pd.DataFrame(rows)}, judged=tuple(judged))


if __name__ == "__main__":
    experiment(jobs, part)
