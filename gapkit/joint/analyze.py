"""The question as one call: which window and capacity does an inference function need, and what does it lose?"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.estimators.protocol import Bound, Estimate
from gapkit.joint import evidence
from gapkit.joint.diagnostics import fixed_point, polish, repeats
from gapkit.joint.families import Constant, Family, Mlp, Polynomial
from gapkit.joint.fit import Fit, Settings, fit, fit_factorized
from gapkit.joint.gaussian import posterior_of
from gapkit.joint.ladder import Levels, result_of
from gapkit.joint.model import HierarchicalModel, as_data, check_model
from gapkit.joint.objective import Exact, MonteCarlo, Quadrature
from gapkit.joint.structure import Structure, structure_of, terms_apart
from gapkit.joint.windows import Window
from gapkit.ladder.arithmetic import gap
from gapkit.results.amortization import Amortization, Candidate, Study
from gapkit.version import __version__

__all__ = ["Bounds", "analyze", "bounds_of", "objective_of"]

_HALF_WIDTHS = (0, 1, 2, 3)
_WIDTHS = (4, 16)
_LOCAL, _GLOBAL = 1, 2  # numbers for which log p(x) is integrated on a grid


@dataclass(frozen=True)
class Bounds:
    """All optima on one data set.

    Attributes:
        structure: of the model.
        objective: how ELBOs are had.
        constant: one factor for all.
        candidates: inference functions, in the order in which they were asked for.
        factorized: F-VI.
        log_px: log p(x), shape (1,).
        source: of it.
    """

    structure: Structure
    objective: Any
    constant: Fit
    candidates: tuple[Fit, ...]
    factorized: Fit
    log_px: Estimate
    source: str

    def gap(self, one: Fit) -> tuple[float, float]:
        """L[F-VI] minus an ELBO, and its paired error."""
        found = gap(self.factorized.elbo, one.elbo)
        return float(found.value), float(found.std_error)


def objective_of(
    model: HierarchicalModel, x: Tensor, structure: Structure, kind: str = "auto", **given: Any
) -> Exact | Quadrature | MonteCarlo:
    """The sharpest way to have an ELBO of this model: exact, else by quadrature, else by draws.

    Args:
        model: any.
        x: shape (N, ...), float64.
        structure: of the model.
        kind: ``auto``, ``exact``, ``quadrature`` or ``monte carlo``.
        given: settings of :class:`gapkit.joint.Quadrature` or :class:`gapkit.joint.MonteCarlo`.

    Raises:
        InputError: an unknown kind, or one that the model does not have.
    """
    if kind not in ("auto", "exact", "quadrature", "monte carlo"):
        do = "use auto, exact, quadrature or monte carlo"
        raise InputError(f"ELBOs by {kind!r}", "no such way", do)
    if kind in ("auto", "exact"):
        posterior = posterior_of(model, x, structure.reach)
        if posterior is not None:
            return Exact(model, x, posterior)
        if kind == "exact":
            raise InputError("exact ELBOs", "a log density that is not quadratic", "use quadrature or monte carlo")
    apart, few = structure.reach == 0 and terms_apart(model, x), model.local_size <= 2 and model.global_size <= 2
    if kind == "quadrature" and not apart:
        raise InputError("ELBOs by quadrature", "terms that hold several z", "use monte carlo")
    if kind == "quadrature" or (kind == "auto" and apart and few):
        return Quadrature(model, x, **given)
    return MonteCarlo(model, x, **given)


def bounds_of(
    model: HierarchicalModel,
    x: Any,
    families: Sequence[Family],
    *,
    settings: Settings | None = None,
    objective: Any = None,
    structure: Structure | None = None,
    seed: int = 0,
) -> Bounds:
    """Fit the constant factor, inference functions and F-VI to one data set, and find log p(x).

    Args:
        model: any.
        x: one data set, N rows.
        families: of inference functions, one or more.
        settings: of fits.
        objective: None for the sharpest.
        structure: None looks.
        seed: of AIS.
    """
    x = as_data(x)
    check_model(model, x)
    structure = structure or structure_of(model, x)
    objective = objective or objective_of(model, x, structure)
    constant = fit(Constant(), objective, settings)
    # One factor for all z_n may have made theta useless to them, which is a bad start where theta is many numbers.
    start = None if isinstance(objective, MonteCarlo) else constant.factors
    candidates = tuple(fit(family, objective, settings, start=start) for family in families)
    starts = sorted((*candidates, constant), key=lambda one: -one.value)[:1]
    apart = structure.reach == 0
    best = fit_factorized(objective, settings, starts=[one.factors for one in starts], apart=apart)
    log_px, source = _evidence(model, x, objective, best, structure, seed)
    return Bounds(structure, objective, constant, candidates, best, log_px, source)


def _evidence(
    model: HierarchicalModel, x: Tensor, objective: Any, best: Fit, structure: Structure, seed: int
) -> tuple[Estimate, str]:
    if isinstance(objective, Exact):
        return _certain(objective.posterior.log_evidence), "exact"
    few = model.local_size <= _LOCAL and model.global_size <= _GLOBAL
    if few and structure.reach == 0 and terms_apart(model, x):
        found = evidence.quadrature(model, x, best.factors)
        if found is not None:
            return _certain(found), "quadrature"
    return evidence.annealed(model, x, best.factors, seed=seed), "ais"


def _certain(value: float) -> Estimate:
    one = torch.tensor([value], dtype=torch.float64)
    return Estimate(one, torch.zeros_like(one), Bound.EXACT)


def analyze(
    model: HierarchicalModel,
    x: Any,
    *,
    half_widths: Sequence[int] = _HALF_WIDTHS,
    widths: Sequence[int] | None = None,
    families: Sequence[Family] = (),
    more: Sequence[Any] = (),
    worth: float = 1.0,
    settings: Settings | None = None,
    objective: str = "auto",
    seed: int = 0,
) -> Amortization:
    """Can inference in this model be amortized, which window and capacity does that take, and what does it lose?

    Linear functions and networks are fitted on x[n] alone, and on the window that the model's graph asks for (or, where
    it promises none, on growing windows), until the loss against F-VI is below ``worth``; then the smallest that is
    good enough is polished, and equal inputs are looked at.

    Args:
        model: a :class:`gapkit.joint.HierarchicalModel`, made of two log densities.
        x: the data set, N rows.
        half_widths: of the windows that are tried where z_n meet each other.
        widths: of networks; None tries none where the posterior is Gaussian, because a linear function is best there,
            and 4 and 16 elsewhere.
        families: inference functions of the user's choice, tried after these.
        more: further data sets, for which the chosen function is fitted anew: rows of the result.
        worth: nats of a whole data set that are worth acting on.
        settings: of fits.
        objective: ``auto``, ``exact``, ``quadrature`` or ``monte carlo``.
        seed: of everything random.

    Returns:
        The verdict, the table of inference functions, and a result with the ladder const <= A-VI <= F-VI <= log p(x).

    Raises:
        InputError: data or a model that do not fit.

    Example:
        >>> from gapkit.joint.models import Saw
        >>> found = analyze(Saw(), Saw().simulate(200, 1))
        >>> found.study.answer, found.study.chosen
        ('amortize', 'polynomial of degree 1 in x[n-1..n]')
    """
    began = time.perf_counter()
    x = as_data(x)
    check_model(model, x)
    structure = structure_of(model, x)
    target = objective_of(model, x, structure, objective, **({"seed": seed} if objective == "monte carlo" else {}))
    if widths is None:
        widths = () if isinstance(target, Exact) else _WIDTHS
    tried = [*_families(structure, len(x), half_widths, widths), *families]
    settings = settings or Settings()
    settings = replace(settings, seeds=tuple(seed + one for one in settings.seeds))
    bounds = bounds_of(model, x, tried, settings=settings, objective=target, structure=structure, seed=seed)
    rows = [_candidate(bounds, one) for one in bounds.candidates]
    place, enough = _chosen(rows, worth)
    chosen = bounds.candidates[place]
    best = bounds.factorized
    again = repeats(x, chosen.family.window, best.factors, target, best.left)
    polished = polish(chosen, target, settings)
    levels = [_levels(bounds, chosen)]
    for other in more:
        found = bounds_of(model, other, [chosen.family], settings=settings, structure=structure, seed=seed)
        levels.append(_levels(found, found.candidates[0]))
    study = Study(
        model=type(model).__name__,
        datapoints=len(x),
        global_size=model.global_size,
        local_size=model.local_size,
        objective=target.kind,
        evidence=bounds.source,
        reach=structure.reach,
        offsets=structure.offsets,
        same=structure.same,
        ideal=None if structure.ideal is None else str(structure.ideal),
        candidates=tuple(rows),
        chosen=rows[place].label,
        enough=enough,
        worth=worth,
        constant=bounds.gap(bounds.constant)[0],
        polish=polished,
        repeats=again,
        fixed_point=fixed_point(best, target),
        seconds=time.perf_counter() - began,
    )
    run = {"model": study.model, "gapkit": __version__, "seed": seed, "amortization": study.to_dict()}
    return Amortization(result_of(levels, run), study)


def _families(structure: Structure, count: int, half_widths: Sequence[int], widths: Sequence[int]) -> Iterator[Family]:
    """Windows from the narrowest on, each with functions from the simplest on."""
    windows = [Window()]
    if structure.ideal is not None:
        windows += [structure.ideal] if structure.ideal != Window() else []
    else:
        wide = (Window.around(half) for half in sorted(half_widths) if 0 < 2 * half < count - 1)
        windows += islice(wide, None)
    for window in windows:
        yield Polynomial(1, window)
        yield from (Mlp(width, window) for width in widths)


def _candidate(bounds: Bounds, one: Fit) -> Candidate:
    loss, error = bounds.gap(one)
    window = one.family.window
    label = one.family.label
    capacity = label.removesuffix(f" in {window}").removesuffix(f" on {window}")
    return Candidate(label, str(window), len(window.offsets), capacity, one.value, loss, error)


def _chosen(rows: Sequence[Candidate], worth: float) -> tuple[int, bool]:
    """The first of those with the fewest inputs that is good enough, else the best."""
    good = [place for place, row in enumerate(rows) if row.gap + 2 * row.error < worth]
    if good:
        return min(good, key=lambda place: rows[place].inputs), True
    return min(range(len(rows)), key=lambda place: rows[place].gap), False


def _levels(bounds: Bounds, one: Fit) -> Levels:
    best = bounds.factorized
    return Levels(bounds.log_px, best.elbo, one.elbo, bounds.constant.elbo, best.left, bounds.source)
