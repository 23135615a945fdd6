"""Gaussian processes: the smoother the prior, the worse a function of a few x?

``python -m analyses.avi_when_and_why.process``: ten seconds on one core. What would refute it: a smoother prior of the
same length scale that loses less at half-width 1.
"""

import numpy as np
import pandas as pd
import torch

from analyses.avi_when_and_why.study import Budget, alone
from analyses.page import Part
from gapkit.comparison import Claim, judge
from gapkit.joint import Window, expected_gap, posterior_of
from gapkit.joint.models import GaussianProcess

__all__ = ["process"]

PRIORS = (("ou", 0.2), ("ou", 1.0), ("matern32", 0.2), ("matern32", 1.0))


def process(budget: Budget) -> Part:
    """Mean gaps over all data that each prior may give: exact, without a sample."""
    count = 30 if budget.many > 3 else 12
    rows, one = [], []
    for kernel, length in PRIORS:
        model = GaussianProcess(np.linspace(0, 1, count), kernel, length)
        covariance = model.covariance + model.noise * np.eye(count)
        found = posterior_of(model, torch.zeros(count, 1, dtype=torch.float64), None)
        assert found is not None
        gaps = [expected_gap(model, covariance, Window.around(half)).means for half in (0, 1, 2)]
        one.append(gaps[1])
        row = {"prior": f"{kernel}, length {length}", "approximation gap": found.approximation_gap}
        rows.append({**row, **{f"half-width {half}": gap for half, gap in enumerate(gaps)}})
    judged = (
        judge(
            Claim("A smoother prior loses more", "gap at half-width 1, Matern 3/2 minus OU, at both length scales"),
            [one[2] - one[0], one[3] - one[1]],
        ),
        judge(
            Claim("A longer length scale loses more", "gap at half-width 1, length 1 minus 0.2, for both priors"),
            [one[1] - one[0], one[3] - one[2]],
        ),
    )
    words = (
        f"Gaussian processes on {count} points: windows of half-width 1 lose {one[0]:.3f} nats under a rough prior of "
        f"length 0.2 and {one[3]:.1f} under a smooth one of length 1.",
    )
    table = {"Mean gaps in nats of the best linear function of a window, exact": pd.DataFrame(rows)}
    note = "Two contrasts each, of priors and not of seeds: their interval is wide, and the table is what to read."
    return Part("process", "Gaussian processes: smooth priors need all of x", words, table, {}, judged, (note,))


if __name__ == "__main__":
    alone(process, __doc__)
