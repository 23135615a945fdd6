"""``python -m analyses.inference_suboptimality.gap_table``: the inference gap and its two parts, on each data set.

The paper's main table: models trained with a factorised Gaussian (FFG) and with an auxiliary flow (AF), and for each of
them the best q of both families.
"""

from collections.abc import Sequence

import pandas as pd

from analyses.inference_suboptimality.settings import AF, FFG, analysed, trained
from analyses.inference_suboptimality.study import LABELS, Study, experiment, families_of, means, table
from analyses.lab import Analysed, Source
from analyses.page import Part
from gapkit import Result
from gapkit.comparison import Claim, Judged, judge, level
from gapkit.report.blocks import PlusMinus

__all__ = ["jobs", "part"]

KINDS = ("FFG", "AF")
LONG_POINTS = 1000
READ = pd.DataFrame(
    [
        ("ATML-2022-Group6", "FFG", -92.87, -90.28, -90.48, -89.13),
        ("ATML-2022-Group6", "AF", -90.90, None, -89.42, -87.98),
        ("ATML-2022-Group6", "FFG, larger encoder", -92.33, -89.99, -90.19, -88.80),
        ("seblee97", "FFG", None, -88.43, -87.01, None),
        ("seblee97", "AF", None, -99.20, -86.75, None),
    ],
    columns=["Reproduction", "Model", "L[q]", "L[q*] FFG", "L[q*] AF", "log p(x), a bound"],
)


def runs(study: Study, kind: str, source: Source) -> list[Analysed]:
    """Each seed's run, in both families."""
    count = study.budget.conv_seeds if source.name == "3-bit CIFAR" else study.budget.seeds
    return study.runs(kind, source=source)[:count]


def long_run(study: Study) -> Analysed | None:
    """The longer training, in its own family."""
    if not study.budget.long:
        return None
    of = trained(study.budget, study.main, "FFG", epochs=study.budget.long, annealing_epochs=study.budget.long // 8)
    return analysed(study.budget, of, points=LONG_POINTS)


def jobs(study: Study) -> list[Analysed]:
    """All runs of the table."""
    further = long_run(study)
    found = [run for source in study.sources.values() for kind in KINDS for run in runs(study, kind, source)]
    return found + ([further] if further else [])


def _row(results: Sequence[Result], kind: str, split: str) -> dict[str, PlusMinus]:
    own, other = families_of(kind)
    labels = {FFG: "L[q*] FFG", AF: "L[q*] AF"}
    columns = {"log_px": "log p(x)", "elbo_star": labels[own], f"elbo_star_{other}": labels[other]}
    found = means(results, split, columns | {name: LABELS[name] for name in list(LABELS)[2:]})
    return {label: found[label] for label in ("log p(x)", labels[AF], labels[FFG], *list(LABELS.values())[2:])}


def claims(study: Study) -> list[Judged]:
    """Whose part of the gap is the larger one, where there is more than one training."""
    found = []
    for name, source in study.sources.items():
        for kind in KINDS:
            results = study.results(runs(study, kind, source))
            if len(results) > 1:
                text = f"The encoder loses more than the family ({name}, {kind})"
                contrast = f"amortization minus approximation gap, training data, {study.budget.epochs[name]} epochs"
                measured = [level(result, "amortization_minus_approximation", "train") for result in results]
                found.append(judge(Claim(text, contrast, source="abstract"), measured))
    first = study.results(runs(study, "FFG", study.main))
    claim = Claim(
        f"A richer family lowers the approximation gap of FFG ({study.main.name})",
        "L[q*] of AF minus L[q*] of FFG on one decoder, training data",
        source="table of inference gaps",
    )
    pairs = [(level(r, f"elbo_star_{AF}", "train"), level(r, "elbo_star", "train")) for r in first]
    found.append(judge(claim, [rich - plain for rich, plain in pairs]))
    return found


def part(study: Study) -> Part:
    """The table, and which part is larger."""
    rows, tables = [], {}
    for name, source in study.sources.items():
        for kind in KINDS:
            results = study.results(runs(study, kind, source))
            for split in ("train", "test"):
                head = {"Data": name, "Trained with": kind, "Split": split, "Trainings": len(results)}
                rows.append({**head, **_row(results, kind, split)})
    tables["Bounds and gaps in nats; the errors of single trainings are over datapoints alone"] = pd.DataFrame(rows)
    judged = claims(study)
    words = [_said(judged[:-1])]
    further = long_run(study)
    if further:
        result, epochs, name = study.lab.result(further), study.budget.long, study.main.name
        shown = table({"FFG": [result]}, LABELS, "Trained with")
        tables[f"FFG on {name}, {epochs} epochs, {LONG_POINTS:,} images of each split"] = shown
        bound, family, encoder = (
            shown.loc[0, LABELS[gap]] for gap in ("elbo", "approximation_gap", "amortization_gap")
        )
        words.append(
            f"Trained for {epochs} epochs, on {LONG_POINTS:,} training images: L[q] {bound.value:.2f}, approximation "
            f"gap {family.value:.2f} ± {family.error:.2f}, amortization gap {encoder.value:.2f} ± "
            f"{encoder.error:.2f} nats."
        )
        tables["Reproductions that were read: their means on MNIST, in nats"] = READ
    title = "The inference gap and its parts"
    return Part("gap_table", title, tuple(words), tables, judged=tuple(judged), notes=NOTES)


NOTES = (
    "What is left in q* is what the fits' certificates say that L[q*] of the model's own family may rise by: so "
    "much may move from the approximation to the amortization gap. Of an AF that is fitted for so few steps it is "
    "much.",
    "log p(x) is estimated here by importance sampling from the fitted modes and by AIS where that is weak; in the "
    "paper it is the larger one of an IWAE and an AIS bound. L[q*] is fitted to each datapoint from several starts, "
    "and its certificate says how much is left; in the authors' code q* is the last iterate of one start.",
    "AF is a flow over z and as many auxiliary variables, of coupling layers whose biases come from x: the same "
    "idea as the paper's, with other sizes. The family holds every FFG, so that its optimum is not below that of "
    "FFG.",
    "Pixels of MNIST and digits were drawn once from their grey values; those of the other sets are cut at a half.",
    "The paper's own values are not shown: its text could not be read for this analysis. Of the reproductions, the "
    "first trained 5,000 epochs; its L[q] is over all 60,000 images, its q* over the first 1,000, its AF is one "
    "flow for 100 images at a time, and its log p(x) an IWAE bound of 100 samples under q*. The second is over 100 "
    "images.",
)


def _said(judged: Sequence[Judged]) -> str:
    counts = {verdict: sum(one.verdict == verdict for one in judged) for verdict in ("holds", "does not hold")}
    left = len(judged) - sum(counts.values())
    return (
        f"Of {len(judged)} kinds of model and data, the encoder loses more than the family in {counts['holds']}, "
        f"less in {counts['does not hold']}; {left} are not decided by these trainings."
    )


if __name__ == "__main__":
    experiment(jobs, part)
