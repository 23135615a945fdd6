"""Per-datapoint optimisation of q: from several starts, for all datapoints of a batch at once.

modes (from the encoder and the bank) -> best mode -> polish in each family -> certificate, and more steps where it says
so -> never below a member that is known already, such as the encoder's own q.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from gapkit.checks import InputError
from gapkit.decomposition import Gap, gap
from gapkit.estimators.elbo import Elbo
from gapkit.estimators.protocol import Estimate
from gapkit.families import Mixture, family_name
from gapkit.families.protocol import Posterior, can_be_cut, with_density
from gapkit.local.blocks import blocks_with
from gapkit.local.certificate import Certificate, from_gain
from gapkit.local.curvature import MAX_DIM
from gapkit.local.families import FITTERS
from gapkit.local.fitter import FitStatus, Fitter, LocalFit
from gapkit.local.job import Job, merged, merged_estimates, picked
from gapkit.local.search import Found, find_modes
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank
from gapkit.models.freeze import frozen
from gapkit.models.target import Target
from gapkit.randomness import Key

__all__ = ["LocalFits", "fit", "fit_family", "order", "split_family", "stretches"]

_GAUSSIAN = ("mean_field", "full_rank")


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
    mode_gap: Gap
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


def fit(
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
    with torch.no_grad(), frozen(target.model):
        search = find_modes(target, with_density(q), bank, key, settings, more)
        modes = search.modes
        encoder = judge(target, target.x, q, key)
        job = Job(target, key, settings, judge, modes, q, encoder)
        found: dict[str, LocalFit] = {}
        for name in order(target.dim, own, families):
            found[name] = fit_family(job.named(name), FITTERS[name], found)
        best = found.get("full_rank", found["mean_field"])
        mixture = modes.mixture(with_density(q), best.start, best.q)
        gaussian = own if own in _GAUSSIAN else [name for name in found if name in _GAUSSIAN][-1]
        lost = _mode_gap(job.named(gaussian), found)
        return LocalFits(encoder, found, own, lost, mixture, search)


def split_family(own: str, families: Sequence[str]) -> str:
    """The family in which the gap is split: the encoder's own unless others are asked for without it.

    Raises:
        InputError: an unknown family, or none asked for and no fit for the encoder's own.
    """
    for name in families:
        if name not in FITTERS:
            raise InputError(f"q* in the family {name!r}", "no such family", f"use one of {', '.join(FITTERS)}")
    if own in FITTERS and (not families or own in families):
        return own
    if not families:
        found = f"the encoder's family is {own!r}, for which there is no fit"
        known = ", ".join(FITTERS)
        raise InputError(
            "q* in the encoder's own family", found, f"use one of {known} (--family); the gaps then compare families"
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


def fit_family(job: Job, fitter: Fitter, found: Mapping[str, LocalFit]) -> LocalFit:
    """Fit one family, whose name is the job's; ``found`` are the fits of smaller ones."""
    begin, start = fitter.begin(job, found)
    best, certificate, steps = _polished(job, fitter, begin, start)
    other = fitter.elsewhere(job, found)
    if other is not None:
        begin, rows = other
        part, part_start, total = job.select(rows), start[rows], fitter.num_steps(job)
        again = range(total, 2 * total)
        theirs = fitter.polish(part, begin, part_start, again)
        theirs, their_certificate = _best(part, fitter, [begin, theirs], part_start, again)
        ours, level = part.level(best.select(rows)), part.level(theirs)
        gained = gap(level, ours)
        better = (gained.value > 2.0 * gained.std_error) | (level.value.isfinite() & ~ours.value.isfinite())
        chosen = better.nonzero()[:, 0]
        best = _placed(best, theirs.select(chosen), rows[chosen])
        certificate = certificate.placed(their_certificate.select(chosen), rows[chosen])
    return _never_below(job, fitter, found, best, certificate, steps, start)


