"""What a practitioner keeps from Margossian and Blei (2024): polish, repeats, windows, fixed points, convergence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gapkit.joint.families import Factorized, Family
from gapkit.joint.fit import Fit, Settings, fit
from gapkit.joint.model import Factors
from gapkit.joint.objective import Exact
from gapkit.joint.windows import Window
from gapkit.ladder.arithmetic import gap
from gapkit.results.amortization import Polish, Repeats

__all__ = ["convergence", "fixed_point", "polish", "repeats", "window_curve"]

_EQUAL = 1e-6  # of the factors' standard deviations: optimal means that are the same


def polish(amortized: Fit, objective: Any, settings: Settings | None = None) -> Polish:
    """Steps of F-VI from A-VI's optimum: would a better inference function help?

    A gain above its error says yes; none says no more than that F-VI has an optimum here too (section 5 there).
    """
    settings = replace(settings or Settings(), steps=(settings or Settings()).steps // 2)
    better = fit(Factorized(), objective, settings, start=amortized.factors)
    found = gap(better.elbo, amortized.elbo)
    return Polish(float(found.value), float(found.std_error))


def repeats(x: Tensor, window: Window, best: Factors, objective: Any, left: float = 0.0) -> Repeats:
    """Datapoints whose windows are equal, and whether F-VI's optimal factors are equal there too.

    x_n = x_m implies nu_n = nu_m for any inference function (section 3.1 there), so that a difference shows a loss
    that no capacity mends.

    Args:
        x: shape (N, ...).
        window: what the function sees.
        best: F-VI's factors.
        objective: of the data.
        left: nats that they may be below the optimum: d standard deviations off cost d^2 / 2, so that differences
            below three times such a d are none.
    """
    least = _EQUAL + 3 * (2 * left) ** 0.5
    rows, inputs = window.rows(len(x)), window.gather(x)
    _, group, counts = torch.unique(inputs, dim=0, return_inverse=True, return_counts=True)
    chosen = (counts > 1).nonzero()[:, 0].tolist()
    if not chosen:
        return Repeats(0, 0, 0.0, 0.0)
    mean, variance = best.mean.clone(), (2 * best.log_sd).exp()
    differing, most = 0, 0.0
    for number in chosen:
        members = rows[group == number]
        m, v = best.mean[members], (2 * best.log_sd[members]).exp()
        apart = float(((m.amax(0) - m.amin(0)) / v.mean(0).sqrt()).max())
        spread = float((v.amax(0) / v.amin(0)).log().max())
        differing += max(apart, spread) > least
        most = max(most, apart)
        mean[members], variance[members] = m.mean(0), v.mean(0)
    shared = replace(best, mean=mean, log_sd=0.5 * variance.log())
    lost = gap(objective.estimate(best), objective.estimate(shared))
    return Repeats(len(chosen), differing, most, float(lost.value))


def fixed_point(best: Fit, objective: Any) -> float:
    """What one sweep of coordinate ascent still gains on an optimum of F-VI, in nats (lemma 3.1 there: nothing).

    Exact where the posterior is Gaussian; else half of the squared gradients in units of each factor, which is what
    one Newton step on each factor would bring.
    """
    if isinstance(objective, Exact):
        return objective.posterior.elbo(objective.posterior.sweep(best.factors)) - best.value
    return best.left


def window_curve(
    families: Mapping[int, Family], objective: Any, best: Fit, settings: Settings | None = None
) -> pd.DataFrame:
    """How the amortization gap falls with the half-width of the window.

    Args:
        families: by half-width.
        objective: of the data.
        best: F-VI's optimum.
        settings: of fits.

    Returns:
        Columns ``half_width``, ``gap`` and ``gap_se``, in nats of the data set.
    """
    rows = []
    for half_width, family in families.items():
        found = gap(best.elbo, fit(family, objective, settings).elbo)
        rows.append((half_width, float(found.value), float(found.std_error)))
    return pd.DataFrame(rows, columns=["half_width", "gap", "gap_se"])


def convergence(
    families: Sequence[Family],
    objective: Any,
    best: float,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    settings: Settings | None = None,
    shares: Sequence[float] = (0.5, 0.1, 0.01),
) -> pd.DataFrame:
    """Steps and seconds until the loss is within 50%, 10% and 1% of F-VI's, for each family and seed.

    Args:
        families: to be fitted by gradient steps, also where closed forms are known.
        objective: of the data.
        best: F-VI's ELBO, in nats.
        seeds: of starts and noise.
        settings: of the steps; no L-BFGS follows.
        shares: of F-VI's loss.

    Returns:
        Columns ``family``, ``seed``, ``final`` (nats below F-VI), and for each share ``steps_50`` and ``seconds_50``,
        NaN where it was not reached.
    """
    settings, rows = replace(settings or Settings(), polish=0), []
    for family in families:
        for seed in seeds:
            found = fit(family, objective, settings, seeds=(seed,), closed=False)
            row: dict[str, Any] = {"family": family.label, "seed": seed, "final": best - found.value}
            for share in shares:
                reached = found.trace.reached(-best + share * abs(best)) if found.trace else None
                steps, seconds = reached or (np.nan, np.nan)
                row |= {f"steps_{share * 100:g}": steps, f"seconds_{share * 100:g}": seconds}
            rows.append(row)
    return pd.DataFrame(rows)
