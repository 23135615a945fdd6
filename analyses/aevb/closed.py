"""``python -m analyses.aevb.closed``: what is known in closed form, and what gapkit makes of it.

Probabilistic PCA with ten pixels and three latents: the gaps by formula, by gapkit's fits, and sampled; the two SGVB
estimators where their variances are known; and the two estimates of the paper's appendix D beside log p(x).
Refuted where a fit is more than 1e-6 nats from the formula, or a sampled number more than four standard errors away.
"""

import math
from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor

from analyses.aevb.exact import Ppca
from analyses.aevb.settings import Study, experiment
from analyses.lab import Job
from analyses.page import Part
from analyses.seeded import over_seeds
from gapkit import fit
from gapkit.comparison import Claim, Judged, judge
from gapkit.estimators import Iwae, ReciprocalIs
from gapkit.report.blocks import PlusMinus
from gapkit.training import compare_sgvb, sgvb_draws

__all__ = ["jobs", "part"]

CLOSE, ERRORS = 1e-6, 4.0
POINTS, MANY, DRAWS = 50, 20_000, 50
KINDS: dict[str, Callable[[], Ppca]] = {
    "the exact posterior": lambda: Ppca("posterior"),
    "the best factorised q": Ppca,
    "its mean times 0.9": lambda: Ppca("scaled"),
    "the prior": lambda: Ppca("prior"),
    "any q, decoder ignores z": lambda: Ppca("scaled", deaf=True),
}


def jobs(study: Study) -> Sequence[Job]:
    """None: all of it takes seconds."""
    return []


def part(study: Study) -> Part:
    """The tables and the claims."""
    gaps, fitted = _gaps(study)
    variances, sgvb = _variances(study)
    bounds, bracket = _bounds(study)
    first = gaps[0]
    words = (
        f"Probabilistic PCA: the approximation gap is {first['Formula']:.5f} nats by formula, and gapkit's fits are "
        f"within {max(row['Fits minus formula'] or 0.0 for row in gaps):.0e} nats of it, or of 0 for rotated latents.",
        "SGVB estimators A and B have equal means and neither has the lower variance always: "
        + "; ".join(
            f"{row['q']} {row['Variance of A'].value:.2f} and {row['Variance of B'].value:.2f}" for row in variances
        )
        + ".",
    )
    tables = {
        "Gaps in nats: by formula, from the fitted q*, and as a mean over data of the model": pd.DataFrame(gaps),
        "Variances of one draw of the SGVB estimators A and B, nats squared, and the mean of A minus B": pd.DataFrame(
            variances
        ),
        f"Bounds on log p(x) from {DRAWS} draws, minus log p(x), in nats; errors are over repetitions": pd.DataFrame(
            bounds
        ),
    }
    return Part("closed", "What is known in closed form", words, tables, {}, (*fitted, *sgvb, *bracket))


def _gaps(study: Study) -> tuple[list[dict[str, float | PlusMinus | str | None]], list[Judged]]:
    plain, rotated, scaled = Ppca(), Ppca(rotated=True), Ppca("scaled")
    worst, away = [], []
    for seed in range(study.budget.seeds):
        off = []
        for model in (scaled, Ppca("scaled", rotated=True)):
            x = model.sample(POINTS, seed)
            q = fit(model, x, effort="quick", seed=seed).q
            off.append(float((model.divergence(q.loc, q.scale, x) - model.approximation_gap()).abs().max()))
        worst.append(off)
        values = scaled.amortization_gap(scaled.sample(MANY, seed))
        error = float(values.std()) / MANY**0.5
        away.append(((float(values.mean()) - scaled.mean_amortization_gap()) / error, float(values.mean()), error))
    rows: list[dict[str, float | PlusMinus | str | None]] = [
        _row("approximation gap", plain.approximation_gap(), max(off[0] for off in worst)),
        _row("approximation gap, rotated latents", rotated.approximation_gap(), max(off[1] for off in worst)),
        {
            **_row("amortization gap, mean times 0.9", scaled.mean_amortization_gap(), None),
            "Sampled": over_seeds([value for _, value, _ in away]),
        },
    ]
    close = Claim(
        "Fits of q* reach the formula's approximation gap",
        "1e-6 nats minus the largest distance over datapoints, with and without rotation",
        source="closed form",
    )
    near = Claim(
        "The mean amortization gap is the formula's",
        "4 standard errors minus the distance",
        unit="standard errors",
        source="closed form",
    )
    return rows, [
        judge(close, [CLOSE - max(off) for off in worst]),
        judge(near, [ERRORS - abs(score) for score, _, _ in away]),
    ]


def _row(name: str, formula: float, off: float | None) -> dict[str, float | PlusMinus | str | None]:
    return {"Quantity": name, "Formula": formula, "Fits minus formula": off, "Sampled": None}


