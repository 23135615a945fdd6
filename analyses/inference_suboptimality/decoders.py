"""``python -m analyses.inference_suboptimality.decoders``: does a larger decoder fit its posterior to the family?"""

from analyses.inference_suboptimality.study import LABELS, Study, experiment, means, table
from analyses.lab import Analysed
from analyses.page import Part
from gapkit.comparison import Claim, difference, judge

__all__ = ["jobs", "part"]

KINDS = {0: "FFG, decoder without hidden layers", 2: "FFG", 4: "FFG, decoder of 4 hidden layers"}


def jobs(study: Study) -> list[Analysed]:
    """A run of each depth and seed."""
    return [run for kind in KINDS.values() for run in study.runs(kind)]


def part(study: Study) -> Part:
    """The table, and whether the approximation gap falls with depth."""
    results = {depth: study.of(kind) for depth, kind in KINDS.items()}
    judged = []
    for one, other in ((0, 2), (2, 4)):
        claim = Claim(
            f"A decoder of {other} hidden layers has a smaller approximation gap than one of {one}",
            f"approximation gap of FFG, {one} minus {other} hidden layers, training data",
            source="decoder size",
        )
        pairs = zip(results[one], results[other], strict=True)
        judged.append(judge(claim, [difference(a, b, "approximation_gap", "train") for a, b in pairs]))
    gaps = {depth: means(found, "train", LABELS)["Approximation"].value for depth, found in results.items()}
    listed = ", ".join(f"{gap:z.2f} with {depth}" for depth, gap in gaps.items())
    words = (f"The approximation gap by hidden layers of the decoder (nats, training data): {listed}.",)
    found = table({str(depth): runs for depth, runs in results.items()}, LABELS, "Hidden layers")
    caption = f"Decoders on {study.main.name}, all trained with FFG, in nats"
    title = "Decoders without, with two and with four hidden layers"
    return Part("decoders", title, words, {caption: found}, judged=tuple(judged))


if __name__ == "__main__":
    experiment(jobs, part)
