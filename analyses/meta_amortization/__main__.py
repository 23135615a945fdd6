"""``python -m analyses.meta_amortization``: all experiments, and one report of them."""

import json

from analyses.meta_amortization import air, linear_gaussian, plane, probe, recovery, sets, shifts, transformations
from analyses.meta_amortization.settings import TITLE, Study, parsed
from analyses.page import write

__all__ = ["EXPERIMENTS", "main"]

EXPERIMENTS = (linear_gaussian, shifts, recovery, plane, probe, transformations, sets, air)


def main() -> None:
    """Make all that is missing, and write the report."""
    study, out = parsed()
    wanted = {each: each.jobs(study) for each in EXPERIMENTS}
    study.lab.make([job for jobs in wanted.values() for job in jobs])  # at once: processes take seconds to begin
    costs = {}
    for each, jobs in wanted.items():
        kinds = study.lab.seconds(jobs).values()
        costs[each.__name__.rpartition(".")[2]] = None if None in kinds else round(sum(filter(None, kinds)), 1)
    parts = [each.part(study) for each in EXPERIMENTS]
    write(out, TITLE, parts, note=_note(study))
    cost = {"budget": study.budget.name, "seconds of one thread": costs}
    (out / "cost.json").write_text(json.dumps(cost, indent=1) + "\n", "utf-8")
    for part in parts:
        print(*part.words)
    print(f"report: {out / 'report.html'}")


def _note(study: Study) -> str:
    return f"Each contrast is measured in {study.budget.seeds} trainings; intervals hold the variation between them."


if __name__ == "__main__":
    main()
