"""``python -m analyses.meta_amortization.air``: regularised encoders on digits, and what each gap makes of it.

VAEs of binary 8x8 digits with ten latents, trained long enough to overfit, with noise of several sizes on what the
encoder is given (and, once, with bounded weights): bounds and gaps on training and test data.
The claim "regularised inference generalises better" is refuted where the test log p(x) or the test ELBO does not rise.
"""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from analyses.lab import Analysed, Trained
from analyses.meta_amortization.settings import Study, experiment, over_seeds
from analyses.page import Drawn, Part
from gapkit import Result
from gapkit.comparison import Claim, Judged, difference, judge, level
from gapkit.plots.style import new_axes
from gapkit.report.blocks import PlusMinus

__all__ = ["jobs", "part"]

NOISES = (0.0, 0.3, 0.6)
KINDS: dict[str, dict[str, float]] = {
    **{f"noise {noise:g}": ({"encoder_noise": noise} if noise else {}) for noise in NOISES},
    "norm at most 1": {"weight_norm_bound": 1.0},
}
QUANTITIES = {
    "log_px": "log p(x)",
    "elbo": "L[q]",
    "approximation_gap": "Approximation",
    "amortization_gap": "Amortization",
    "total_gap": "Total gap",
}


def made(study: Study, kind: str) -> list[Analysed]:
    """One run for each seed."""
    common: dict[str, Any] = {
        "hidden": (128,),
        "activation": "tanh",
        "latent": 10,
        "epochs": 4 * study.budget.epochs,
        "learning_rate": 2e-3,
    }
    points = study.budget.points
    spec = (("unit_size", points),) if points < 100 else ()
    return [
        Analysed(Trained.of(study.digits, **common, **KINDS[kind], seed=seed), points, spec=spec)
        for seed in range(study.budget.seeds)
    ]


def jobs(study: Study) -> list[Analysed]:
    """All kinds."""
    return [job for kind in KINDS for job in made(study, kind)]


def part(study: Study) -> Part:
    """Bounds and gaps against the noise, and the claim."""
    found = {kind: [study.lab.result(job) for job in made(study, kind)] for kind in KINDS}
    rows = [
        {"Encoder": kind, "Split": split, **{label: _mean(runs, name, split) for name, label in QUANTITIES.items()}}
        for kind, runs in found.items()
        for split in ("train", "test")
    ]
    judged = _judged(found)
    usual, noisy = KINDS_SHOWN
    before, after = (_mean(found[kind], "log_px", "test").value for kind in (usual, noisy))
    elbo_before, elbo_after = (_mean(found[kind], "elbo", "test").value for kind in (usual, noisy))
    words = (
        f"Noise of {NOISES[1]:g} on the encoder's input moves the test ELBO from {elbo_before:.2f} to {elbo_after:.2f} "
        f"and the test log p(x), which is the model's own, from {before:.2f} to {after:.2f} nats.",
    )
    figure = Drawn(
        lambda: _draw(found),
        "Gaps on test data by the noise on the encoder's input, means over trainings.",
        "Two curves of gaps against the noise",
    )
    caption = "Bounds and gaps in nats; errors are over trainings"
    return Part("air", "Regularised encoders", words, {caption: pd.DataFrame(rows)}, {"gaps": figure}, tuple(judged))


KINDS_SHOWN = ("noise 0", f"noise {NOISES[1]:g}")


def _judged(found: dict[str, list[Result]]) -> list[Judged]:
    usual, noisy = (found[kind] for kind in KINDS_SHOWN)
    pairs = [*zip(noisy, usual, strict=True)]

    def of(name: str, split: str) -> list[Any]:
        return [difference(a, b, name, split) for a, b in pairs]

    worse = [*zip(found[f"noise {NOISES[2]:g}"], usual, strict=True)]
    source = "abstract of Shu et al."
    return [
        judge(
            Claim("Regularised inference generalises better (ELBO)", "test L[q], noise 0.3 minus none", source=source),
            of("elbo", "test"),
        ),
        judge(
            Claim(
                "Regularised inference generalises better (model)", "test log p(x), noise 0.3 minus none", source=source
            ),
            of("log_px", "test"),
        ),
        judge(
            Claim("It lowers the test gap", "test total gap, none minus noise 0.3", source=source),
            [difference(b, a, "total_gap", "test") for a, b in pairs],
        ),
        judge(
            Claim("Too much of it costs ELBO", "test L[q], none minus noise 0.6", source=source),
            [difference(b, a, "elbo", "test") for a, b in worse],
        ),
    ]


def _mean(results: list[Result], name: str, split: str) -> PlusMinus:
    return over_seeds([float(level(result, name, split).finite().mean()) for result in results])


def _draw(found: dict[str, list[Result]]) -> Axes:
    axes = new_axes(5.0, 3.0)
    for name in ("approximation_gap", "amortization_gap"):
        values = [_mean(found[f"noise {noise:g}"], name, "test") for noise in NOISES]
        errors = [value.error or 0.0 for value in values]
        axes.errorbar(NOISES, [value.value for value in values], errors, fmt="o-", label=QUANTITIES[name].lower())
    axes.set(xlabel="noise on the encoder's input", ylabel="gap on test data (nats)", ylim=(0, None))
    axes.legend()
    return axes


if __name__ == "__main__":
    experiment(jobs, part)
