"""``python -m analyses.inference_suboptimality.flow_amortization``: do a flow's parameters help to amortize?

A decoder stays; an encoder without hidden layers is trained on it, once with a factorised Gaussian (FFG), once with a
flow, whose layers are part of the encoder. What the flow gains in L[q] beyond what it gains in L[q*] is amortization.
As the flow brings weights, an FFG encoder with hidden layers of about as many weights stands beside it.
"""

from analyses.inference_suboptimality.settings import FFG, analysed, refitted
from analyses.inference_suboptimality.study import LABELS, Study, experiment, more, said, table
from analyses.lab import Analysed
from analyses.page import Part
from gapkit.comparison import Claim, difference, judge

__all__ = ["jobs", "part"]

FLOW = "flow"
CLAIMS = (
    ("amortization_gap", "FFG", "A flow's layers lower the amortization gap of an encoder without hidden layers"),
    ("approximation_gap", "FFG", "A flow lowers the approximation gap"),
    ("amortization_gap", "control", "A flow amortizes better than FFG with as many weights in hidden layers"),
)


def encoders(study: Study) -> dict[str, dict[str, object]]:
    """Their settings; the control has about as many weights as the flow."""
    return {
        "FFG": {"hidden": (), "posterior": FFG},
        "flow": {"hidden": (), "posterior": FLOW},
        "control": {"hidden": (int(1.5 * study.budget.width),) * 2, "posterior": FFG},
    }


def runs(study: Study, name: str) -> list[Analysed]:
    """Each seed's encoder, in its own family."""
    settings = encoders(study)[name]
    of = [refitted(study.budget, study.main, seed, **settings) for seed in range(study.budget.seeds)]
    return [analysed(study.budget, one, str(settings["posterior"]), certificate=0) for one in of]


def jobs(study: Study) -> list[Analysed]:
    """A run of every encoder and seed."""
    return [run for name in encoders(study) for run in runs(study, name)]


def part(study: Study) -> Part:
    """The table and the claims."""
    found = {name: study.results(runs(study, name)) for name in encoders(study)}
    judged = []
    for split in ("train", "test"):
        for gap, one, text in CLAIMS:
            contrast = f"{gap.replace('_', ' ')}, {one} minus flow, one decoder"
            claim = Claim(f"{text} ({split} data)", contrast, source="abstract" if one == "FFG" else "")
            pairs = zip(found[one], found["flow"], strict=True)
            judged.append(judge(claim, [difference(a, b, gap, split) for a, b in pairs]))
    encoder, family, against = judged[:3]
    words = (
        "Of encoders without hidden layers on one decoder, the one with FFG has, against the flow, an amortization "
        f"gap that is {more(encoder)} and an approximation gap that is {more(family)} (training data). That a flow's "
        f"layers help to amortize is {said(encoder)}; that they do so more than as many weights in hidden layers is "
        f"{said(against)}.",
    )
    caption = f"Encoders on the decoders of FFG models of {study.main.name}, in nats"
    width = encoders(study)["control"]["hidden"]
    notes = (
        f"The control is FFG with hidden layers of {' and '.join(map(str, width))} units. gapkit's flow takes its "
        "biases from x, so that its layers act as hidden layers of the encoder too; in the authors' code they do "
        "not depend on x. All encoders are trained for a quarter of the model's epochs.",
    )
    shown = table(found, LABELS, "Encoder")
    title = "A flow's effect on amortization"
    return Part("flow_amortization", title, words, {caption: shown}, judged=tuple(judged), notes=notes)


if __name__ == "__main__":
    experiment(jobs, part)
