"""An experiment of the study: which models and runs it needs, and what it makes of them."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.inference_suboptimality.settings import AF, BUDGETS, FFG, Budget, analysed, sources, trained
from analyses.lab import Analysed, Job, Lab, Source
from analyses.page import Part, write
from gapkit import Result
from gapkit.comparison import Judged
from gapkit.comparison.trainings import mean_over_trainings
from gapkit.report.blocks import PlusMinus

__all__ = ["LABELS", "Study", "experiment", "families_of", "family_gap", "means", "more", "parsed", "said", "table"]

LABELS = {
    "log_px": "log p(x)",
    "elbo_star": "L[q*]",
    "elbo": "L[q]",
    "approximation_gap": "Approximation",
    "amortization_gap": "Amortization",
    "total_gap": "Inference gap",
    "optimality_gap": "Left in q*",
}
LEFT = "optimality_gap"
ROOT = Path(__file__).parents[2]
TITLE = "Inference suboptimality in variational autoencoders"


@dataclass(frozen=True)
class Study:
    """Where an experiment works.

    Attributes:
        lab: makes and keeps models and runs.
        budget: of the study.
        sources: the data sets, by name.
    """

    lab: Lab
    budget: Budget
    sources: dict[str, Source]

    @property
    def main(self) -> Source:
        """The data set of all experiments but the gap table."""
        return next(iter(self.sources.values()))

    def runs(self, kind: str, *families: str, source: Source | None = None, **further: object) -> list[Analysed]:
        """The run of each seed's model of a kind, in these families, else in those of its tables."""
        where = source or self.main
        families = families or families_of(kind)
        return [
            analysed(self.budget, trained(self.budget, where, kind, seed), *families, **further)
            for seed in range(self.budget.seeds)
        ]

    def results(self, jobs: Sequence[Analysed]) -> list[Result]:
        """Of runs that were made."""
        return [self.lab.result(job) for job in jobs]

    def of(self, kind: str, *families: str, source: Source | None = None, **further: object) -> list[Result]:
        """The results of :meth:`runs`."""
        return self.results(self.runs(kind, *families, source=source, **further))


def families_of(kind: str) -> tuple[str, ...]:
    """The family that a kind of model was trained with, and further ones that its tables have."""
    return {"FFG": (FFG, AF)}.get(kind, (AF, FFG) if kind.startswith("AF") else (FFG,))


def family_gap(results: Sequence[Result], family: str) -> str:
    """The column of a family's approximation gap: the split's own, or the side note."""
    own = results[0].run["families"]["split"] == family
    return "approximation_gap" if own else f"approximation_gap_{family}"


def means(results: Sequence[Result], split: str, columns: Mapping[str, str]) -> dict[str, PlusMinus]:
    """Means over trainings and datapoints of columns, by label.

    Bounds and gaps are over the datapoints that are finite in all of them, so that they add up; what is left in q*,
    which a certificate may not know, over those where it is known.
    """
    parts = [result.datapoints[result.datapoints["split"] == split].set_index("index") for result in results]
    together = [name for name in columns if name != LEFT]
    return {
        label: _mean([part[name] for part in parts], [part[together if name != LEFT else [LEFT]] for part in parts])
        for name, label in columns.items()
    }


def _mean(columns: Sequence[pd.Series], needed: Sequence[pd.DataFrame]) -> PlusMinus:
    finite = [np.isfinite(table.astype(float)).all(axis=1) for table in needed]
    kept = pd.concat(finite, axis=1, join="inner").all(axis=1)
    values = np.stack([column.loc[kept.index[kept]].to_numpy(float) for column in columns])
    if not values.shape[1]:
        return PlusMinus(None, None)
    over = mean_over_trainings(values)
    return PlusMinus(over.mean, over.se)


def table(runs: Mapping[str, Sequence[Result]], columns: Mapping[str, str], heading: str) -> pd.DataFrame:
    """A row for each kind and split: the means of columns, and how many trainings they are over."""
    rows = [
        {heading: name, "Split": split, "Trainings": len(results), **means(results, split, columns)}
        for name, results in runs.items()
        for split in ("train", "test")
    ]
    return pd.DataFrame(rows)


def more(judged: Judged, up: str = "larger", down: str = "smaller") -> str:
    """The mean of a contrast in words: ``0.52 nats larger``."""
    return f"{abs(judged.mean):.2f} nats {up if judged.mean >= 0 else down}"


def said(judged: Judged) -> str:
    """The verdict as the end of a sentence."""
    return {"holds": "shown", "does not hold": "refuted"}.get(judged.verdict, "not decided by these trainings")


def experiment(jobs: Callable[[Study], Sequence[Job]], part: Callable[[Study], Part]) -> None:
    """Run one experiment from the command line, and write its part of the results."""
    study, out = parsed(sys.modules["__main__"].__doc__)
    study.lab.make(jobs(study))
    found = part(study)
    write(out, f"{TITLE}: {found.title}", [found], files=found.name)
    for words in found.words:
        print(words)
    print(f"report: {out / found.name}.html")


def parsed(description: str | None) -> tuple[Study, Path]:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--budget", choices=list(BUDGETS), default="cpu")
    parser.add_argument("--out", type=Path, default=None, help="folder of the results")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "inference_suboptimality", help="models and runs")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--mnist", default="mnist", help="name or file")
    parser.add_argument("--cifar", default="cifar10", help="name or file")
    parser.add_argument("--fashion", default="fashion_mnist", help="name or file")
    given = parser.parse_args()
    budget = BUDGETS[given.budget]
    out = given.out or given.work / f"report-{budget.name}"
    return Study(Lab(given.work, given.workers), budget, sources(budget, given.mnist, given.cifar, given.fashion)), out
