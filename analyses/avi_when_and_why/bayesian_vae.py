"""A VAE with a prior on the decoder's weights: how wide must the encoder be, and which inference is sooner there?

``python -m analyses.avi_when_and_why.bayesian_vae``: a minute and a half on one core, on digits of 8 x 8 pixels. Figure
7 of the paper, small. What would refute it: a network of width 64 that loses more than 2% of F-VI's loss.
"""

import numpy as np
import pandas as pd
import torch

from analyses.avi_when_and_why.study import Budget, alone
from analyses.page import Part
from analyses.seeded import over_seeds
from gapkit.comparison import Claim, judge
from gapkit.inputs.data import load
from gapkit.joint import Constant, Factorized, Factors, Mlp, MonteCarlo, Settings, fit, fit_factorized
from gapkit.joint.models import BayesianVae
from gapkit.ladder.arithmetic import gap

__all__ = ["bayesian_vae"]


def bayesian_vae(budget: Budget) -> Part:
    """Losses, gaps and errors of reconstruction of one factor, networks and F-VI, over seeds."""
    x = (load("digits", split="train", limit=budget.digits).x.reshape(-1, 64) > 7 / 15).double()
    model = BayesianVae(64, 8, 32)
    rows, gaps = [], {}
    for seed in range(budget.seeds):
        objective = MonteCarlo(model, x, draws=1, judged=100, seed=seed)
        settings = Settings(steps=budget.vae, rate=0.02, seeds=(seed,))
        tried = {one.label: fit(one, objective, settings, seeds=(seed,)) for one in (Constant(), Mlp(1), Mlp(64))}
        alone_ = fit(Factorized(), objective, settings, seeds=(seed,))
        best = fit_factorized(objective, settings, starts=[tried[Mlp(64).label].factors, alone_.factors])
        tried |= {"F-VI from its own start": alone_, "F-VI, best": best}
        for label, one in tried.items():
            found = gap(best.elbo, one.elbo)
            gaps.setdefault(label, []).append(float(found.value))
            reached = one.trace.reached(-best.value * 1.05) if one.trace else None
            rows.append(
                {
                    "q": label,
                    "loss": -one.value,
                    "mse": _error(model, one.factors, x),
                    "steps to 5%": reached[0] if reached else np.nan,
                }
            )
    frame = pd.DataFrame(rows)
    table = pd.DataFrame(
        [
            {
                "q": label,
                "loss": over_seeds(part["loss"]),
                "gap to F-VI": over_seeds(gaps[label]),
                "squared error": over_seeds(part["mse"]),
                "median steps to 5%": float(part["steps to 5%"].median()),
            }
            for label, part in frame.groupby("q", sort=False)
        ]
    )
    losses = frame[frame["q"] == "F-VI, best"]["loss"].to_numpy()
    wide = np.array(gaps[Mlp(64).label])
    judged = (
        judge(
            Claim(
                "An encoder of enough width reaches F-VI",
                "2% of F-VI's loss minus the gap of width 64",
                source="figure 7",
            ),
            list(0.02 * losses - wide),
        ),
        judge(
            Claim("Width 1 is not enough", "gap of width 1 minus that of width 64", source="figure 7"),
            list(np.array(gaps[Mlp(1).label]) - wide),
        ),
        judge(
            Claim(
                "At equal steps A-VI is ahead of F-VI",
                "ELBO of width 64 minus that of F-VI from its own start",
                source="figure 7",
            ),
            list(np.array(gaps["F-VI from its own start"]) - wide),
        ),
    )
    words = (
        f"Bayesian VAE on {len(x)} digits, {budget.vae:,} steps: encoders of width 1 and 64 are "
        f"{' and '.join(f'{np.mean(gaps[Mlp(width).label]):.0f}' for width in (1, 64))} nats below the best F-VI "
        f"(loss {np.mean(losses):.0f}); F-VI from its own start is {np.mean(gaps['F-VI from its own start']):.0f} "
        "below.",
    )
    caption = "Loss and gap in nats of the data set, squared error of reconstruction a pixel, over seeds"
    return Part("bayesian_vae", "Bayesian VAE: the encoder's width", words, {caption: table}, {}, judged)


def _error(model: BayesianVae, q: Factors, x: torch.Tensor) -> float:
    """Squared error of a pixel's probability at the means of q."""
    with torch.no_grad():
        seen = model.decode(q.theta[None], q.mean[None])[0].sigmoid()
    return float((seen - x).square().mean())


if __name__ == "__main__":
    alone(bayesian_vae, __doc__)
