"""L[q] of a fit that may take fewer steps: how soon does it converge to its optimum?

A fit that has converged would have ended at the same bound with half of its steps. So the datapoints are fitted again
with a share of the steps, from the same place and on the same first draws; no step of the fit itself is watched,
because that would cost time in its innermost loop, and the average over a stretch is what a fit returns.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from gapkit.core.randomness import Key
from gapkit.estimators.elbo import Elbo
from gapkit.estimators.protocol import Estimate
from gapkit.families.protocol import Posterior, as_transport
from gapkit.ladder.arithmetic import Difference, gap
from gapkit.local.families import FITTERS
from gapkit.local.fit import fit_family, order, stretches
from gapkit.local.fitter import LocalFit
from gapkit.local.problem import Problem
from gapkit.local.search import find_modes
from gapkit.local.settings import FitSettings
from gapkit.local.starts import Bank
from gapkit.models.freeze import frozen
from gapkit.target import Target

__all__ = ["BudgetCurve", "budget_curve"]

_SHARES = (16, 8, 4, 2, 1)  # of the steps, as divisors
_FEWEST = 3  # steps: a fit has two stretches


@dataclass(frozen=True)
class BudgetCurve:
    """L[q] of fits with fewer and more steps.

    Attributes:
        steps: of the polish, ascending; 0 is where it begins: at the best of the modes found, or at the best Gaussian
            for a larger family.
        elbo: L[q] for each of them, values of shape (B,) in nats, all on the judge's noise.
    """

    steps: tuple[int, ...]
    elbo: tuple[Estimate, ...]

    def left(self, star: Estimate) -> tuple[Difference, ...]:
        """L[q*] minus L[q] for every number of steps, paired where q* was judged on the same noise."""
        return tuple(gap(star, after) for after in self.elbo)


def budget_curve(
    target: Target, q: Posterior, bank: Bank | None, key: Key, settings: FitSettings, judge: Elbo, family: str
) -> BudgetCurve:
    """Fit q of one family with 1/16, 1/8, 1/4, 1/2 and all of the steps of a fit.

    The further rounds that :func:`gapkit.local.fit_batch` gives to datapoints far from the optimum are not taken.

    Args:
        target: the batch, B datapoints.
        q: the encoder's posteriors.
        bank: where further starts come from; None fits from the encoder alone.
        key: seed and datapoint indices.
        settings: budgets of the fit.
        judge: the ELBO estimator.
        family: a name of ``FITTERS``.

    Raises:
        InputError: the family cannot be fitted for so many latents.
    """
    with torch.no_grad(), frozen(target.model):
        modes = find_modes(target, as_transport(q), bank, key, settings).modes
        problem = Problem(target, key, settings, judge, modes, q, judge.on(target, q, key))
        found: dict[str, LocalFit] = {}
        for name in order(target.dim, family, ()):
            if name == family:
                break
            found[name] = fit_family(problem.named(name), FITTERS[name], found)
        return _curve(problem.named(family), found)


def _curve(problem: Problem, found: Mapping[str, LocalFit]) -> BudgetCurve:
    fitter = FITTERS[problem.family]
    begin, start = fitter.begin(problem, found)
    total = fitter.num_steps(problem)
    steps = sorted({max(total // share, min(total, _FEWEST)) for share in _SHARES})
    levels = [problem.judged(begin)]
    for count in steps:
        levels.append(problem.judged(stretches(problem, fitter, begin, start, count)[-1]))
    return BudgetCurve((0, *steps), tuple(levels))
