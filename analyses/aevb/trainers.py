"""``python -m analyses.aevb.trainers``: AEVB against wake-sleep and Monte Carlo EM at equal samples, on digits.

Three latents, so that log p(x) is exact by quadrature. A sample is a datapoint in an update of the weights; Monte Carlo
EM takes five updates for each of its passes. The paper's claim is that AEVB is better; it is refuted where it is not.
"""

import pandas as pd

from analyses.aevb.digits import MAIN, splits
from analyses.aevb.settings import METHODS, Study, experiment
from analyses.page import Part
from analyses.seeded import Seeded, over_seeds
from gapkit.comparison import Claim, judge

__all__ = ["jobs", "part"]


def jobs(study: Study) -> list[Seeded]:
    """Three latents, every trainer."""
    return [job for objective in METHODS for job in splits(study, MAIN, objective)]


def part(study: Study) -> Part:
    """Bounds and log p(x) over all digits, and paired contrasts."""
    found = {objective: [study.read(job) for job in splits(study, MAIN, objective)] for objective in METHODS}
    rows = [
        {
            "Trainer": METHODS[objective],
            **{
                f"{label}, {split}": over_seeds([run[key][split] for run in runs])
                for key, label in (("elbo", "L[q]"), ("exact", "log p(x)"))
                for split in ("train", "test")
            },
        }
        for objective, runs in found.items()
    ]
    judged = []
    for key, what in (("elbo", "L[q]"), ("exact", "log p(x)")):
        for other in ("wake_sleep", "mcem"):
            claim = Claim(
                f"AEVB has the larger test {what} than {METHODS[other]} at equal samples (digits)",
                f"test {what}, AEVB minus {METHODS[other]}",
                source="section 5",
            )
            pairs = zip(found["elbo"], found[other], strict=True)
            judged.append(judge(claim, [ours[key]["test"] - theirs[key]["test"] for ours, theirs in pairs]))
    samples = study.budget.epochs * 1500
    tops = ", ".join(f"{row['Trainer']} {row['log p(x), test'].value:.2f}" for row in rows)
    words = (f"After {samples:,} samples the exact test log p(x) is: {tops} nats.",)
    caption = "All digits, nats; errors are over trainings; log p(x) by quadrature"
    notes = ("L[q] of Monte Carlo EM (MCEM) is that of the encoder fitted to its decoder afterwards.",)
    return Part(
        "trainers",
        "AEVB, wake-sleep and Monte Carlo EM on digits",
        words,
        {caption: pd.DataFrame(rows)},
        {},
        tuple(judged),
        notes,
    )


if __name__ == "__main__":
    experiment(jobs, part)
