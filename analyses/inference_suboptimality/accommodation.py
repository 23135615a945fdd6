"""``python -m analyses.inference_suboptimality.accommodation``: the generator fits its posterior to the family.

The best FFG on a decoder that was trained with FFG, and on one that was trained with AF; and the same of the best AF. A
decoder may be harder for every family, so the best full-rank Gaussian is a control.
"""

import pandas as pd

from analyses.inference_suboptimality.settings import AF, FFG
from analyses.inference_suboptimality.study import Study, experiment, family_gap, means, more, said
from analyses.lab import Analysed
from analyses.page import Part
from gapkit import Result
from gapkit.comparison import Claim, Measured, judge, level

__all__ = ["jobs", "part"]

KINDS = ("FFG", "AF")
FAMILIES = {"FFG": FFG, "AF": AF, "full rank": "full_rank"}
SOURCE = "abstract: the generator accommodates the choice of approximation"


def jobs(study: Study) -> list[Analysed]:
    """The runs of the gap table."""
    return [run for kind in KINDS for run in study.runs(kind)]


def part(study: Study) -> Part:
    """Each family's approximation gap on either decoder."""
    results = {kind: study.of(kind) for kind in KINDS}
    rows = []
    for kind, found in results.items():
        columns = {family_gap(found, family): name for name, family in FAMILIES.items()}
        for split in ("train", "test"):
            rows.append({"Decoder trained with": kind, "Split": split, **means(found, split, columns)})
    judged = []
    for split in ("train", "test"):
        foreign = {name: _foreign(results, name, split) for name in FAMILIES}
        text = f"The best FFG is farther from the posterior of a decoder trained with AF ({split} data)"
        contrast = "approximation gap of FFG, decoder trained with AF minus with FFG"
        judged.append(judge(Claim(text, contrast, source=SOURCE), foreign["FFG"]))
        text = f"That is so by more than for a full-rank Gaussian ({split} data)"
        pairs = zip(foreign["FFG"], foreign["full rank"], strict=True)
        claim = Claim(text, "the same of FFG, minus the same of full rank", source=SOURCE)
        judged.append(judge(claim, [one - other for one, other in pairs]))
        text = f"FFG loses more on the other's decoder than AF does ({split} data)"
        contrast = "gap of FFG, decoder of AF minus of FFG; minus gap of AF, decoder of FFG minus of AF"
        pairs = zip(foreign["FFG"], foreign["AF"], strict=True)
        judged.append(judge(Claim(text, contrast, source="generator and approximation"), [a - b for a, b in pairs]))
    words = (
        f"On a decoder trained with AF the approximation gap of FFG is {more(judged[0])} than on one trained with "
        f"FFG (training data); that the generator accommodates the family is {said(judged[0])}, and beyond what a "
        f"full-rank Gaussian loses {said(judged[1])}.",
    )
    caption = f"Approximation gaps of families on {study.main.name}, in nats"
    title = "The generator accommodates the family"
    return Part("accommodation", title, words, {caption: pd.DataFrame(rows)}, judged=tuple(judged))


def _foreign(results: dict[str, list[Result]], name: str, split: str) -> list[Measured]:
    """How much larger a family's gap is on the decoder that was trained with the other one, seed by seed."""
    home = "AF" if name == "AF" else "FFG"
    away = "FFG" if home == "AF" else "AF"
    here, there = (family_gap(results[kind], FAMILIES[name]) for kind in (home, away))
    pairs = zip(results[away], results[home], strict=True)
    return [level(far, there, split) - level(near, here, split) for far, near in pairs]


if __name__ == "__main__":
    experiment(jobs, part)
