"""``python -m analyses.inference_suboptimality.generalisation``: inference on data that training did not see.

What the encoder loses more on test data than on training data has two reasons: the encoder has seen the training data,
and so has the decoder, whose posteriors differ there. Refits of the encoder on one decoder tell the first: on draws of
the model, which never run out, an encoder cannot learn data by heart.
"""

from analyses.inference_suboptimality.settings import FFG, analysed, refitted
from analyses.inference_suboptimality.study import LABELS, Study, experiment, more, said, table
from analyses.lab import Analysed
from analyses.page import Part
from gapkit.comparison import Claim, difference, judge, level

__all__ = ["jobs", "part"]

KINDS = ("FFG", "AF", "FFG, larger encoder")
REFITS = {
    "fine-tuned on the data": {"start": "fine_tune"},
    "twice as wide": {"start": "larger"},
    "fine-tuned on draws from the model": {"start": "fine_tune", "on": "samples"},
}


def refits(study: Study, name: str) -> list[Analysed]:
    """The FFG model of each seed with another encoder."""
    of = [refitted(study.budget, study.main, seed, **REFITS[name]) for seed in range(study.budget.seeds)]
    return [analysed(study.budget, one, FFG, certificate=0) for one in of]


def jobs(study: Study) -> list[Analysed]:
    """Runs of models, and of their refits."""
    return [run for kind in KINDS for run in study.runs(kind)] + [run for name in REFITS for run in refits(study, name)]


def part(study: Study) -> Part:
    """Two tables: models, and encoders on one decoder."""
    results = {kind: study.of(kind) for kind in KINDS}
    judged = []
    for kind, found in results.items():
        for gap in ("amortization_gap", "approximation_gap"):
            words = gap.replace("_", " ")
            claim = Claim(
                f"The {words} is larger on test data than on training data ({kind})",
                f"{words}, test minus training data",
                source="test-set inference",
            )
            judged.append(judge(claim, [level(r, gap, "test").apart(level(r, gap, "train")) for r in found]))
    pairs = list(zip(results["FFG, larger encoder"], results["FFG"], strict=True))
    excess = [
        difference(large, usual, "amortization_gap", "test").apart(
            difference(large, usual, "amortization_gap", "train")
        )
        for large, usual in pairs
    ]
    claim = Claim(
        "A larger encoder loses more on test than on training data, beside the usual one (FFG)",
        "amortization gap, test minus training data, larger minus usual encoder",
        source="test-set inference",
    )
    judged.append(judge(claim, excess))
    encoders = {"as trained": results["FFG"], **{name: study.results(refits(study, name)) for name in REFITS}}
    for name in REFITS:
        both = zip(encoders[name], encoders["as trained"], strict=True)
        claim = Claim(f"An encoder that is {name} gains on test data (FFG)", "L[q], new minus old encoder")
        judged.append(judge(claim, [difference(new, old, "elbo", "test") for new, old in both]))
    words = (
        f"The amortization gap of FFG is {more(judged[0])} on test data than on training data: that it is larger is "
        f"{said(judged[0])}. Fine-tuned on draws from the model, the encoder's L[q] on test data is "
        f"{more(judged[-1], 'higher', 'lower')}.",
    )
    gaps = {name: LABELS[name] for name in ("approximation_gap", "amortization_gap")}
    tables = {
        f"Gaps on training and on test data of {study.main.name}, in nats": table(results, gaps, "Model"),
        "Encoders on the decoders of the FFG models, in nats": table(
            encoders, {name: LABELS[name] for name in ("elbo", "amortization_gap")}, "Encoder"
        ),
    }
    return Part("generalisation", "Inference on test data", words, tables, judged=tuple(judged))


if __name__ == "__main__":
    experiment(jobs, part)
