"""F-VI's optimum: exact where the posterior is Gaussian, else by gradient steps from several starts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from gapkit.joint.families import Factorized
from gapkit.joint.fit import Fit, Settings, fit_from
from gapkit.joint.model import Factors
from gapkit.joint.objective import Exact, Quadrature

__all__ = ["fit_factorized"]

_SEARCHED = 24  # nodes for z_n while starts are searched


def fit_factorized(
    objective: Any, settings: Settings | None = None, *, starts: Sequence[Factors] = (), apart: bool = False
) -> Fit:
    """F-VI's optimum: exact where the posterior is Gaussian, else the best of several starts.

    It is never below a start that was given: with A-VI's optimum among them, an amortization gap cannot be negative but
    for noise.

    Args:
        objective: of :mod:`gapkit.joint.objective`.
        settings: of gradient steps.
        starts: factors to begin from, such as those of A-VI's optimum.
        apart: whether, given q(theta), the z_n can be fitted apart (:attr:`gapkit.joint.Structure.reach` 0): each one
            then has starts of its own, and keeps the best of them.
    """
    settings, family = settings or Settings(), Factorized()
    if isinstance(objective, Exact):
        factors = objective.posterior.factors()
        return Fit(family, factors, objective.estimate(factors), None, 0.0, None)
    found = [fit_from(family, objective, settings, start, 0) for start in starts]
    if not found:
        found = [fit_from(family, objective, settings, None, 0)]
    best = max(found, key=lambda one: one.value)
    if apart and isinstance(objective, Quadrature):
        for _ in range(2):
            searched = _search(best.factors, objective, settings)
            short = replace(settings, steps=settings.steps // 4, rate=settings.rate / 3)
            again = fit_from(family, objective, short, searched, 0)
            gained = again.value - best.value
            best = again if gained > 0 else best
            if gained < 1e-3:
                break
    # A start is a member too: it counts where steps under noise ended below it.
    for start in starts:
        estimate = objective.estimate(start)
        if float(estimate.value) > best.value:
            best = Fit(family, start, estimate, None, 0.0, best.trace)
    return best


def _search(q: Factors, objective: Quadrature, settings: Settings) -> Factors:
    """Each factor from several starts around where all factors are, q(theta) held; for each n the best."""
    coarse = Quadrature(objective.model, objective.x, (min(3, objective.nodes[0]), _SEARCHED))
    middle = q.mean.mean(0)
    spread = (q.mean.var(0) + (2 * q.log_sd).exp().mean(0)).sqrt()
    # All factors may sit on the wrong side of 0: the starts reach as far on the other.
    far = 3 * torch.maximum(spread, middle.abs())
    low, high = middle.clamp(max=0.0) - far, middle.clamp(min=0.0) + far
    with torch.no_grad():
        best = objective.terms(q)
    mean, log_sd = q.mean.clone(), q.log_sd.clone()
    for place in np.linspace(0.0, 1.0, settings.starts):
        m = (low + place * (high - low)).expand_as(q.mean).clone().requires_grad_()
        s = (spread.log() - 1.0).expand_as(q.mean).clone().requires_grad_()
        optimizer = torch.optim.Adam([m, s], 0.1)
        steps = max(60, settings.steps // 5)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 1e-3)
        for _ in range(steps):
            optimizer.zero_grad()
            (-coarse.terms(replace(q, mean=m, log_sd=s)).sum()).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            value = objective.terms(replace(q, mean=m, log_sd=s))
            better = value > best
            best = torch.where(better, value, best)
            mean = torch.where(better[:, None], m, mean)
            log_sd = torch.where(better[:, None], s, log_sd)
    return replace(q, mean=mean, log_sd=log_sd)
