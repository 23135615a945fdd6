"""``python -m analyses.inference_suboptimality.jobs``: what a budget trains and analyses, without doing it."""

from collections import Counter

from analyses.inference_suboptimality.__main__ import EXPERIMENTS
from analyses.inference_suboptimality.study import Study, parsed
from analyses.lab import Job, models_of

__all__ = ["counted"]


def counted(study: Study) -> Counter[str]:
    """How many trainings, refits and analyses of each data set."""
    runs = [job for experiment in EXPERIMENTS for job in experiment.jobs(study)]
    every: list[Job] = list(dict.fromkeys([*runs, *(model for run in runs for model in models_of(run))]))
    return Counter(f"{job.source.name}: {type(job).__name__.lower()}" for job in every)


if __name__ == "__main__":
    for kind, count in sorted(counted(parsed(__doc__)[0]).items()):
        print(f"{count:4d} {kind}")
