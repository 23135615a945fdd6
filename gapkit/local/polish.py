"""The polish of one family: stretches of steps, the best outcome, its certificate, and more where that asks for it."""

from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from gapkit.ladder.arithmetic import gap
from gapkit.local.blocks import block_size, blocks_with
from gapkit.local.certificate import Certificate, from_gain
from gapkit.local.fitter import Fitter
from gapkit.local.problem import Problem, picked

__all__ = ["Climber", "best_of", "placed", "polished", "stretches"]


@runtime_checkable
class Climber(Protocol):
    """A fitter that can take Newton steps where its certificate finds its coordinates badly scaled."""

    def climb(self, problem: Problem, q: Any, start: Tensor, steps: range, wanted: Tensor) -> Any:
        """Take them for those wanted, shape (B,); the steps of the polish that follows name the noise."""
        ...


def polished(problem: Problem, fitter: Fitter, begin: Any, start: Tensor) -> tuple[Any, Certificate, Tensor]:
    """Polish, certify, and go on with the datapoints whose certificate asks for it."""
    total = fitter.num_steps(problem)
    best, certificate = best_of(
        problem, fitter, [begin, *stretches(problem, fitter, begin, start, total)], start, range(total // 3, total)
    )
    if isinstance(fitter, Climber):
        best, certificate = _climbed(problem, fitter, best, certificate, start)
    steps = torch.full_like(start, total)
    for number in range(problem.settings.more_rounds):
        wanted = ~certificate.converged(problem.settings.tolerance) & best.loc.isfinite().all(-1)
        again = range(total * 2**number, total * 2 ** (number + 1))
        for block, places in blocks_with(wanted):
            part, part_start, now = problem.select(block), start[block], best.select(block)
            longer = fitter.polish(part, now, part_start, again)
            better, theirs = best_of(part, fitter, [now, longer], part_start, again)
            rows = block[places]
            best = placed(best, better.select(places), rows)
            certificate = certificate.placed(theirs.select(places), rows)
            steps = steps.index_fill(0, rows, again.stop)
    return best, certificate, steps


def _climbed(
    problem: Problem, fitter: Any, best: Any, certificate: Certificate, start: Tensor
) -> tuple[Any, Certificate]:
    """Newton steps where the certificate asks for them, and a polish on fresh noise after them."""
    total = fitter.num_steps(problem)
    again = range(total, 2 * total - total // 3)
    for block, places in blocks_with(certificate.doubts & best.loc.isfinite().all(-1), block_size(problem.target.dim)):
        part, part_start, now = problem.select(block), start[block], best.select(block)
        climbed = fitter.climb(part, now, part_start, again, certificate.doubts[block])
        smooth = fitter.polish(part, climbed, part_start, again)
        better, theirs = best_of(part, fitter, [now, climbed, smooth], part_start, again)
        best = placed(best, better.select(places), block[places])
        certificate = certificate.placed(theirs.select(places), block[places])
    return best, certificate


def stretches(problem: Problem, fitter: Fitter, begin: Any, start: Tensor, steps: int) -> tuple[Any, Any]:
    """The outcomes of the two stretches of a polish of so many steps.

    The first stretch starts far from the optimum; the second, from where the first ended, averages all its iterates.
    """
    first = fitter.polish(problem, begin, start, range(steps // 3))
    return first, fitter.polish(problem, first, start, range(steps // 3, steps))


def best_of(
    problem: Problem, fitter: Fitter, outcomes: list[Any], start: Tensor, steps: range
) -> tuple[Any, Certificate]:
    """The last of what the stretches gave, and its certificate on fresh noise.

    An earlier one is taken only where it is better on fixed noise by three paired errors: where a stretch diverged.
    Choosing the highest instead would choose by noise, which costs more than it gains.
    """
    *earlier, last = outcomes
    level = problem.level(last)
    values = [level.value]
    for outcome in earlier:
        theirs = problem.level(outcome)
        handicap = 3.0 * gap(theirs, level).std_error
        values.append(theirs.value - torch.where(handicap.isfinite(), handicap, 0.0))
    best, number = picked([last, *earlier], values)
    certificate = fitter.certify(problem, best, start, f"{steps.stop}")
    if certificate is None:
        stage, share = f"certificate/{problem.family}/{steps.stop}", _share(fitter, steps)
        certificate = from_gain(problem.level(best, stage), problem.level(earlier[-1], stage), share)
        # Where the last stretch diverged the gain of a better one is unknown.
        certificate = replace(certificate, gap=torch.where(number == 0, certificate.gap, torch.nan))
    return best, certificate


def _share(fitter: Fitter, steps: range) -> float:
    """What is left, in gains of the last steps: where the shortfall falls as the number of steps to a power."""
    decay = float(getattr(fitter, "decay", 1.0))
    if decay == 1.0 or not steps.start or not len(steps):
        return steps.start / max(1, len(steps))
    return 1.0 / ((steps.stop / steps.start) ** decay - 1.0)


def placed(whole: Any, part: Any, rows: Tensor) -> Any:
    """Put the members of some datapoints in their places."""
    theirs = part.tensors()
    tensors = {name: tensor.index_copy(0, rows, theirs[name]) for name, tensor in whole.tensors().items()}
    return whole.of(**tensors)
