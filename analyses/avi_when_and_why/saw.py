"""A time series whose states know the last observation: is x_n enough, and is (x_{n-1}, x_n)?

``python -m analyses.avi_when_and_why.saw``: a minute on one core. Figures 4 and 6 of the paper. What would refute it: a
function of x_n below 0.9 of the linear optimum's loss, or one of both inputs that loses a nat.
"""

import numpy as np
import pandas as pd

from analyses.avi_when_and_why.study import Budget, alone
from analyses.page import Drawn, Part
from analyses.seeded import over_seeds
from gapkit.comparison import Claim, judge
from gapkit.joint import Mlp, Polynomial, Settings, Window, analyze, bounds_of
from gapkit.joint.models import Saw
from gapkit.plots import amortization

__all__ = ["saw"]

BOTH = Window((-1, 0))


def saw(budget: Budget) -> Part:
    """Exact linear optima over many data sets; networks on a few."""
    model = Saw()
    exact = [
        bounds_of(model, model.simulate(budget.series, seed), [Polynomial(1), Polynomial(1, BOTH)])
        for seed in range(budget.many)
    ]
    rows = [
        {
            "function": found.family.label,
            "gap": over_seeds(values),
            "gap a step": over_seeds(np.array(values) / budget.series),
        }
        for found, values in (
            (exact[0].constant, [one.gap(one.constant)[0] for one in exact]),
            *((exact[0].candidates[k], [one.gap(one.candidates[k])[0] for one in exact]) for k in (0, 1)),
        )
    ]
    settings = Settings(steps=max(budget.fits.steps, budget.paths // 2), rate=0.01, polish=budget.fits.polish)
    nets = [Mlp(16), Mlp(8, BOTH)]
    fitted = [
        bounds_of(model, model.simulate(budget.series, seed), nets, settings=settings) for seed in range(budget.seeds)
    ]
    trained = {one.label: [found.gap(found.candidates[k])[0] for found in fitted] for k, one in enumerate(nets)}
    lines = [exact[seed].gap(exact[seed].candidates[0])[0] for seed in range(budget.seeds)]
    table = pd.DataFrame(
        [
            {
                "network": label,
                "gap": over_seeds(values),
                "of the line's": float(np.mean(values) / np.mean(lines)),
            }
            for label, values in trained.items()
        ]
    )
    judged = (
        judge(
            Claim(
                "No function of x[n] is ideal",
                "gap of a network of x[n] minus 0.9 of the linear optimum's",
                source="section 4.2",
            ),
            [one - 0.9 * line for one, line in zip(trained[nets[0].label], lines, strict=True)],
        ),
        judge(
            Claim(
                "A function of x[n-1] and x[n] is ideal",
                "1 nat minus the gap of a network of width 8 on both",
                source="section 4.2",
            ),
            [1 - one for one in trained[nets[1].label]],
        ),
    )
    step = rows[1]["gap a step"]
    line, both = rows[1]["gap"].value, rows[2]["gap"].value
    words = (
        f"Saw time series, {budget.series:,} steps: the best linear function of x[n] loses {step.value:.4f} nats a "
        f"step ({line:.1f} altogether; 1/2 a step in the long run, by derivation), a network of x[n] "
        f"{np.mean(trained[nets[0].label]):.1f}; with x[n-1] and x[n] the linear function loses {both:.6f} and "
        f"a network of width 8 {np.mean(trained[nets[1].label]):.3f}.",
    )
    study = analyze(model, model.simulate(budget.series, 0), widths=(), families=(Polynomial(2), Polynomial(2, BOTH)))
    return Part(
        "saw",
        "Saw time series: two inputs are needed, and enough",
        words,
        {
            f"Exact linear optima: gaps in nats over {budget.many} data sets": pd.DataFrame(rows),
            f"Networks: gaps in nats over {budget.seeds} data sets": table,
        },
        {
            "functions": Drawn(
                lambda: amortization(study), "How to read: a mark is a function; lower is better.", "Gaps"
            )
        },
        judged,
    )


if __name__ == "__main__":
    alone(saw, __doc__)
