"""``python -m analyses.inference_suboptimality.flow_amortization``: do a flow's parameters help to amortize?

A decoder stays; an encoder without hidden layers is trained on it, once with a factorised Gaussian (FFG), once with a
flow. What the flow gains in L[q] is more than what it gains in L[q*] if its parameters make up for the small encoder.
"""

import pandas as pd

from analyses.inference_suboptimality.capacity import refitted
from analyses.inference_suboptimality.settings import analysed
from analyses.inference_suboptimality.study import Study, experiment, over_seeds
from analyses.lab import Analysed
from analyses.page import Part
from gapkit.comparison import Claim, difference, judge

__all__ = ["jobs", "part"]

FAMILIES = {"FFG": "mean_field", "Flow": "flow"}
COLUMNS = {
    "log_px": "log p(x)",
    "elbo_star": "L[q*]",
    "elbo": "L[q]",
    "approximation_gap": "Approximation",
    "amortization_gap": "Amortization",
    "total_gap": "Inference gap",
}


def runs(study: Study, family: str) -> list[Analysed]:
    """Each seed's encoder of a family, without hidden layers."""
    name = FAMILIES[family]
    of = [refitted(study, seed, hidden=(), posterior=name) for seed in range(study.budget.seeds)]
    return [analysed(study.budget, one, name, certificate=0) for one in of]


def jobs(study: Study) -> list[Analysed]:
    """Of both families."""
    return [run for family in FAMILIES for run in runs(study, family)]


def part(study: Study) -> Part:
    """The table and the claim."""
    found = {family: study.results(runs(study, family)) for family in FAMILIES}
    rows = [
        {"Encoder": family, "Split": split, **{COLUMNS[n]: over_seeds(results, n, split) for n in COLUMNS}}
        for family, results in found.items()
        for split in ("train", "test")
    ]
    judged = []
    for split in ("train", "test"):
        pairs = list(zip(found["FFG"], found["Flow"], strict=True))
        for name, text, source in (
            ("amortization_gap", "A flow's parameters lower the amortization gap of a small encoder", "abstract"),
            ("approximation_gap", "A flow's parameters lower the approximation gap", "flows"),
        ):
            contrast = f"{name.replace('_', ' ')}, FFG minus flow, one decoder"
            claim = Claim(f"{text} ({split} data)", contrast, source=source)
            judged.append(judge(claim, [difference(a, b, name, split) for a, b in pairs]))
    encoder, family = (one.mean for one in judged[:2])
    words = (
        f"With an encoder without hidden layers, on one decoder, a flow lowers the inference gap by "
        f"{encoder + family:.2f} nats on training data: {encoder:.2f} of amortization, {family:.2f} of approximation.",
    )
    caption = f"Encoders without hidden layers on the decoders of FFG models of {study.main.name}, in nats"
    title = "A flow's effect on amortization"
    return Part("flow_amortization", title, words, {caption: pd.DataFrame(rows)}, judged=tuple(judged))


if __name__ == "__main__":
    experiment(jobs, part)
