"""Does one linear function of x_n do for any number of datapoints, and is it found sooner than a factor for each?

``python -m analyses.avi_when_and_why.linear``: half a minute on one core. Figure 3 of the paper. What would refute it:
a degree-1 gap above 0.1 nats, or F-VI within 1% of its loss in fewer steps.
"""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analyses.avi_when_and_why.study import Budget, alone
from analyses.page import Drawn, Part
from analyses.seeded import over_seeds
from gapkit.comparison import Claim, judge
from gapkit.joint import (
    Constant,
    Exact,
    Factorized,
    Polynomial,
    Settings,
    bounds_of,
    convergence,
    fit,
    posterior_of,
)
from gapkit.joint.models import Linear
from gapkit.plots.style import CLASSES, new_axes, style

__all__ = ["linear"]


def linear(budget: Budget) -> Part:
    """Exact gaps over data sets, and gradient steps until the loss is close to F-VI's."""
    model, families = Linear(), [Constant(), Polynomial(1), Polynomial(2)]
    gaps: dict[str, list[float]] = {one.label: [] for one in families}
    top, predicted, steps = [], [], []
    for seed in range(budget.seeds):
        x = model.simulate(budget.count, seed)
        found = bounds_of(model, x, families)
        for one in found.candidates:
            gaps[one.family.label].append(found.gap(one)[0])
        top.append(float(found.log_px.value) - found.factorized.value)
        scatter = float((x - x.mean()).square().sum())
        predicted.append(0.5 * model.tau**2 / (model.sigma**2 * (model.sigma**2 + model.tau**2)) * scatter)
        settings = Settings(steps=budget.paths, rate=0.02)
        paths = [*families, Factorized()]
        steps.append(convergence(paths, found.objective, found.factorized.value, seeds=(seed,), settings=settings))
    known = 0.5 * math.log(1 + model.tau**2 / model.sigma**2)
    rows = [
        {"family": label, "amortization gap": over_seeds(values), "known": over_seeds(predicted) if not place else 0.0}
        for place, (label, values) in enumerate(gaps.items())
    ]
    rows.append({"family": "approximation gap of F-VI", "amortization gap": over_seeds(top), "known": known})
    path = pd.concat(steps)
    shares = ("50", "10", "1")
    told = path.groupby("family", sort=False)[[f"{kind}_{s}" for s in shares for kind in ("steps", "seconds")]]
    medians = told.median().reset_index()
    first, all_own = (path[path["family"] == label]["steps_1"] for label in (families[1].label, Factorized().label))
    worst = np.where(np.isfinite(all_own), all_own, budget.paths)
    judged = (
        judge(
            Claim("A linear function of x is ideal for any N", "0.1 nats minus the gap of degree 1", source="3.6"),
            [0.1 - value for value in gaps[families[1].label]],
        ),
        judge(
            Claim(
                "A-VI converges in fewer steps than F-VI",
                "steps to 1% of F-VI's loss, F-VI minus A-VI of degree 1",
                unit="steps",
                source="figure 3",
            ),
            list(worst - np.where(np.isfinite(first), first, budget.paths)),
        ),
    )
    words = (
        f"Linear model, N = {budget.count:,}: a function of degree 1 loses {np.max(gaps[families[1].label]):.6f} nats "
        f"at most; F-VI is {np.mean(top):.6f} nats below log p(x), {known:.6f} by the formula; one factor for all "
        f"loses {np.mean(gaps[families[0].label]):.2f}, {np.mean(predicted):.2f} by the formula.",
    )
    return Part(
        "linear",
        "Linear model: partial pooling needs three numbers, whatever N",
        words,
        {
            "Gaps in nats over data sets (± error over them), and what the formulas say": pd.DataFrame(rows),
            "Median steps and seconds of Adam to 50, 10 and 1% of F-VI's loss": medians,
        },
        {
            "paths": Drawn(
                lambda: _draw(budget), "How to read: the loss above F-VI's best by Adam step.", "Loss by step"
            )
        },
        judged,
        ("Where F-VI did not come within 1%, it counts with all of its steps.",),
    )


def _draw(budget: Budget) -> Axes:
    model = Linear()
    x = model.simulate(budget.count, 0)
    posterior = posterior_of(model, x, 0)
    assert posterior is not None
    objective = Exact(model, x, posterior)
    best = posterior.elbo(posterior.factors())
    with style():
        ax = new_axes(5.2, 3.1)
        for color, family in zip(CLASSES, (Constant(), Polynomial(1), Polynomial(2), Factorized()), strict=False):
            settings = Settings(steps=budget.paths, rate=0.02, polish=0)
            trace = fit(family, objective, settings, closed=False).trace
            assert trace is not None
            ax.plot(
                np.arange(1, len(trace.loss) + 1), trace.loss + best, color=color, linewidth=1.2, label=family.label
            )
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.set_xlabel("Adam steps")
        ax.set_ylabel("nats below F-VI's optimum")
        ax.legend()
    return ax


if __name__ == "__main__":
    alone(linear, __doc__)
