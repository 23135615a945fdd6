"""``python -m analyses.aevb``: all experiments, or those behind ``--only``, and one report of them."""

from analyses.aevb import bracket, closed, curves, gaps, likelihood, pictures, trainers, weights
from analyses.aevb.settings import TITLE, Study, parsed
from analyses.page import write
from gapkit import InputError

__all__ = ["EXPERIMENTS", "main"]

EXPERIMENTS = (closed, gaps, bracket, trainers, curves, likelihood, weights, pictures)


def main() -> None:
    """Make all that is missing, and write the report."""
    study, out = parsed()
    names = {each.__name__.rpartition(".")[2]: each for each in EXPERIMENTS}
    unknown = sorted(set(study.only) - set(names))
    if unknown:
        raise InputError(f"--only {' '.join(unknown)}", "no such experiment", f"choose from {', '.join(names)}")
    chosen = [each for name, each in names.items() if not study.only or name in study.only]
    study.lab.make([job for each in chosen for job in each.jobs(study)])
    parts = [each.part(study) for each in chosen]
    write(out, TITLE, parts, note=_note(study))
    for part in parts:
        print(*part.words)
    print(f"report: {out / 'report.html'}")


def _note(study: Study) -> str:
    return f"Each contrast is measured in {study.budget.seeds} trainings; intervals hold the variation between them."


if __name__ == "__main__":
    main()