def _polished(job: Job, fitter: Fitter, begin: Any, start: Tensor) -> tuple[Any, Certificate, Tensor]:
    """Polish, certify, and go on with the datapoints whose certificate asks for it."""
    total = fitter.num_steps(job)
    best, certificate = _best(
        job, fitter, [begin, *stretches(job, fitter, begin, start, total)], start, range(total // 3, total)
    )
    steps = torch.full_like(start, total)
    for number in range(job.settings.more_rounds):
        wanted = ~certificate.converged(job.settings.tolerance) & best.loc.isfinite().all(-1)
        again = range(total * 2**number, total * 2 ** (number + 1))
        for block, places in blocks_with(wanted):
            part, part_start, now = job.select(block), start[block], best.select(block)
            longer = fitter.polish(part, now, part_start, again)
            better, theirs = _best(part, fitter, [now, longer], part_start, again)
            rows = block[places]
            best = _placed(best, better.select(places), rows)
            certificate = certificate.placed(theirs.select(places), rows)
            steps = steps.index_fill(0, rows, again.stop)
    return best, certificate, steps


def stretches(job: Job, fitter: Fitter, begin: Any, start: Tensor, steps: int) -> tuple[Any, Any]:
    """The outcomes of the two stretches of a polish of so many steps.

    The first stretch comes from afar; the second, from where the first ended, averages all its iterates.
    """
    first = fitter.polish(job, begin, start, range(steps // 3))
    return first, fitter.polish(job, first, start, range(steps // 3, steps))


def _best(job: Job, fitter: Fitter, outcomes: list[Any], start: Tensor, steps: range) -> tuple[Any, Certificate]:
    """The last of what the stretches gave, and its certificate on fresh noise.

    An earlier one is taken only where it is better on fixed noise by three paired errors: where a stretch went astray.
    Choosing the highest instead would choose by noise, which costs more than it gains.
    """
    *earlier, last = outcomes
    level = job.level(last)
    values = [level.value]
    for outcome in earlier:
        theirs = job.level(outcome)
        handicap = 3.0 * gap(theirs, level).std_error
        values.append(theirs.value - torch.where(handicap.isfinite(), handicap, 0.0))
    best, number = picked([last, *earlier], values)
    certificate = fitter.certify(job, best, start, f"{steps.stop}")
    if certificate is None:
        stage, share = f"certificate/{job.family}/{steps.stop}", steps.start / max(1, len(steps))
        certificate = from_gain(job.level(best, stage), job.level(earlier[-1], stage), share)
        # Where the last stretch went astray nothing is known of what a better one would have gained.
        certificate = replace(certificate, gap=torch.where(number == 0, certificate.gap, torch.nan))
    return best, certificate


def _never_below(
    job: Job,
    fitter: Fitter,
    found: Mapping[str, LocalFit],
    best: Any,
    certificate: Certificate,
    steps: Tensor,
    start: Tensor,
) -> LocalFit:
    estimate = job.judged(best)
    usable = best.loc.isfinite().all(-1) & estimate.value.isfinite()
    status = torch.where(certificate.converged(job.settings.tolerance), FitStatus.CONVERGED, FitStatus.BUDGET)
    status = torch.where(usable, status, int(FitStatus.DIVERGED))
    for member in fitter.known(job, found):
        keep = usable & ((estimate.value >= member.elbo.value) | ~member.elbo.value.isfinite())
        start = torch.where(keep, start, member.start)
        best, estimate = merged(keep, best, member.q), merged_estimates(keep, estimate, member.elbo)
    return LocalFit(best, estimate, certificate, status, start, steps)


def _mode_gap(job: Job, found: Mapping[str, LocalFit]) -> Gap:
    """What L[q*] gains on a fit from the encoder's own start, where another start led to q*: in a Gaussian family."""
    star = found[job.family]
    value, error = torch.zeros_like(star.elbo.value), torch.zeros_like(star.elbo.std_error)
    rows = (star.start > 0).nonzero()[:, 0]
    if len(rows) == 0:
        return Gap(value, error)
    part, fitter = job.select(rows), FITTERS[job.family]
    level = torch.full_like(part.modes.level, -torch.inf)
    level[0] = 0.0  # the first start alone is left, however low its mode lies
    part = replace(part, modes=replace(part.modes, level=level))
    begin, first = fitter.begin(part, {})
    own, _, _ = _polished(part, fitter, begin, first)
    theirs = part.judged(own)
    encoder = with_density(job.encoder)
    if family_name(encoder) == job.family and can_be_cut(encoder):
        floor = part.judged(encoder.select(rows))
        theirs = merged_estimates(theirs.value >= floor.value, theirs, floor)
    lost = gap(part.judged(star.q.select(rows)), theirs)
    return Gap(value.index_copy(0, rows, lost.value), error.index_copy(0, rows, lost.std_error))


def _placed(whole: Any, part: Any, rows: Tensor) -> Any:
    """Put the members of some datapoints in their places."""
    theirs = part.tensors()
    tensors = {name: tensor.index_copy(0, rows, theirs[name]) for name, tensor in whole.tensors().items()}
    return type(whole).of(**tensors)
