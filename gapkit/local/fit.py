"""Per-datapoint optimisation of q: from several starts, for all datapoints of a batch at once.

modes (from the encoder and the bank) -> best mode -> polish in each family -> certificate, and more steps where it says
so -> never below a member that is known already, such as the encoder's own q.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.randomness import Key
from gapkit.estimators.elbo import Elbo
from gapkit.estimators.protocol import Estimate
from gapkit.families import Mixture
from gapkit.families.protocol import Posterior, as_transport
from gapkit.ladder.arithmetic import Difference, gap
from gapkit.local.curvature import MAX_DIM
from gapkit.local.families import FITTERS
from gapkit.local.fitter import Fitter, LocalFit
from gapkit.local.polish import best_of, placed, polished, stretches
from gapkit.local.problem import Problem
from gapkit.local.search import Found, find_modes
from gapkit.local.seen import finished, with_rivals
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank
from gapkit.models.freeze import frozen
from gapkit.target import Target, family_name

__all__ = [
    "GAUSSIAN",
    "LocalFits",
    "fit_batch",
    "fit_family",
    "fit_further",
    "fit_gaussian",
    "further",
    "order",
    "split_family",
    "stretches",
]

GAUSSIAN = ("mean_field", "full_rank")  # fitted in every analysis, where the latents are not too many
_NEAREST = {"transformed": "flow", "truncated": "flow"}  # what stands for families that have no fit of their own


@dataclass(frozen=True)
class LocalFits:
    """What the fits of a batch give: L[q], q* of every family asked for, and a mixture over all modes found.

    Attributes:
        encoder: L[q] of the encoder's q, on the same noise as the optima.
        found: fits by the name of the family; ``mean_field`` always, ``full_rank`` where the latents are not too many.
        own: the family of the split: the encoder's own, or the one asked for in its place.
        mode_gap: what the encoder's choice of mode costs: L[q*] minus the best L[q] that a fit from the encoder's q
            reaches, both in the family of the split where that is Gaussian, else in the largest Gaussian one. Part of
            the amortization gap; zero where the encoder's start is the best one.
        mixture: modes and the encoder's q, weighted by what they reach: the proposal for log p(x).
        search: how the modes were found, and what may be missing.
    """

    encoder: Estimate
    found: Mapping[str, LocalFit]
    own: str
    mode_gap: Difference
    mixture: Mixture
    search: Found

    @property
    def mean_field(self) -> LocalFit:
        """The best factorised Gaussians."""
        return self.found["mean_field"]

    @property
    def full_rank(self) -> LocalFit | None:
        """The best full-rank Gaussians; None where the latents are too many for one."""
        return self.found.get("full_rank")

    def family(self, name: str) -> LocalFit:
        """The fit of a family by name.

        Raises:
            InputError: the family was not fitted.
        """
        if name not in self.found:
            fitted = ", ".join(self.found)
            raise InputError(f"q* in the family {name!r}", f"fitted were {fitted}", "ask for it (families=)")
        return self.found[name]

    def beside(self, name: str, found: LocalFit) -> "LocalFits":
        """These fits and that of one more family."""
        return replace(self, found={**self.found, name: found})


def fit_batch(
    target: Target,
    q: Posterior,
    bank: Bank | None,
    key: Key,
    settings: FitSettings | None = None,
    judge: Elbo | None = None,
    families: Sequence[str] = (),
    more: Tensor | None = None,
) -> LocalFits:
    """Fit q* in the Gaussian families, in the encoder's own, and in others that are asked for.

    Args:
        target: the batch, B datapoints.
        q: the encoder's posteriors.
        bank: where further starts come from; None fits from the encoder alone.
        key: seed and datapoint indices.
        settings: budgets.
        judge: the ELBO estimator whose noise decides in the end whether an optimum beats the encoder's q, so that
            L[q*] is never below L[q] in the same table.
        families: names of ``FITTERS``. The split is made in the encoder's own family if that is among them or none is
            named, else in the first of them.
        more: further starts, shape (K, B, D); NaN where there is none.

    Returns:
        The optima and the mixture. The nesting of the families holds in the same table: L[q*] is not below the
        encoder's L[q] in the encoder's own family, nor the full-rank optimum below the mean-field one. Where the
        encoder is at the optimum already, L[q*] - L[q] is therefore the positive part of noise around zero.

    Raises:
        InputError: a family that is unknown or cannot be fitted for this many latents, or no family asked for and
            none known for the encoder's own.
    """
    settings, judge = settings or FitSettings(), judge or Elbo(antithetic=True)
    own = split_family(family_name(q), families)
    fitted = fit_gaussian(target, q, bank, key, settings, judge, own, more)
    for name in further(target.dim, own, families):
        fitted = fitted.beside(name, fit_further(fitted, target, q, key, settings, judge, name))
    return fitted


def fit_gaussian(
    target: Target,
    q: Posterior,
    bank: Bank | None,
    key: Key,
    settings: FitSettings,
    judge: Elbo,
    own: str,
    more: Tensor | None = None,
) -> LocalFits:
    """Find the modes and fit the Gaussian families: all that other families and the proposal for log p(x) are made of.

    Args:
        target: as for :func:`fit`, like all others.
        q: the encoder's posteriors.
        bank: where further starts come from.
        key: seed and datapoint indices.
        settings: budgets.
        judge: the ELBO estimator.
        own: the family of the split.
        more: further starts.
    """
    with torch.no_grad(), frozen(target.model):
        search = find_modes(target, as_transport(q), bank, key, settings, more)
        modes = search.modes
        encoder = judge.on(target, q, key)
        problem = Problem(target, key, settings, judge, modes, q, encoder)
        found: dict[str, LocalFit] = {}
        names = [name for name in order(target.dim, own, ()) if name in GAUSSIAN]
        gaussian = own if own in GAUSSIAN else names[-1]
        for name in names:
            found[name] = fit_family(problem.named(name), FITTERS[name], found)
            if name == gaussian:
                found[name], lost = with_rivals(problem.named(name), FITTERS[name], found[name])
        best = found.get("full_rank", found["mean_field"])
        mixture = modes.mixture(as_transport(q), best.start, best.q)
        return LocalFits(encoder, found, own, lost, mixture, search)


def further(dim: int, own: str, families: Sequence[str]) -> list[str]:
    """The families to fit beside the Gaussian ones, smaller ones first.

    Raises:
        InputError: one of them cannot be fitted for so many latents.
    """
    return [name for name in order(dim, own, families) if name not in GAUSSIAN]


def fit_further(
    fitted: LocalFits, target: Target, q: Posterior, key: Key, settings: FitSettings, judge: Elbo, name: str
) -> LocalFit:
    """Fit one more family, from the modes and the Gaussian fits; others beside them make no difference."""
    with torch.no_grad(), frozen(target.model):
        problem = Problem(target, key, settings, judge, fitted.search.modes, q, fitted.encoder, name)
        return fit_family(problem, FITTERS[name], fitted.found)


def split_family(own: str, families: Sequence[str]) -> str:
    """The family in which the gap is split: the encoder's own unless others are asked for without it.

    A flow that some other library or the user wrote cannot be fitted to a datapoint, since its layers belong to all of
    them: unless something else is asked for, coupling layers stand for it, and the gaps compare families.

    Raises:
        InputError: an unknown family, or none asked for, no fit for the encoder's own and none that comes near it.

    Example:
        >>> split_family("mean_field", ["flow"]), split_family("transformed", [])
        ('flow', 'flow')
    """
    for name in families:
        if name not in FITTERS:
            raise InputError(f"q* in the family {name!r}", "no such family", f"use one of {', '.join(FITTERS)}")
    if own in FITTERS and (not families or own in families):
        return own
    if not families and own in _NEAREST:
        return _NEAREST[own]
    if not families:
        found = f"the encoder's family is {own!r}, for which there is no fit"
        known = ", ".join(FITTERS)
        raise InputError(
            "q* in the encoder's own family",
            found,
            f"use one of {known} (--family), the gaps then compare families; or give it a fit: gapkit.register_family",
        )
    return families[0]


def order(dim: int, own: str, families: Sequence[str]) -> list[str]:
    """The families to fit, smaller ones first: the Gaussian ones, and those asked for.

    Raises:
        InputError: one of those asked for cannot be fitted for so many latents.
    """
    asked = {own, *families}
    for name in asked:
        refusal = FITTERS[name].refusal(dim)
        if refusal:
            raise InputError(f"q* in the {name.replace('_', '-')} family", refusal, "use --family mean_field")
    always = {"mean_field"} | ({"full_rank"} if dim <= MAX_DIM else set())
    return [name for name in FITTERS if name in asked | always]


def fit_family(problem: Problem, fitter: Fitter, found: Mapping[str, LocalFit]) -> LocalFit:
    """Fit one family, whose name is the problem's; ``found`` are the fits of smaller ones."""
    begin, start = fitter.begin(problem, found)
    best, certificate, steps = polished(problem, fitter, begin, start)
    other = fitter.elsewhere(problem, found)
    if other is not None:
        begin, rows = other
        part, part_start, total = problem.select(rows), start[rows], fitter.num_steps(problem)
        again = range(total, 2 * total)
        theirs = fitter.polish(part, begin, part_start, again)
        theirs, their_certificate = best_of(part, fitter, [begin, theirs], part_start, again)
        ours, level = part.level(best.select(rows)), part.level(theirs)
        gained = gap(level, ours)
        better = (gained.value > 2.0 * gained.std_error) | (level.value.isfinite() & ~ours.value.isfinite())
        chosen = better.nonzero()[:, 0]
        best = placed(best, theirs.select(chosen), rows[chosen])
        certificate = certificate.placed(their_certificate.select(chosen), rows[chosen])
    return finished(problem, fitter, found, best, certificate, steps, start)
