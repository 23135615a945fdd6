"""Shortfall against work of the local fits: gapkit's own fit of one family at many budgets, beside very long ones."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.problem import Unfitted
from gapkit.core.randomness import Key
from gapkit.engine import spec_for
from gapkit.estimators import Elbo, Estimate
from gapkit.families.protocol import with_density
from gapkit.ladder.arithmetic import Difference, gap
from gapkit.local import FITTERS, Certificate, FitSettings
from gapkit.local.modes import Modes
from gapkit.local.polish import polished
from gapkit.local.problem import Problem, merged
from gapkit.local.search import find_modes
from gapkit.target import Target
from gapkit.target.work import Work

__all__ = [
    "Against",
    "Fitted",
    "Optimum",
    "bank_gradients",
    "begun",
    "cheapest",
    "counted",
    "fit_one",
    "ladder",
    "optimum",
]

# The gold runs have noise of their own: none of what they are compared with.
_GOLD_SEEDS = (1, 2)
# Where the long polish goes on: its step sizes begin at 1.6% of a Newton step.
_GOLD_FROM = 500
# Further starts and warm steps; then steps and samples of the polish.
_WARM = ((0, 2), (0, 4), (3, 4), (3, 8))
_POLISH = ((12, 8), (25, 16), (50, 16), (50, 24), (75, 16), (50, 32), (100, 16), (200, 16))


@dataclass(frozen=True)
class Fitted:
    """A fit of one family: the outcome, its distance from the optimum as the fit itself says, and its start, (B,)."""

    q: Any
    certificate: Certificate
    start: Tensor


@dataclass(frozen=True)
class Against:
    """Outcomes against the gold ones, in nats.

    Attributes:
        mean_shortfall: over datapoints.
        std_error: Monte Carlo error of that mean.
        worst: the largest shortfall.
        elsewhere: share of datapoints whose outcome is in another mode than the gold one.
    """

    mean_shortfall: float
    std_error: float
    worst: float
    elsewhere: float

    @staticmethod
    def of(short: Difference, here: Tensor) -> "Against":
        """Put paired differences, and whether the mode is the same, into few figures."""
        away = 1.0 - float(here.double().mean())
        return Against(float(short.value.mean()), mean_error(short), float(short.value.max()), away)


@dataclass(frozen=True)
class Optimum:
    """The gold optimum of a family: the outcome of a very long fit, or of a second one where that is clearly better.

    Attributes:
        q: the optimum.
        elbo: L[q] on the judge's noise, which no fit has seen.
        judge: the estimator of L[q].
        certificate: what a certificate from many draws says of the first long fit.
        apart: L[q] of the second long fit minus that of the first, on shared noise.
        replaced: datapoints at which the second one was better by three paired errors.
    """

    q: Any
    elbo: Estimate
    judge: Elbo
    certificate: Certificate
    apart: Difference
    replaced: int

    def shortfall(self, target: Target, q: Any, key: Key, rows: Tensor | None = None) -> Difference:
        """How far members of the family, for some datapoints or all, are below the optimum."""
        if rows is None:
            return gap(self.elbo, self.judge.on(target, q, key))
        part = target.select(rows)
        return gap(self.elbo.select(rows), self.judge(part, part.x, q, key.select(rows)))

    def against(self, target: Target, q: Any, key: Key, rows: Tensor | None = None) -> Against:
        """The same in few figures."""
        return Against.of(self.shortfall(target, q, key, rows), self.same_mode(q, rows))

    def same_mode(self, q: Any, rows: Tensor | None = None) -> Tensor:
        """Whether a mean is as near to the gold one as gapkit asks of two fits of one mode: shape (B,)."""
        gold = self.q if rows is None else self.q.select(rows)
        apart = ((q.loc - gold.loc) / gold.marginal_scale()).square().sum(-1)
        return apart < 0.5 * gold.dim

    def told(self) -> dict[str, float]:
        """How good the gold values are."""
        return {
            "mean_elbo": float(self.elbo.value.mean()),
            "second_minus_first_mean": float(self.apart.value.mean()),
            "second_minus_first_std_error": mean_error(self.apart),
            "second_minus_first_rms": float(self.apart.value.square().mean().sqrt()),
            "second_minus_first_largest": float(self.apart.value.abs().max()),
            "replaced_by_second": self.replaced,
            "certificate_mean": float(self.certificate.gap.mean()),
            "certificate_std_error": mean_error(self.certificate),
        }


def mean_error(values: Difference | Certificate) -> float:
    """Standard error of a mean over datapoints, whose noise is independent."""
    return float(values.std_error.square().sum().sqrt()) / len(values.std_error)


def per_datapoint(batch: Unfitted, before: Work) -> float:
    """Gradient equivalents per datapoint since ``before``."""
    return (batch.target.work - before).equivalents / batch.target.num_datapoints


def bank_gradients(batch: Unfitted) -> float:
    """The bank, decoded once for all datapoints: gradient equivalents for each."""
    return 0.5 * len(batch.bank.z) / batch.target.num_datapoints


def begun(batch: Unfitted, settings: FitSettings, key: Key | None = None) -> tuple[Problem, float]:
    """Find the modes: what the fit of any family begins with, and its gradient equivalents per datapoint."""
    key, judge = key or batch.key, Elbo(num_samples=2, antithetic=True)
    with torch.no_grad():
        encoder = judge.on(batch.target, batch.q, key)  # a floor that no fit here needs
        before = batch.target.work.copy()
        modes: Modes = find_modes(batch.target, with_density(batch.q), batch.bank, key, settings).modes
    return Problem(batch.target, key, settings, judge, modes, batch.q, encoder), per_datapoint(batch, before)


def fit_one(problem: Problem, family: str) -> Fitted:
    """Choose, polish and certify in one family, from modes that are known already."""
    problem, fitter = problem.named(family), FITTERS[family]
    with torch.no_grad():
        begin, start = fitter.begin(problem, {})
        q, certificate, _ = polished(problem, fitter, begin, start)
    return Fitted(q, certificate, start)


def counted(batch: Unfitted, problem: Problem, family: str) -> tuple[Fitted, float, float]:
    """A fit, its gradient equivalents per datapoint after the modes, and those of one certificate of all datapoints.

    Certificates count as a part of the fit only where they decide on further steps.
    """
    before = batch.target.work.copy()
    found = fit_one(problem, family)
    spent = per_datapoint(batch, before)
    before = batch.target.work.copy()
    with torch.no_grad():
        FITTERS[family].certify(problem.named(family), found.q, found.start, "price")  # again, to know what one costs
    price = per_datapoint(batch, before)
    return found, spent - (0.0 if problem.settings.more_rounds else price), price


def optimum(batch: Unfitted, family: str, num_steps: int, num_samples: int, judge: Elbo) -> Optimum:
    """Two very long fits from thorough ones, on noise of their own."""
    outcomes, certificates = [], []
    for seed in _GOLD_SEEDS:
        key = Key(seed, batch.key.indices)
        problem, _ = begun(batch, spec_for("thorough").fit, key)
        thorough = fit_one(problem, family)
        settings = replace(problem.settings, polish_samples=num_samples)
        longer, fitter = replace(problem.named(f"{family}/gold"), settings=settings), FITTERS[family]
        steps = range(_GOLD_FROM, _GOLD_FROM + num_steps)
        with torch.no_grad():
            q = fitter.polish(longer, thorough.q, thorough.start, steps)
            certificate = fitter.certify(longer, q, thorough.start, "gold")
        assert certificate is not None
        outcomes.append(q)
        certificates.append(certificate)
    first, second = (judge.on(batch.target, q, batch.key) for q in outcomes)
    apart = gap(second, first)
    better = apart.value > 3.0 * apart.std_error
    best = merged(~better, *outcomes)
    elbo = judge.on(batch.target, best, batch.key)
    return Optimum(best, elbo, judge, certificates[0], apart, int(better.sum()))


def budgets() -> Iterator[tuple[str, list[tuple[str, FitSettings]]]]:
    """Budgets in groups that share their modes. The grid has no further rounds: its certificates are only told."""
    for name in ("quick", "standard"):
        yield name, [("", spec_for(name).fit)]
    for starts, warm in _WARM:
        modes = FitSettings(num_starts=starts, warm_steps=warm, select_samples=32, more_rounds=0)
        group = [
            (f"polish {steps} x {samples}", replace(modes, polish_steps=steps, polish_samples=samples))
            for steps, samples in _POLISH
        ]
        yield f"{starts} further starts, {warm} warm steps, ", group


def ladder(batch: Unfitted, golds: dict[str, Optimum]) -> list[dict[str, Any]]:
    """Work and shortfall of every budget in every family that there is a gold optimum of.

    Work includes the bank, decoded once, divided over the datapoints, where a budget takes starts from it.
    """
    rows = []
    for name, group in budgets():
        problem, modes_gradients = begun(batch, group[0][1])
        bank = bank_gradients(batch) if group[0][1].num_starts else 0.0
        for polish, settings in group:
            for family, gold in golds.items():
                found, spent, price = counted(batch, replace(problem, settings=settings), family)
                about = {"family": family, "name": name + polish, "further_starts": settings.num_starts}
                work = {
                    "gradients": bank + modes_gradients + spent,
                    "modes_gradients": modes_gradients,
                    "bank_gradients": bank,
                    "certificate_gradients": price,
                    "certificate_counted": settings.more_rounds > 0,
                }
                rows.append(about | work | _quality(gold.shortfall(batch.target, found.q, batch.key), found, gold))
    return rows


def _quality(short: Difference, found: Fitted, gold: Optimum) -> dict[str, float]:
    """Shortfalls; and certificates minus them where the outcome is in the gold mode: no certificate knows another."""
    here = gold.same_mode(found.q)
    off = (found.certificate.gap - short.value)[here]
    error = (found.certificate.std_error.square() + short.std_error.square()).sqrt()[here]
    return asdict(Against.of(short, here)) | {
        "certificate_minus_shortfall": float(off.mean()),
        "certificate_std_error": float(error.square().sum().sqrt()) / max(1, len(error)),
        "certificate_rms_in_errors": math.sqrt(float((off / error).square().mean())),
    }


def cheapest(rows: Sequence[dict[str, Any]], family: str, shortfall: float, starts: int = 0) -> dict[str, Any] | None:
    """The budget of a family with the least work whose mean shortfall is at most that; None where there is none.

    Args:
        rows: of ``ladder``.
        family: its name.
        shortfall: in nats, mean over datapoints.
        starts: budgets with fewer further starts take no part.
    """
    good = [row for row in rows if row["family"] == family and row["mean_shortfall"] <= shortfall]
    return min((row for row in good if row["further_starts"] >= starts), key=lambda row: row["gradients"], default=None)
