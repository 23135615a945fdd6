"""How much is spent, by two budgets; and where an experiment works."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analyses.lab import Job, Lab, Source
from analyses.page import Part, write
from analyses.seeded import Seeded

__all__ = ["BUDGETS", "METHODS", "Budget", "Study", "experiment", "parsed", "training"]

ROOT = Path(__file__).parents[2]
TITLE = "Auto-Encoding Variational Bayes"
METHODS = {"elbo": "AEVB", "wake_sleep": "wake-sleep", "mcem": "MCEM"}
UPDATES = {"mcem": 5}  # of the weights for every pass over the data; 1 for the others


@dataclass(frozen=True)
class Budget:
    """How much is spent.

    Attributes:
        name: of the budget.
        seeds: trainings of each kind.
        epochs: of a VAE of digits.
        hidden: units of its hidden layer.
        points: digits of each split that are analysed.
        grid: of the quadrature, points along each of three latents.
        images: of MNIST's training set for the curves, the first ones.
        passes: over them.
        width: units of the hidden layer there.
        latents: of the curves.
        sizes: of the training sets of the marginal likelihood.
        samples: datapoints in weight updates there.
        measured: datapoints of each split there.
        marks: where log p(x) is measured there: after all samples by each of these.
        few: digits that the weights' posterior is learnt from.
    """

    name: str
    seeds: int
    epochs: int
    hidden: int
    points: int
    grid: int
    images: int
    passes: int
    width: int
    latents: tuple[int, ...]
    sizes: tuple[int, int]
    samples: int
    measured: int
    marks: tuple[int, ...]
    few: int


BUDGETS = {
    "smoke": Budget("smoke", 2, 10, 8, 8, 20, 100, 4, 8, (3, 5), (50, 100), 1000, 6, (1,), 60),
    "cpu": Budget(
        "cpu", 3, 250, 128, 200, 60, 5000, 20, 200, (3, 5, 10, 20, 200), (1000, 10_000), 100_000, 60, (2, 1), 100
    ),
}


def training(objective: str, samples: int, size: int) -> dict[str, Any]:
    """Settings by which so many datapoints pass through weight updates, whatever the objective is."""
    epochs = max(1, round(samples / size / UPDATES.get(objective, 1)))
    return {"objective": objective, "epochs": epochs, "binarize": "none"}


@dataclass(frozen=True)
class Study:
    """Where an experiment works.

    Attributes:
        lab: makes and keeps what was made.
        budget: of the study.
        mnist: name or file.
        only: names of experiments; none for all.
    """

    lab: Lab
    budget: Budget
    mnist: str = "mnist"
    only: tuple[str, ...] = ()

    @property
    def digits(self) -> Source:
        """The digits, cut at a half."""
        return Source("digits", "digits", "threshold")

    def images(self, count: int) -> Source:
        """So many images of MNIST, each pixel drawn once."""
        return Source("mnist", self.mnist, "sample", count)

    def jobs(self, job: type[Seeded], source: Source, **settings: Any) -> list[Seeded]:
        """One for each seed."""
        return [job.of(source, **settings, seed=seed) for seed in range(self.budget.seeds)]

    def read(self, job: Seeded) -> dict[str, Any]:
        """What a job found."""
        found: dict[str, Any] = json.loads((self.lab.folder(job) / "found.json").read_text())
        return found


def parsed(description: str = TITLE) -> tuple[Study, Path]:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--budget", choices=list(BUDGETS), default="cpu")
    parser.add_argument("--out", type=Path, default=None, help="folder of the results")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "aevb", help="what was made is kept here")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--mnist", default="mnist", help="name or file")
    parser.add_argument("--only", nargs="+", default=(), help="experiments by name, such as gaps bracket")
    given = parser.parse_args()
    budget = BUDGETS[given.budget]
    out = given.out or given.work / f"report-{budget.name}"
    return Study(Lab(given.work / budget.name, given.workers), budget, given.mnist, tuple(given.only)), out


def experiment(jobs: Callable[[Study], Sequence[Job]], part: Callable[[Study], Part]) -> None:
    """Run one experiment from the command line, and write its part of the results."""
    study, out = parsed()
    study.lab.make(jobs(study))
    found = part(study)
    write(out, f"{TITLE}: {found.title}", [found], files=found.name)
    print(*found.words, sep="\n")
    print(f"report: {out / found.name}.html")
