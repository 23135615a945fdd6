"""Error against work: how many decoder gradients a method needs for a given error per datapoint."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from benchmarks.problem import Gold, Problem, rms
from gapkit.core.numerics import log_mean_exp
from gapkit.engine import spec_for
from gapkit.estimators import Ais, Iwae
from gapkit.estimators.evidence import Policy, estimate_evidence
from gapkit.local import FitSettings, fit_batch
from gapkit.target import PriorProposal, recognise

__all__ = ["Point", "ais_from_optimum", "end_to_end", "policy", "textbook", "work_at"]


@dataclass(frozen=True)
class Point:
    """A configuration: its name, gradient equivalents per datapoint, and errors against the gold values in nats."""

    name: str
    gradients: float
    bias: float
    rmse: float
    worst: float

    @staticmethod
    def of(name: str, gradients: float, value: Tensor, gold: Gold) -> "Point":
        """Compare estimates of shape (B,) with the gold ones."""
        error = (value - gold.log_px).double()
        worst = float(error[error.abs().argmax()])
        return Point(name, gradients, float(error.mean()), rms(error), worst)


def work_at(points: Sequence[Point], rmse: float) -> float:
    """Gradients at which the best configurations reach an error, interpolated between them in logarithms.

    Where even the cheapest one is better, its work counts; where none is good enough, that of the best one: both make
    the ratio to the other method smaller than it is for gapkit's numbers and the textbook's, respectively.
    """
    best: list[Point] = []
    for point in sorted(points, key=lambda p: p.gradients):
        if not best or point.rmse < best[-1].rmse:
            best.append(point)
    if best[0].rmse <= rmse:
        return best[0].gradients
    for worse, better in itertools.pairwise(best):
        if better.rmse <= rmse:
            share = math.log(worse.rmse / rmse) / math.log(worse.rmse / better.rmse)
            return math.exp((1 - share) * math.log(worse.gradients) + share * math.log(better.gradients))
    return best[-1].gradients


def textbook(problem: Problem, gold: Gold, runs: Sequence[tuple[int, int]], precision: str = "full") -> list[Point]:
    """The textbook configuration as settings of the same code: prior start, linear schedule, unit mass, 10 leapfrogs.

    Fewer chains are a part of the run with many. The pilot that finds the steps is not counted: the textbook code
    adapts them in the weighted run.

    Args:
        problem: model and data.
        gold: what log p(x) is.
        runs: numbers of chains and temperatures.
        precision: of gradients; ``bfloat16`` saves time and changes neither counts nor, as a test shows, validity.
    """
    prior = PriorProposal(problem.target.prior, problem.target.num_datapoints)
    points = []
    for chains, temperatures in runs:
        ais = Ais(
            num_chains=chains,
            num_temperatures=temperatures,
            num_leapfrogs=10,
            schedule="linear",
            acceptance=0.65,
            pilot_chains=2,
            jitter=0.0,
            precision=precision,
            stage="textbook",
        )
        with torch.no_grad():
            run, _ = ais.forward(ais.plans(problem.target, prior, problem.key))
        parts = [count for count in (4, 8, 16, 32, 48, 64) if count < chains]
        for count in [*parts, chains]:
            value = log_mean_exp(run.log_w[:count])
            name = f"prior, linear, {count} x {temperatures} x 10"
            points.append(Point.of(name, count * temperatures * 10, value, gold))
    return points


def ais_from_optimum(problem: Problem, gold: Gold) -> list[Point]:
    """AIS alone from the fitted full-rank q*, which is taken as given; the pilot counts."""
    points = []
    settings = [(2, 10, 1), (4, 10, 1), (4, 20, 1), (8, 20, 1), (8, 30, 1), (8, 50, 1), (16, 50, 1), (32, 50, 1)]
    for chains, temperatures, leapfrogs in settings:
        ais = Ais(num_chains=chains, num_temperatures=temperatures, num_leapfrogs=leapfrogs, pilot_chains=2)
        before = problem.target.work.copy()
        value = ais.on(problem.target, problem.full_rank, problem.key).value
        work = (problem.target.work - before).equivalents / len(value)
        points.append(Point.of(f"q* full-rank, sigmoid, {chains} x {temperatures} x {leapfrogs}", work, value, gold))
    return points


def policies() -> list[Policy]:
    """The compute policy at several sizes, without the control subset, whose only purpose is a check."""
    return [
        Policy(
            pooled=Iwae(num_samples=samples, stage="pooled"),
            target_se=target,
            max_samples=8 * samples,
            ais=Ais(num_chains=chains, num_temperatures=temperatures, pilot_chains=2),
            control=0.0,
        )
        for samples, target, chains, temperatures in (
            (64, 0.2, 8, 20),
            (100, 0.15, 8, 20),
            (150, 0.12, 16, 20),
            (200, 0.1, 16, 30),
            (400, 0.1, 32, 30),
            (1000, 0.1, 32, 50),
        )
    ]


def policy(problem: Problem, gold: Gold) -> list[Point]:
    """The whole policy for log p(x), with the fitted proposals taken as given."""
    points = []
    for chosen in policies():
        before = problem.target.work.copy()
        value = estimate_evidence(problem.target, problem.fits.mixture, problem.key, chosen).log_px.value
        work = (problem.target.work - before).equivalents / len(value)
        points.append(Point.of(f"policy from {chosen.pooled.num_samples} draws", work, value, gold))
    return points


def end_to_end(problem: Problem, gold: Gold) -> list[Point]:
    """Fits and policy together: every value, gradient and Jacobian column counts, the bank of starts left out.

    (The bank is decoded once for all datapoints of a run: a few values per datapoint at 1000 of them.)
    """
    spec = spec_for("quick")
    settings = {
        "warm start only": FitSettings(num_starts=1, warm_steps=6, polish_steps=0, select_samples=32),
        "quick": spec.fit,
        "standard": spec_for("standard").fit,
    }
    points = []
    for name, chosen in settings.items():
        judge = spec_for("standard").elbo if name == "standard" else replace(spec.elbo, num_samples=64)
        for number in (2, 3, 4):
            before = problem.target.work.copy()
            with torch.no_grad():
                q = recognise(problem.model.encode(problem.target.x))
            fits = fit_batch(problem.target, q, problem.bank, problem.key, chosen, judge)
            evidence = estimate_evidence(problem.target, fits.mixture, problem.key, policies()[number])
            work = (problem.target.work - before).equivalents / problem.target.num_datapoints
            samples = policies()[number].pooled.num_samples
            points.append(Point.of(f"{name} fits, policy from {samples} draws", work, evidence.log_px.value, gold))
    return points
