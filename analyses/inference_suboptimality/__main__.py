"""``python -m analyses.inference_suboptimality``: all experiments, and one report with the table of claims."""

import json

from analyses.inference_suboptimality import (
    accommodation,
    ais_check,
    beyond,
    capacity,
    decoders,
    encoders,
    flow_amortization,
    gap_table,
    generalisation,
    over_training,
    posteriors,
)
from analyses.inference_suboptimality.study import TITLE, parsed
from analyses.page import write

EXPERIMENTS = (
    gap_table,
    encoders,
    capacity,
    decoders,
    flow_amortization,
    accommodation,
    over_training,
    generalisation,
    posteriors,
    ais_check,
    beyond,
)


def main() -> None:
    """Make what is missing, then write."""
    study, out = parsed(__doc__)
    jobs = [job for experiment in EXPERIMENTS for job in experiment.jobs(study)]
    study.lab.make(jobs)
    parts = [experiment.part(study) for experiment in EXPERIMENTS]
    budget = study.budget
    note = (
        f"Where a claim says nothing else, it was tested on {budget.seeds} trainings of "
        f"{budget.epochs[study.main.name]} epochs on {study.main.name}, and on {budget.points} datapoints of a "
        "split; longer trainings may be otherwise. Claims that name no source are this analysis's own."
    )
    write(out, TITLE, parts, note=note)
    facts = {"budget": budget.name, "analyses": len(jobs), "seconds of one thread": study.lab.seconds(jobs)}
    (out / "cost.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    print(f"report: {out / 'report.html'}")


if __name__ == "__main__":
    main()
