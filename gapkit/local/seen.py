"""q* is the best of everything seen: the encoder's q, smaller families' optima, fits from the other starts."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gapkit.estimators.protocol import Estimate
from gapkit.ladder.arithmetic import Difference, gap
from gapkit.local.blocks import block_size, blocks_with
from gapkit.local.certificate import Certificate
from gapkit.local.fitter import FitStatus, Fitter, LocalFit
from gapkit.local.polish import Climber, placed, polished
from gapkit.local.problem import Problem, merged, merged_estimates
from gapkit.target import family_name

__all__ = ["finished", "with_rivals"]

_NEAR = 1.5  # nats: a second mode whose Gaussian is no further below the best may be the better one after its polish


def finished(
    problem: Problem,
    fitter: Fitter,
    found: Mapping[str, LocalFit],
    best: Any,
    certificate: Certificate,
    steps: Tensor,
    start: Tensor,
) -> LocalFit:
    """The outcome of a polish, or a member that is known already where that is better.

    Where such a member is clearly better the polish ended at a lower optimum, and is done again from the member.
    """
    fit = _judged(problem, best, certificate, steps, start)
    for member in fitter.known(problem, found):
        if isinstance(fitter, Climber):
            lead = gap(member.elbo, fit.elbo)
            ahead = lead.value > problem.settings.tolerance + 2.0 * lead.std_error
            ahead |= member.elbo.value.isfinite() & ~fit.elbo.value.isfinite()
            for block, places in blocks_with(ahead, block_size(problem.target.dim)):
                part, first = problem.select(block), member.start[block]
                again = _judged(part, *polished(part, fitter, member.q.select(block), first), first)
                fit = _replaced(fit, again, block, places)
        usable = fit.status != FitStatus.DIVERGED
        keep = usable & ((fit.elbo.value >= member.elbo.value) | ~member.elbo.value.isfinite())
        fit = replace(
            fit,
            q=merged(keep, fit.q, member.q),
            elbo=merged_estimates(keep, fit.elbo, member.elbo),
            start=torch.where(keep, fit.start, member.start),
        )
    return fit


def with_rivals(problem: Problem, fitter: Fitter, fit: LocalFit) -> tuple[LocalFit, Difference]:
    """Fit from the encoder's own start where another led to q*, and from a second mode that is as good.

    Returns:
        The better fit for every datapoint, and what the encoder's choice of mode costs: L[q*] minus the best L[q] that
        the fit from the encoder's own start or the encoder's q reach, zero where q* is one of them.
    """
    begun = fit.start > 0
    own = fit.elbo
    for block, places in blocks_with(begun, block_size(problem.target.dim)):
        theirs = _from_start(problem.select(block), fitter, torch.zeros_like(block))
        own = _placed_estimate(own, theirs.elbo, block, places)
        ours = fit.elbo.select(block)
        better = (theirs.elbo.value >= ours.value) | ~ours.value.isfinite()
        fit = _replaced(fit, theirs, block, places[better[places]])
    level = problem.modes.level.clone()
    level[0] = torch.where(begun, -torch.inf, level[0])  # that one has just been tried
    rows = torch.arange(len(fit.start), device=level.device)
    best = problem.modes.level.amax(0)
    level[fit.start, rows] = -torch.inf
    near = (level.amax(0) > best - _NEAR) & best.isfinite()
    for block, places in blocks_with(near, block_size(problem.target.dim)):
        theirs = _from_start(problem.select(block), fitter, level[:, block].argmax(0))
        lead = gap(theirs.elbo, fit.elbo.select(block))
        better = lead.value > 2.0 * lead.std_error
        moved = places[better[places]]
        own = _placed_estimate(own, fit.elbo.select(block), block, moved[fit.start[block][moved] == 0])
        fit = _replaced(fit, theirs, block, moved)
    encoder = problem.encoder  # itself: what stands in for one without a density has another bound
    if family_name(encoder) == problem.family:
        keep = (own.value >= problem.encoder_elbo.value) | ~problem.encoder_elbo.value.isfinite()
        own = merged_estimates(keep, own, problem.encoder_elbo)
    lost = gap(fit.elbo, own)
    none = fit.start == 0
    return fit, Difference(lost.value.masked_fill(none, 0.0), lost.std_error.masked_fill(none, 0.0))


def _judged(problem: Problem, best: Any, certificate: Certificate, steps: Tensor, start: Tensor) -> LocalFit:
    estimate = problem.judged(best)
    usable = best.loc.isfinite().all(-1) & estimate.value.isfinite()
    status = torch.where(certificate.converged(problem.settings.tolerance), FitStatus.CONVERGED, FitStatus.BUDGET)
    status = torch.where(usable, status, int(FitStatus.DIVERGED))
    return LocalFit(best, estimate, certificate, status, start, steps)


def _from_start(problem: Problem, fitter: Fitter, number: Tensor) -> LocalFit:
    """The fit from one start of every datapoint, however low its mode lies: number has shape (B,)."""
    level = torch.full_like(problem.modes.level, -torch.inf)
    level[number, torch.arange(len(number), device=number.device)] = 0.0
    problem = replace(problem, modes=replace(problem.modes, level=level))
    begin, start = fitter.begin(problem, {})
    return _judged(problem, *polished(problem, fitter, begin, start), start)


def _replaced(whole: LocalFit, part: LocalFit, block: Tensor, places: Tensor) -> LocalFit:
    """Take some of a block's fits into the whole."""
    rows = block[places]
    return LocalFit(
        placed(whole.q, part.q.select(places), rows),
        _placed_estimate(whole.elbo, part.elbo, block, places),
        whole.certificate.placed(part.certificate.select(places), rows),
        whole.status.index_copy(0, rows, part.status[places]),
        whole.start.index_copy(0, rows, part.start[places]),
        whole.steps.index_copy(0, rows, part.steps[places]),
    )


def _placed_estimate(whole: Estimate, part: Estimate, block: Tensor, places: Tensor) -> Estimate:
    """Two estimates on the judge's noise, whose rows are each datapoint's own."""
    rows, theirs = block[places], part.select(places)
    assert whole.draws is not None
    assert theirs.draws is not None
    return replace(
        whole,
        value=whole.value.index_copy(0, rows, theirs.value),
        std_error=whole.std_error.index_copy(0, rows, theirs.std_error),
        draws=whole.draws.index_copy(1, rows, theirs.draws),
        diagnostics={
            name: old.index_copy(0, rows, theirs.diagnostics[name]) for name, old in whole.diagnostics.items()
        },
    )
