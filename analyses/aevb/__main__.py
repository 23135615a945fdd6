"""``python -m analyses.aevb``: all experiments, and one report of them."""

from analyses.aevb import bracket, closed, curves, gaps, likelihood, pictures, trainers, weights
from analyses.aevb.settings import TITLE, Study, parsed
from analyses.page import write

__all__ = ["EXPERIMENTS", "main"]

EXPERIMENTS = (closed, gaps, bracket, trainers, curves, likelihood, weights, pictures)


def main() -> None:
    """Make all that is missing, and write the report."""
    study, out = parsed()
    study.lab.make([job for each in EXPERIMENTS for job in each.jobs(study)])
    parts = [each.part(study) for each in EXPERIMENTS]
    write(out, TITLE, parts, note=_note(study))
    for part in parts:
        print(*part.words)
    print(f"report: {out / 'report.html'}")


def _note(study: Study) -> str:
    return f"Each contrast is measured in {study.budget.seeds} trainings; intervals hold the variation between them."


if __name__ == "__main__":
    main()
