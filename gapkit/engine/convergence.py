"""Do the estimates still change with larger budgets? A few datapoints again, with other budgets.

The hardest and some typical datapoints of the first unit are computed one by one: AIS is run again with fewer and more
temperatures, and q* is fitted again with fewer steps, on random numbers of their own. So the table is the same with and
without, and the outcome shows for this model and these data whether the budgets were enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gapkit.engine.chosen import cut, hardest, middling
from gapkit.engine.skipped import left_out
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.stages import Batch, make_batch, target_of
from gapkit.estimators import Ais, Estimate
from gapkit.families import Mixture
from gapkit.ladder.arithmetic import Difference
from gapkit.local import Bank, LocalFits, budget_curve
from gapkit.results.records import AisConvergence, AisPoint, Convergence, FitConvergence, FitPoint, NoisyMean

__all__ = ["Watched", "watch"]

_TIMES = (0.1, 0.2, 0.5, 1.0, 2.0)  # the temperatures of the analysis
_FEWEST = 3  # temperatures: with two, no chain moves


@dataclass
class Watched:
    """What was found, for pictures and for the summary of the split.

    Attributes:
        arrays: by name, for :class:`gapkit.results.Result`: rows are datapoints, columns amounts of work.
        summary: means over these datapoints; None where nothing was watched.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    summary: Convergence | None = None


def watch(batch: Batch, fitted: LocalFits, table: pd.DataFrame, bank: Bank | None, spec: AnalysisSpec) -> Watched:
    """Run AIS and the fit of q* again for some datapoints of a unit.

    Nothing that a model does here can fail the analysis: a part that cannot be made is left out, and the reason kept.

    Args:
        batch: the unit.
        fitted: its fits.
        table: its rows of the table.
        bank: starts of the fits.
        spec: settings; ``spec.convergence`` says how many datapoints.
    """
    places = _chosen(table, spec.convergence)
    found = Watched()
    if not len(places):
        found.summary = Convergence(skipped={"all": "no datapoint has a finite gap"})
        return found
    skipped: dict[str, str] = {}
    made = Convergence()
    with left_out("all", skipped):
        rows = torch.as_tensor(places, device=batch.target.device)
        points = batch.points[rows]
        like = target_of(batch.target.model, points)  # with a count of work of its own
        part = make_batch(like, points, batch.key.select(rows))
        found.arrays["convergence_index"] = np.array(part.key.indices)
        made = Convergence(datapoints=len(places), index=tuple(part.key.indices))
        with left_out("ais", skipped):
            ais = _temperatures(found, part, cut(fitted.mixture, rows), table.iloc[places], spec.evidence.ais)
            made = replace(made, ais=ais)
        with left_out("fit", skipped):
            fit = _fits(found, part, bank, spec, fitted.own, fitted.family(fitted.own).elbo.select(rows))
            made = replace(made, fit=fit)
    found.summary = replace(made, skipped=skipped)
    return found


def _chosen(table: pd.DataFrame, count: int) -> list[int]:
    """Places in the unit: half of them those with the largest total gaps, the rest those closest to the median."""
    worst = hardest(table, (count + 1) // 2)
    typical = middling(table, count - len(worst), worst)
    return sorted([*worst.tolist(), *typical.tolist()])


def _temperatures(
    found: Watched, part: Batch, proposal: Mixture | None, table: pd.DataFrame, ais: Ais
) -> AisConvergence:
    """AIS and reverse AIS, with several numbers of temperatures, in nats above the reported log p(x)."""
    if proposal is None:
        raise ValueError("the modes of a datapoint cannot be taken out of their batch")
    counts = sorted({max(_FEWEST, round(times * ais.num_temperatures)) for times in _TIMES})
    reported = torch.tensor(table["log_px"].to_numpy(float), device=part.target.device)
    lower, upper, accepted = [], [], []
    for count in counts:
        run = replace(ais, num_temperatures=count, stage=f"convergence/{count}")
        with torch.no_grad():
            plans = run.plans(part.target, proposal, part.key)
            forward = run.forward(plans)
            below = run.estimate(forward, part.key)
            above = run.estimate_above(run.backward(plans, run.ends(forward, part.key)), part.key)
        lower.append(_above(below, reported))
        upper.append(_above(above, reported))
        accepted.append(float(below.diagnostics["acceptance"].double().nanmean()))
    found.arrays |= {"convergence_temperatures": np.array(counts)}
    found.arrays |= {**_stacked("ais_lower", lower), **_stacked("ais_upper", upper)}
    points = [
        AisPoint(count, below, above, rate)
        for count, below, above, rate in zip(counts, _means(lower), _means(upper), accepted, strict=True)
    ]
    # All points are relative to the same reported values, whose noise is that of none of them alone.
    noise = float(np.sqrt(np.nansum(table["log_px_se"].to_numpy(float) ** 2))) / len(table)
    return AisConvergence(ais.num_chains, ais.num_temperatures, noise, tuple(points))


def _fits(
    found: Watched, part: Batch, bank: Bank | None, spec: AnalysisSpec, family: str, star: Estimate
) -> FitConvergence:
    """What fits with fewer steps leave to L[q*], whose estimate ``star`` is, in nats."""
    curve = budget_curve(part.target, part.q, bank, part.key, spec.fit, spec.elbo, family)
    left = curve.left(star)
    found.arrays |= {"convergence_steps": np.array(curve.steps), **_stacked("fit_left", left)}
    points = [FitPoint(count, mean) for count, mean in zip(curve.steps, _means(left), strict=True)]
    return FitConvergence(family, tuple(points))


def _above(estimate: Estimate, reported: Tensor) -> Difference:
    """Nats above the reported log p(x); the error is that of the estimate alone, because the other one is shared."""
    return Difference(estimate.value - reported, estimate.std_error)


def _stacked(name: str, curve: Sequence[Difference]) -> dict[str, np.ndarray]:
    """Arrays of shape (N, amounts of work)."""
    values, errors = (torch.stack([getattr(gap, part) for gap in curve], 1) for part in ("value", "std_error"))
    return {f"convergence_{name}": values.cpu().numpy(), f"convergence_{name}_se": errors.cpu().numpy()}


def _means(curve: Sequence[Difference]) -> list[NoisyMean]:
    """Means over the datapoints that are finite everywhere, with their Monte Carlo errors and 95% intervals.

    These datapoints were chosen, so that the intervals are about them alone.
    """
    values, errors = (torch.stack([getattr(gap, part) for gap in curve]).double() for part in ("value", "std_error"))
    used = (values.isfinite() & errors.isfinite()).all(0)
    count = int(used.sum())
    means = []
    for value, error in zip(values[:, used], errors[:, used], strict=True):
        if count == 0:
            means.append(NoisyMean(None, None, None, 0))
            continue
        mean, noise = float(value.mean()), float(error.square().sum().sqrt()) / count
        means.append(NoisyMean(mean, noise, (mean - 1.96 * noise, mean + 1.96 * noise), count))
    return means
