"""``python -m analyses.aevb.gaps``: what the paper could not show, the split of the gap of each trained model.

Digits with two, three and ten latents by AEVB, and with three by wake-sleep and by Monte Carlo EM (MCEM), which got an
encoder afterwards. Refuted if the amortization gap is not larger on test data, or if the approximation gap does not
grow with the latents.
"""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from analyses.aevb.digits import LATENTS, MAIN, mean_of, result_of, splits
from analyses.aevb.settings import METHODS, Study, experiment
from analyses.page import Drawn, Part
from analyses.seeded import Seeded, over_seeds
from gapkit import Result
from gapkit.comparison import Claim, Judged, judge, level
from gapkit.plots.style import COLORS, new_axes, style

__all__ = ["jobs", "part"]

MODELS = (*((latent, "elbo") for latent in LATENTS), (MAIN, "wake_sleep"), (MAIN, "mcem"))
QUANTITIES = {
    "elbo": "L[q]",
    "elbo_star": "L[q*]",
    "log_px": "log p(x)",
    "approximation_gap": "Approximation",
    "amortization_gap": "Amortization",
}
LOW, HIGH = -19.5, -17.5  # where one training of another implementation had the test ELBO, with some room


def jobs(study: Study) -> list[Seeded]:
    """All models."""
    return [job for latent, objective in MODELS for job in splits(study, latent, objective)]


def part(study: Study) -> Part:
    """The split, and its claims."""
    found = {kind: [result_of(study, job) for job in splits(study, *kind)] for kind in MODELS}
    rows = [
        {
            "Trainer": METHODS[objective],
            "Latents": latent,
            "Split": split,
            **{label: over_seeds(mean_of(runs, name, split)) for name, label in QUANTITIES.items()},
        }
        for (latent, objective), runs in found.items()
        for split in ("train", "test")
    ]
    whole = [study.read(job)["elbo"]["test"] for job in splits(study, MAIN)]
    main = {
        split: {name: over_seeds(mean_of(found[MAIN, "elbo"], name, split)).value for name in QUANTITIES}
        for split in ("train", "test")
    }
    words = (
        f"Digits, {MAIN} latents, AEVB: of the gap on test data {main['test']['amortization_gap']:.2f} nats are the "
        f"encoder's and {main['test']['approximation_gap']:.2f} the factorised family's; on training data "
        f"{main['train']['amortization_gap']:.2f} and {main['train']['approximation_gap']:.2f}. "
        f"Test ELBO over all test digits {over_seeds(whole).value:.2f}.",
    )
    points = study.budget.points
    caption = (
        f"Bounds and gaps in nats; the first {points} digits of each split, {points // 2} of trainers other than AEVB; "
        "errors are over trainings"
    )
    figure = Drawn(
        lambda: _draw(rows),
        "Both gaps on training and test data; bars end at the total gap. Means over trainings.",
        "Stacked bars for five models, each on two splits",
    )
    notes = (
        "Monte Carlo EM has no encoder while it is trained: an encoder of the same form was fitted to its decoder, "
        "with as many updates as the decoder had, and its amortization gap is that encoder's.",
    )
    return Part(
        "gaps",
        "The gap split of each trained model",
        words,
        {caption: pd.DataFrame(rows)},
        {"gaps": figure},
        _judged(found, whole),
        notes,
    )


def _judged(found: dict[tuple[int, str], list[Result]], whole: Sequence[float]) -> tuple[Judged, ...]:
    def gaps(latent: int, name: str, split: str) -> list[float]:
        return mean_of(found[latent, "elbo"], name, split)

    inside = Claim(
        f"The test ELBO with {MAIN} latents is in [{LOW}, {HIGH}]",
        "distance from the nearer end, inside",
        source="reference run",
    )
    judged = [judge(inside, [min(value - LOW, HIGH - value) for value in whole])]
    for latent in LATENTS:
        claim = Claim(
            f"The amortization gap is larger on test data ({latent} latents)",
            "amortization gap, test minus train",
            source="reference run",
        )
        apart = [
            level(run, "amortization_gap", "test").apart(level(run, "amortization_gap", "train"))
            for run in found[latent, "elbo"]
        ]
        judged.append(judge(claim, apart))
    grows = Claim(
        "The approximation gap grows from 2 to 10 latents",
        "test approximation gap, 10 minus 2 latents",
        source="reference run",
    )
    pairs = zip(gaps(10, "approximation_gap", "test"), gaps(2, "approximation_gap", "test"), strict=True)
    judged.append(judge(grows, [a - b for a, b in pairs]))
    return tuple(judged)


def _draw(rows: Sequence[dict[str, object]]) -> Axes:
    with style():
        axes = new_axes(6.4, 3.2)
        for place, row in enumerate(rows):
            lower = row["Approximation"].value  # type: ignore[attr-defined]
            axes.bar(place, lower, color=COLORS["family"], label="approximation (family)" if not place else None)
            upper = row["Amortization"].value  # type: ignore[attr-defined]
            axes.bar(
                place,
                upper,
                bottom=lower,
                color=COLORS["encoder"],
                label="amortization (encoder)" if not place else None,
            )
        names = [f"{row['Trainer']}\n{row['Latents']}, {row['Split']}" for row in rows]
        axes.set_xticks(range(len(rows)), names, fontsize=6.5)
        axes.set_ylabel("nats")
        axes.legend()
    return axes


if __name__ == "__main__":
    experiment(jobs, part)
