"""``python -m analyses.inference_suboptimality.accommodation``: the generator fits its posterior to the family.

The best FFG on a decoder that was trained with FFG, and on one that was trained with AF; and the same of the best AF.
"""

import pandas as pd

from analyses.inference_suboptimality.study import Study, experiment, family_gap, over_seeds
from analyses.lab import Analysed
from analyses.page import Part
from gapkit import Result
from gapkit.comparison import Claim, Measured, judge, level

__all__ = ["jobs", "part"]

KINDS = ("FFG", "AF")
FAMILIES = {"FFG": "mean_field", "AF": "auxiliary", "full rank": "full_rank"}


def jobs(study: Study) -> list[Analysed]:
    """The runs of the gap table."""
    return [run for kind in KINDS for run in study.runs(kind)]


def part(study: Study) -> Part:
    """Each family's approximation gap on either decoder."""
    results = {kind: study.of(kind) for kind in KINDS}
    rows = []
    for kind, found in results.items():
        for split in ("train", "test"):
            gaps = {name: over_seeds(found, family_gap(found, family), split) for name, family in FAMILIES.items()}
            rows.append({"Decoder trained with": kind, "Split": split, **gaps})
    judged = []
    for split in ("train", "test"):
        worse = _foreign(results, "FFG", split)
        claim = Claim(
            f"The best FFG is farther from the posterior of a decoder trained with AF ({split} data)",
            "approximation gap of FFG, decoder trained with AF minus with FFG",
            source="abstract: the generator accommodates the choice of approximation",
        )
        judged.append(judge(claim, worse))
        claim = Claim(
            f"The reverse is not so: FFG loses more on a foreign decoder than AF does ({split} data)",
            "what FFG loses on a decoder trained with AF, minus what AF loses on one trained with FFG",
            source="generator and approximation",
        )
        pairs = zip(worse, _foreign(results, "AF", split), strict=True)
        judged.append(judge(claim, [one - other for one, other in pairs]))
    words = (
        f"On a decoder trained with AF the best FFG loses {judged[0].mean:.2f} nats more than on one trained with FFG "
        f"(training data); that generators accommodate the family: {judged[0].verdict}.",
    )
    caption = f"Approximation gaps on {study.main.name}, in nats"
    title = "The generator accommodates the family"
    return Part("accommodation", title, words, {caption: pd.DataFrame(rows)}, judged=tuple(judged))


def _foreign(results: dict[str, list[Result]], family: str, split: str) -> list[Measured]:
    """How much larger a family's gap is on the decoder that was trained with the other one, seed by seed."""
    other = "AF" if family == "FFG" else "FFG"
    here, there = (family_gap(results[kind], FAMILIES[family]) for kind in (family, other))
    pairs = zip(results[other], results[family], strict=True)
    return [level(far, there, split) - level(near, here, split) for far, near in pairs]


if __name__ == "__main__":
    experiment(jobs, part)