def _variances(study: Study) -> tuple[list[dict[str, object]], list[Judged]]:
    rows, scores, same = [], [], []
    for name, build in KINDS.items():
        model, found = build(), []
        for seed in range(study.budget.seeds):
            x = Ppca().sample(POINTS, seed)
            found.append(compare_sgvb(model, x, num_repeats=1000, seed=seed))
            a, b = sgvb_draws(model, x, 100, seed=seed)
            if model.encoder == "prior":
                same.append(float((a - b).abs().max()))
        moving = [one.difference / one.difference_se for one in found if float(one.difference_se.max()) > 1e-9]
        scores += [float(part.square().mean().sqrt()) for part in moving]
        rows.append(
            {
                "q": name,
                "Variance of A": over_seeds([float(one.variance_a.mean()) for one in found]),
                "Variance of B": over_seeds([float(one.variance_b.mean()) for one in found]),
                "A minus B": over_seeds([float(one.difference.mean()) for one in found]),
            }
        )
    seeds = study.budget.seeds
    means = [max(scores[seed::seeds]) for seed in range(seeds)]
    equal = Claim(
        "Estimators A and B have equal means",
        "1.5 minus the root mean square of A minus B in its standard errors, over datapoints",
        unit="standard errors",
        source="section 2.3",
    )
    identical = Claim(
        "At q = p(z) A and B are the same draw by draw", "1e-9 minus the largest distance", source="closed form"
    )
    return rows, [
        judge(equal, [1.5 - value for value in means]),
        judge(identical, [1e-9 - value for value in same]),
    ]


def _bounds(study: Study) -> tuple[list[dict[str, object]], list[Judged]]:
    """On the first datapoint of each seed: exact posterior draws, as in the reference, and gapkit's own chains."""
    model, kept = Ppca(), {"exact": [], "harmonic": [], "iwae": [], "chains": []}  # type: ignore[var-annotated]
    scores, inside = [], []
    for seed in range(study.budget.seeds):
        x = model.sample(POINTS, seed)
        exact = model.marginal.log_prob(x)
        above, harmonic = _repeated(model, x[:1], seed)
        kept["exact"].append(float(above.mean() - exact[0]))
        kept["harmonic"].append(float(harmonic.mean() - exact[0]))
        below = Iwae(num_samples=DRAWS)(model, x, model.encode(x), seed)  # type: ignore[arg-type]
        chains = ReciprocalIs()(model, x, model.encode(x), seed)  # type: ignore[arg-type]
        kept["iwae"].append(float((below.value - exact).mean()))
        kept["chains"].append(float((chains.value - exact).mean()))
        scores.append(float(((chains.value - exact) / chains.std_error).square().mean().sqrt()))
        ends = ((exact - below.value, below.std_error), (chains.value - exact, chains.std_error))
        inside.append(ERRORS + min(float(away.sum() / error.square().sum().sqrt()) for away, error in ends))
    rows = [
        {"Estimate": "IWAE, 50 draws of the best factorised q", "Minus log p(x)": over_seeds(kept["iwae"])},
        {"Estimate": "appendix D, 50 + 50 exact posterior draws", "Minus log p(x)": over_seeds(kept["exact"])},
        {"Estimate": "appendix D by gapkit's chains", "Minus log p(x)": over_seeds(kept["chains"])},
        {"Estimate": "harmonic mean, 50 exact posterior draws", "Minus log p(x)": over_seeds(kept["harmonic"])},
    ]
    right = Claim(
        "Appendix D's claimed errors are the real ones",
        "1.5 minus the root mean square of its distance from log p(x) in its standard errors",
        unit="standard errors",
        source="appendix D",
    )
    bracket = Claim(
        "IWAE and appendix D bracket log p(x) on average",
        "4 standard errors plus the distance of the mean log p(x) inside of the nearer end",
        unit="standard errors",
        source="appendix D",
    )
    return rows, [
        judge(right, [1.5 - score for score in scores]),
        judge(bracket, inside),
    ]


def _repeated(model: Ppca, x: Tensor, seed: int, times: int = 500) -> tuple[Tensor, Tensor]:
    """Appendix D and the harmonic mean from exact posterior draws of one datapoint, many times over."""
    generator = torch.Generator().manual_seed(seed)
    root = torch.linalg.cholesky(model.covariance)
    z = model.mean(x) + torch.randn(times, 2 * DRAWS, 3, generator=generator, dtype=torch.float64) @ root.T
    fitted, fresh = z[:, :DRAWS], z[:, DRAWS:]
    centred = fitted - fitted.mean(1, keepdim=True)
    covariance = centred.mT @ centred / (DRAWS - 1)
    density = torch.distributions.MultivariateNormal(fitted.mean(1, keepdim=True), covariance.unsqueeze(1))
    log_lik = model.decode(fresh.flatten(0, 1)).log_prob(x).reshape(times, DRAWS)
    log_joint = log_lik + model.prior().log_prob(fresh)
    above = -(torch.logsumexp(density.log_prob(fresh) - log_joint, 1) - math.log(DRAWS))
    return above, -(torch.logsumexp(-log_lik, 1) - math.log(DRAWS))


if __name__ == "__main__":
    experiment(jobs, part)
