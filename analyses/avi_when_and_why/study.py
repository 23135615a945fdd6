"""What the experiments share: how much is spent, how one is run alone, and sentences over seeds."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from analyses.page import Part, write
from gapkit.joint import Settings

__all__ = ["BUDGETS", "OUT", "TITLE", "Budget", "alone", "arguments"]

ROOT = Path(__file__).parents[2]
OUT = ROOT / "reports" / "avi_when_and_why"
TITLE = "Amortized variational inference: when and why?"


@dataclass(frozen=True)
class Budget:
    """How much is spent.

    Attributes:
        seeds: data sets of each experiment.
        many: data sets where everything is exact.
        count: datapoints of the linear model.
        series: of time series.
        nonlinear: of the nonlinear model.
        digits: of the Bayesian VAE.
        widths: of networks on the nonlinear model.
        fits: settings of gradient steps.
        paths: Adam steps of convergence paths.
        vae: steps of the Bayesian VAE.
    """

    seeds: int
    many: int
    count: int
    series: int
    nonlinear: int
    digits: int
    widths: tuple[int, ...]
    fits: Settings
    paths: int
    vae: int


BUDGETS = {
    "smoke": Budget(2, 3, 200, 60, 25, 20, (1, 4), Settings(60, 0.05, 30, 3, (0,)), 60, 30),
    "cpu": Budget(3, 20, 10_000, 1000, 300, 300, (1, 2, 4, 16), Settings(300, 0.03, 150, 9, (0, 1)), 800, 2500),
}


def arguments(what: str | None) -> argparse.Namespace:
    """Budget and folder, from the command line; one thread, so that a rerun gives the same numbers."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--budget", choices=sorted(BUDGETS), default="cpu")
    parser.add_argument("--out", type=Path, default=OUT)
    torch.set_num_threads(1)
    return parser.parse_args()


def alone(experiment: Callable[[Budget], Part], what: str | None) -> None:
    """Run one experiment and write its files and a report of its own."""
    asked = arguments(what)
    part = experiment(BUDGETS[asked.budget])
    write(asked.out, part.title, [part], files=part.name)
    print(*part.words, sep="\n")
