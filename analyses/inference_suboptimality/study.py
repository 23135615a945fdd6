"""An experiment of the study: which models and runs it needs, and what it makes of them."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from analyses.inference_suboptimality.settings import AF, BUDGETS, FFG, Budget, analysed, sources, trained
from analyses.lab import Analysed, Job, Lab, Source
from analyses.page import Part, write
from gapkit import Result
from gapkit.comparison import Claim, Judged, Measured, difference, judge, level
from gapkit.comparison.trainings import mean_over_trainings
from gapkit.report.blocks import PlusMinus

__all__ = ["Study", "experiment", "families_of", "over_seeds", "paired", "value_of"]

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
        """The run of each seed's model of a kind, in these families, else its own and the other one."""
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


def families_of(kind: str) -> tuple[str, str]:
    """The family that a kind of model was trained with, and the other one."""
    return (AF, FFG) if kind.startswith("AF") else (FFG, AF)


def over_seeds(results: Sequence[Result], name: str, split: str) -> PlusMinus:
    """The mean of a quantity over trainings and datapoints; its error has the variation of both."""
    values = pd.concat([level(result, name, split).finite() for result in results], axis=1, join="inner")
    found = mean_over_trainings(values.to_numpy(float).T)
    errors = [error for error in (found.se_trainings, found.se_datapoints) if error is not None]
    return PlusMinus(found.mean, sum(error**2 for error in errors) ** 0.5 if errors else None)


def paired(claim: Claim, one: Sequence[Result], other: Sequence[Result], name: str, split: str) -> Judged:
    """Judge whether a quantity is larger in one kind of model than in another, seed by seed."""
    return judge(claim, [difference(a, b, name, split) for a, b in zip(one, other, strict=True)])


def value_of(result: Result, name: str, split: str) -> Measured:
    """The mean of a quantity as one number: where datapoints are not the same, as in two splits."""
    found = level(result, name, split)
    return Measured(float(found.finite().mean()), found.shortfall)


def experiment(jobs: Callable[[Study], Sequence[Job]], part: Callable[[Study], Part]) -> None:
    """Run one experiment from the command line, and write its part of the results."""
    study, out = parsed()
    study.lab.make(jobs(study))
    found = part(study)
    write(out, f"{TITLE}: {found.title}", [found], files=found.name)
    for words in found.words:
        print(words)
    print(f"report: {out / found.name}.html")


def parsed(description: str = __doc__) -> tuple[Study, Path]:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--budget", choices=list(BUDGETS), default="cpu")
    parser.add_argument("--out", type=Path, default=None, help="folder of the results")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "inference_suboptimality", help="models and runs")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--mnist", default="mnist", help="name or file")
    parser.add_argument("--cifar", default="cifar10", help="name or file")
    given = parser.parse_args()
    budget = BUDGETS[given.budget]
    out = given.out or given.work / f"report-{budget.name}"
    return Study(Lab(given.work, given.workers), budget, sources(budget, given.mnist, given.cifar)), out
