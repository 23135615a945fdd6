"""``python -m analyses.aevb.bracket``: IWAE from below, appendix D from above, log p(x) by quadrature between them.

Digits with three latents by each trainer. Refuted if the bracket, on average over datapoints, leaves out the exact
value by more than four of its standard errors, or is 0.2 nats wide or more.
"""

import pandas as pd
from matplotlib.axes import Axes

from analyses.aevb.digits import MAIN, result_of, splits
from analyses.aevb.settings import METHODS, Study, experiment
from analyses.page import Drawn, Part
from analyses.seeded import Seeded, over_seeds
from gapkit.comparison import Claim, judge
from gapkit.plots.style import COLORS, new_axes, style

__all__ = ["jobs", "part"]

WIDEST, ERRORS, SETTLED = 0.2, 4.0, 1.1


def jobs(study: Study) -> list[Seeded]:
    """Three latents, every trainer."""
    return [job for objective in METHODS for job in splits(study, MAIN, objective)]


def part(study: Study) -> Part:
    """The bracket of every trainer."""
    found = {objective: [_ends(study, job) for job in splits(study, MAIN, objective)] for objective in METHODS}
    rows, judged = [], []
    for objective, runs in found.items():
        rows.append(
            {
                "Trainer": METHODS[objective],
                "IWAE": over_seeds([run["below"].mean() for run in runs]),
                "Quadrature": over_seeds([run["exact"].mean() for run in runs]),
                "Appendix D": over_seeds([run["above"].mean() for run in runs]),
                "Width": over_seeds([(run["above"] - run["below"]).mean() for run in runs]),
                "Outside by 0.5": sum(int((run["exact"] - run["above"] > 0.5).sum()) for run in runs),
                "rhat > 1.1": sum(int((run["rhat"] > SETTLED).sum()) for run in runs),
            }
        )
        inside = Claim(
            f"IWAE and appendix D bracket the exact log p(x) ({METHODS[objective]})",
            "distance of the exact mean inside of the nearer end, plus 4 of its standard errors over datapoints",
            source="appendix D",
        )
        judged.append(judge(inside, [_inside(run) for run in runs]))
        narrow = Claim(
            f"The bracket is less than {WIDEST} nats wide ({METHODS[objective]})",
            f"{WIDEST} minus the mean distance of its ends",
            source="appendix D",
        )
        judged.append(judge(narrow, [WIDEST - (run["above"] - run["below"]).mean() for run in runs]))
    grid = max(study.read(job)["grid"]["test"] for job in jobs(study))
    first = rows[0]
    words = (
        f"With {MAIN} latents the bracket from IWAE to appendix D goes from {first['IWAE'].value:.3f} to "
        f"{first['Appendix D'].value:.3f} nats, {first['Width'].value:.3f} wide; log p(x) by quadrature is "
        f"{first['Quadrature'].value:.3f}.",
    )
    points = study.budget.points
    caption = (
        f"The first {points} test digits, {points // 2} of trainers other than AEVB: means in nats, errors over "
        "trainings; counts are over all trainings"
    )
    figure = Drawn(
        lambda: _draw(found["elbo"][0]),
        "Each end minus log p(x) by quadrature, by datapoint, for one AEVB training; sorted.",
        "Points below and above a line at zero",
    )
    notes = (
        f"Exact is the midpoint rule on {study.budget.grid} points along each latent from -5 to 5; half a cell's shift "
        f"of the grid changes no datapoint by more than {grid:.4f} nats.",
        "Outside are datapoints whose log p(x) by quadrature is more than half a nat above appendix D. Where chains "
        "have missed a mode appendix D is no upper bound, and rhat does not always tell.",
    )
    return Part(
        "bracket",
        "log p(x) between IWAE and appendix D",
        words,
        {caption: pd.DataFrame(rows)},
        {"ends": figure},
        tuple(judged),
        notes,
    )


def _ends(study: Study, job: Seeded) -> pd.DataFrame:
    table = result_of(study, job).to_frame()
    test = table[table["split"] == "test"].reset_index(drop=True)
    return pd.DataFrame(
        {
            "below": test["iwae"],
            "above": test["reciprocal"],
            "rhat": test["reciprocal_rhat"],
            "exact": study.read(job)["points"]["test"],
        }
    )


def _inside(run: pd.DataFrame) -> float:
    """Distance of the mean inside of the nearer end, with what errors over datapoints allow, in nats."""
    ends = (run["exact"] - run["below"], run["above"] - run["exact"])
    return min(float(away.mean() + ERRORS * away.std() / len(run) ** 0.5) for away in ends)


def _draw(run: pd.DataFrame) -> Axes:
    with style():
        axes = new_axes(5.4, 3.0)
        run = run.assign(width=run["above"] - run["below"]).sort_values("width")
        for name, color, label in (("below", COLORS["family"], "IWAE"), ("above", COLORS["encoder"], "appendix D")):
            axes.plot(range(len(run)), run[name] - run["exact"], ".", color=color, label=label, markersize=4)
        axes.axhline(0, color=COLORS["guide"], linewidth=1)
        axes.set(xlabel="datapoints, by width of their bracket", ylabel="nats above log p(x)")
        axes.legend()
    return axes


if __name__ == "__main__":
    experiment(jobs, part)
