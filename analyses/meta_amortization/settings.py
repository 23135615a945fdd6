"""How much is spent, by two budgets; and where an experiment works."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyses.lab import Job, Lab, Source
from analyses.page import Part, write
from analyses.seeded import Seeded, over_seeds
from gapkit.meta.images import SPLITS

__all__ = ["BUDGETS", "Budget", "Seeded", "Study", "experiment", "over_seeds", "parsed"]

ROOT = Path(__file__).parents[2]
TITLE = "Meta-amortized inference"


@dataclass(frozen=True)
class Budget:
    """How much is spent.

    Attributes:
        name: of the budget.
        seeds: trainings of each kind.
        steps: of a training over data sets that is quick; others take a multiple of it.
        epochs: of a VAE on digits; those with regularised encoders take four times as many.
        images: of MNIST's training set, the first ones.
        width: units of a hidden layer of the larger networks.
        points: datapoints of each split that are analysed.
        datasets: that are drawn, where any number can be.
        variants: so many transformations, and so many splits of the values of each.
    """

    name: str
    seeds: int
    steps: int
    epochs: int
    images: int
    width: int
    points: int
    datasets: int
    variants: int


BUDGETS = {
    "smoke": Budget("smoke", seeds=2, steps=20, epochs=3, images=60, width=12, points=12, datasets=40, variants=1),
    "cpu": Budget(
        "cpu", seeds=3, steps=1500, epochs=250, images=2000, width=256, points=128, datasets=2000, variants=3
    ),
}


@dataclass(frozen=True)
class Study:
    """Where an experiment works.

    Attributes:
        lab: makes and keeps what was made.
        budget: of the study.
        mnist: name or file.
    """

    lab: Lab
    budget: Budget
    mnist: str = "mnist"

    @property
    def digits(self) -> Source:
        """The digits, cut at a half."""
        return Source("digits", "digits", "threshold")

    @property
    def splits(self) -> tuple[str, ...]:
        """Of the values of a transformation."""
        return SPLITS[: self.budget.variants]

    def jobs(self, job: type[Seeded], source: Source | None = None, **settings: Any) -> list[Seeded]:
        """One for each seed."""
        return [job.of(source or self.digits, **settings, seed=seed) for seed in range(self.budget.seeds)]

    def read(self, job: Seeded) -> dict[str, Any]:
        """What a job found."""
        found: dict[str, Any] = json.loads((self.lab.folder(job) / "found.json").read_text())
        return found


def parsed(description: str = TITLE) -> tuple[Study, Path]:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--budget", choices=list(BUDGETS), default="cpu")
    parser.add_argument("--out", type=Path, default=None, help="folder of the results")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "meta_amortization", help="what was made is kept here"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--mnist", default="mnist", help="name or file")
    given = parser.parse_args()
    budget = BUDGETS[given.budget]
    out = given.out or given.work / f"report-{budget.name}"
    return Study(Lab(given.work / budget.name, given.workers), budget, given.mnist), out


def experiment(jobs: Callable[[Study], Sequence[Job]], part: Callable[[Study], Part]) -> None:
    """Run one experiment from the command line, and write its part of the results."""
    study, out = parsed()
    study.lab.make(jobs(study))
    found = part(study)
    write(out, f"{TITLE}: {found.title}", [found], files=found.name)
    for words in found.words:
        print(words)
    print(f"report: {out / found.name}.html")
