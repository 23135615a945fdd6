"""All experiments, one report: ``python -m analyses.avi_when_and_why --budget cpu``, under ten minutes on 2 cores."""

import time
from collections.abc import Callable

from analyses.avi_when_and_why.bayesian_vae import bayesian_vae
from analyses.avi_when_and_why.chain import chain
from analyses.avi_when_and_why.linear import linear
from analyses.avi_when_and_why.nonlinear import nonlinear
from analyses.avi_when_and_why.process import process
from analyses.avi_when_and_why.saw import saw
from analyses.avi_when_and_why.study import BUDGETS, TITLE, Budget, arguments
from analyses.page import Part, write

EXPERIMENTS: tuple[Callable[[Budget], Part], ...] = (linear, saw, chain, process, nonlinear, bayesian_vae)
NOTE = "Over data sets of the same model, not over trainings of one: seeds decide data and starts."


def main() -> None:
    """Run what the command line asks for."""
    asked, parts = arguments(__doc__), []
    for experiment in EXPERIMENTS:
        began = time.perf_counter()
        parts.append(experiment(BUDGETS[asked.budget]))
        print(f"{time.perf_counter() - began:6.1f} s  {parts[-1].words[0]}", flush=True)
    write(asked.out, TITLE, parts, note=NOTE)


if __name__ == "__main__":
    main()
