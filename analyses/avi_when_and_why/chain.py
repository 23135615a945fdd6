"""Hidden Markov models: how fast does the loss fall with the window, and which counterexample holds?

``python -m analyses.avi_when_and_why.chain``: fifteen seconds on one core. Figure 8 and appendix A.5 of the paper.
What would refute it: a window short of all x with a gap of 0, or the published example with unequal means.
"""

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

from analyses.avi_when_and_why.study import Budget, alone
from analyses.page import Drawn, Part
from analyses.seeded import over_seeds
from gapkit.comparison import Claim, judge
from gapkit.joint import Polynomial, Window, analyze, bounds_of, expected_gap, posterior_of
from gapkit.joint.models import Chain
from gapkit.plots import amortization
from gapkit.plots.style import CLASSES, new_axes, style

__all__ = ["chain", "sample"]

HALF_WIDTHS = (0, 1, 2, 3)


def sample(count: int, seed: int, rho: float = 0.9) -> torch.Tensor:
    """Of an AR(1) hidden Markov model that began long ago: x of shape (N, 1)."""
    random = np.random.default_rng(seed)
    z = np.zeros(count + 1)
    z[0] = random.normal() * (1 / (1 - rho**2)) ** 0.5
    for n in range(1, count + 1):
        z[n] = rho * z[n - 1] + random.normal()
    return torch.from_numpy(z[1:] + random.normal(size=count))[:, None]


def chain(budget: Budget) -> Part:
    """The window curve on data sets and on average, and both counterexamples."""
    model, count = Chain(), min(200, budget.series)
    families = [Polynomial(1, Window.around(half)) for half in HALF_WIDTHS]
    found = [bounds_of(model, sample(count, seed), families) for seed in range(budget.many)]
    long = max(20, min(240, budget.series // 4))
    lag = np.abs(np.subtract.outer(np.arange(long), np.arange(long)))
    covariance = 0.9**lag / (1 - 0.9**2) + np.eye(long)
    rows = []
    for place, half in enumerate(HALF_WIDTHS):
        gaps = [one.gap(one.candidates[place])[0] for one in found]
        mean = expected_gap(model, covariance, Window.around(half), 1)
        first = found[0].gap(found[0].candidates[place])[0]
        rows.append(
            {"half-width": half, "sample 0": first, "data sets": over_seeds(gaps), "a step": mean.means / mean.served}
        )
    one = found[0]
    judged = (
        judge(
            Claim(
                "No window short of all x is ideal", "log10 of the gap at half-width 3, plus 6", unit="", source="3.8"
            ),
            [np.log10(max(one.gap(one.candidates[-1])[0], 1e-12)) + 6 for one in found],
        ),
        judge(
            Claim(
                "The loss falls by more than four times with each step of the window",
                "gap at half-width 1 divided by 4, minus that at 2",
            ),
            [one.gap(one.candidates[1])[0] / 4 - one.gap(one.candidates[2])[0] for one in found],
        ),
    )
    published, valid = (posterior_of(Chain(1.0, start), torch.ones(100, 1).double(), 1) for start in (None, 1.0))
    printed = np.diag([1.0, *[3.0] * 99, 2.0]) - 2 * (np.eye(101, k=1) + np.eye(101, k=-1))
    assert published is not None and valid is not None  # noqa: PT018 (both are Gaussian)
    spread = float(np.ptp(published.mean))
    below = float(one.log_px.value) - one.factorized.value
    losses = ", ".join(f"{one.gap(candidate)[0]:.3f}" for candidate in one.candidates)
    words = (
        f"Hidden Markov model, sample 0 of {count} steps: log p(x) = {float(one.log_px.value):.4f} nats, F-VI "
        f"{one.factorized.value:.4f}, {below:.4f} below; windows of half-width 0 to 3 lose {losses} nats: ever less, "
        "and never nothing.",
        "The published counterexample (all x equal, flat z_0) fails with the correct algebra: the optimal means differ "
        f"by {spread:.0e}, so that a constant gives them all. Its printed matrix (-2 beside the diagonal in the place "
        f"of -1) has the eigenvalue {np.linalg.eigvalsh(printed)[0]:.4f} and is no precision. A valid one: z_0 ~ N(0, "
        f"1), where the means of equal x run from {valid.mean[0]:.3f} to {valid.mean[50]:.3f}.",
    )
    study = analyze(model, sample(count, 0))
    figures = {
        "windows": Drawn(lambda: amortization(study), "How to read: a mark is a window; lower is better.", "Gaps"),
        "counterexamples": Drawn(
            lambda: _means({"published: flat z_0": published.mean, "valid: z_0 ~ N(0, 1)": valid.mean}),
            "How to read: the optimal mean of each z, where all x are 1; equal inputs ask for equal means.",
            "Optimal means of both examples",
        ),
    }
    return Part(
        "chain",
        "Hidden Markov models: no window is ideal, and wide ones lose little",
        words,
        {f"Gaps in nats of {count} steps by half-width, and a step on average over all data": pd.DataFrame(rows)},
        figures,
        judged,
    )


def _means(means: dict[str, np.ndarray]) -> Axes:
    with style():
        ax = new_axes(5.2, 2.8)
        for color, (label, values) in zip(CLASSES, means.items(), strict=False):
            ax.plot(np.arange(12), values[:12], color=color, marker="o", markersize=4, linewidth=1.2, label=label)
        ax.set_xlabel("n")
        ax.set_ylabel("optimal mean of z[n]")
        ax.legend()
    return ax


if __name__ == "__main__":
    alone(chain, __doc__)
