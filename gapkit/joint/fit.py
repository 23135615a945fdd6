"""Fitting a family: in closed form where there is one, else by gradients, and F-VI from several starts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gapkit.core.randomness import seeded
from gapkit.estimators.protocol import Estimate
from gapkit.joint.families import Factorized, Family, Polynomial, Q
from gapkit.joint.model import Factors
from gapkit.joint.objective import Exact, Quadrature

__all__ = ["Fit", "Settings", "Trace", "fit", "fit_factorized"]

_SEARCHED = 24  # nodes for z_n while starts are searched
_DIVERGED = 1e12
_HALF = 64  # calls of a random objective in each half of what is left to gain


@dataclass(frozen=True)
class Settings:
    """Of fits by gradients.

    Attributes:
        steps: of Adam, its rate falling as a cosine.
        rate: its learning rate.
        polish: steps of L-BFGS afterwards, where the objective has no noise.
        starts: starts of each factor of F-VI, where factors can be fitted apart.
        seeds: starts of a network; the best counts.
    """

    steps: int = 600
    rate: float = 0.03
    polish: int = 200
    starts: int = 9
    seeds: tuple[int, ...] = (0, 1)


@dataclass(frozen=True)
class Trace:
    """What a fit went through.

    Attributes:
        loss: minus the ELBO after each step, in nats.
        seconds: since the beginning, at each.
    """

    loss: np.ndarray
    seconds: np.ndarray

    def reached(self, level: float) -> tuple[int, float] | None:
        """The first step (from 1) and second at which the loss is at a level or below; None where it never is."""
        below = np.flatnonzero(self.loss <= level)
        return (int(below[0]) + 1, float(self.seconds[below[0]])) if len(below) else None


@dataclass(frozen=True)
class Fit:
    """The best member of a family that was found.

    Attributes:
        family: whose.
        factors: the member.
        elbo: its ELBO, shape (1,).
        q: the module; None for a member found without one.
        left: what a last look at the gradient says may be left to gain, in nats; 0 in closed form, NaN of functions.
        trace: of the gradient steps; None in closed form.
        seed: of the start.
    """

    family: Family
    factors: Factors
    elbo: Estimate
    q: Q | None
    left: float
    trace: Trace | None
    seed: int = 0

    @property
    def value(self) -> float:
        """The ELBO in nats."""
        return float(self.elbo.value)


def fit(
    family: Family,
    objective: Any,
    settings: Settings | None = None,
    *,
    start: Factors | None = None,
    seeds: Sequence[int] | None = None,
    closed: bool = True,
) -> Fit:
    """The best member of a family over its starts.

    Args:
        family: any but F-VI's, which :func:`fit_factorized` fits; a factorized one is fitted from ``start`` alone.
        objective: of :mod:`gapkit.joint.objective`.
        settings: of gradient steps; None for the usual ones.
        start: factors of theta (and of datapoints without a function) to begin from.
        seeds: of the starts; None for those of the settings, or one for a family whose start is not drawn.
        closed: whether a closed form is taken where there is one.
    """
    settings = settings or Settings()
    if closed and isinstance(objective, Exact) and isinstance(family, Polynomial):
        return _closed(family, objective)
    drawn = not isinstance(family, Polynomial | Factorized)
    seeds = seeds if seeds is not None else settings.seeds if drawn else (0,)
    tried = [_once(family, objective, settings, start, seed) for seed in seeds]
    return max(tried, key=lambda found: found.value if np.isfinite(found.value) else -np.inf)


def _closed(family: Polynomial, objective: Exact) -> Fit:
    """A-VI over linear functions of fixed features has its optimum in closed form where the posterior is Gaussian."""
    q = family.build(objective.model, objective.x)
    function: Any = q.function
    inputs = q.window.gather(objective.x)
    features, rows = function.features(inputs).numpy(), q.rows.numpy()
    factors = objective.posterior.best_linear(features, rows)
    with torch.no_grad():
        weights = np.linalg.lstsq(features, factors.mean[q.rows].numpy(), rcond=None)[0]
        function.weight.copy_(torch.from_numpy(weights))
        function.log_sd.copy_(factors.log_sd[q.rows[0]])
    q.begin_at(factors)
    return Fit(family, factors, objective.estimate(factors), q, 0.0, None)


def _once(family: Family, objective: Any, settings: Settings, start: Factors | None, seed: int) -> Fit:
    with seeded(seed, "joint fit"):
        q = family.build(objective.model, objective.x, seed)
        if start is not None:
            q.begin_at(start)
        trace = _descend(q, objective, settings)
    factors = q(objective.x).detached()
    return Fit(family, factors, objective.estimate(factors), q, _left(q, objective), trace, seed)


def _descend(q: Q, objective: Any, settings: Settings) -> Trace:
    losses, seconds, began = [], [], time.perf_counter()
    optimizer = torch.optim.Adam(q.parameters(), settings.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(settings.steps, 1), settings.rate / 100)
    best, kept = np.inf, None
    for _ in range(settings.steps):
        optimizer.zero_grad()
        loss = objective.loss(q(objective.x))
        loss.backward()
        value = float(loss.detach())
        if not np.isfinite(value) or value > _DIVERGED:
            break
        if not objective.random and value < best:
            best, kept = value, [part.detach().clone() for part in q.parameters()]
        torch.nn.utils.clip_grad_norm_(q.parameters(), 1e4)
        optimizer.step()
        schedule.step()
        losses.append(value)
        seconds.append(time.perf_counter() - began)
    if kept is not None:
        _put(q, kept)
    if not objective.random and settings.polish:
        _polish(q, objective, settings.polish, losses, seconds, began)
    return Trace(np.array(losses), np.array(seconds))


def _put(q: Q, values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for part, value in zip(q.parameters(), values, strict=True):
            part.copy_(value)


def _polish(q: Q, objective: Any, steps: int, losses: list[float], seconds: list[float], began: float) -> None:
    """L-BFGS from where Adam ended; what is not better is taken back."""
    before = [part.detach().clone() for part in q.parameters()]
    parameters = [part for part in q.parameters() if part.numel()]
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=steps, history_size=20, line_search_fn="strong_wolfe", tolerance_change=1e-11
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = objective.loss(q(objective.x))
        loss.backward()
        return loss

    first = float(closure().detach())
    optimizer.step(closure)
    with torch.no_grad():
        last = float(objective.loss(q(objective.x)))
    if np.isfinite(last) and last <= first:
        losses.append(last)
        seconds.append(time.perf_counter() - began)
    else:
        _put(q, before)


def _left(q: Q, objective: Any) -> float:
    """Half of the squared gradient in units of each factor's own scale: what a Newton step on each would bring.

    Under noise it is the product of two gradients with noise of their own, whose mean is right, and at least 0. Of a
    function's weights nobody knows the scale: NaN there.
    """
    if q.function is not None:
        return float("nan")
    one = _scaled_gradient(q, objective)
    other = _scaled_gradient(q, objective) if objective.random else one
    return max(0.0, 0.5 * float(one @ other))


def _scaled_gradient(q: Q, objective: Any) -> Tensor:
    factors = q(objective.x)
    flat = [factors.theta, factors.log_theta, factors.mean, factors.log_sd]
    total = [torch.zeros_like(part) for part in flat]
    repeated = _HALF if objective.random else 1
    for _ in range(repeated):
        found = torch.autograd.grad(objective.loss(factors), flat, allow_unused=True, retain_graph=True)
        total = [a if g is None else a + g / repeated for a, g in zip(total, found, strict=True)]
    curved = 0.5**0.5  # the curvature of an ELBO in log sd is 2 at the optimum
    scale = [factors.log_theta.exp(), curved, factors.log_sd.exp(), curved]
    return torch.cat([(g * s).detach().flatten() for g, s in zip(total, scale, strict=True)])


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
    found = [_once(family, objective, settings, start, 0) for start in starts]
    if not found:
        found = [_once(family, objective, settings, None, 0)]
    best = max(found, key=lambda one: one.value)
    if apart and isinstance(objective, Quadrature):
        for _ in range(2):
            searched = _search(best.factors, objective, settings)
            short = replace(settings, steps=settings.steps // 4, rate=settings.rate / 3)
            again = _once(family, objective, short, searched, 0)
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
