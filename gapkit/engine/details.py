"""A closer look: pictures of the worst datapoints, maps of their posteriors, what the model makes, q(z) of all.

What the units kept (:mod:`gapkit.engine.chosen`) is decoded and drawn from on random numbers of its own, so that the
table is the same with and without.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gapkit.core.randomness import Key
from gapkit.engine.chosen import Chosen, Kept
from gapkit.engine.contours import posterior_map
from gapkit.engine.reconstruct import mean_of, reconstruction
from gapkit.engine.samples import aggregate, prior_pictures, typical_pictures
from gapkit.engine.skipped import left_out, reason
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.stages import posterior_of, target_of
from gapkit.estimators.evidence import defended
from gapkit.models.unvalidated import unvalidated
from gapkit.target import Target

__all__ = ["Details", "make_details", "posterior_draws"]

_IN_CONTOURS, _WORST_IN_CONTOURS = 4, 2
_DRAWS, _POINTS = 1000, 300


@dataclass
class Details:
    """Arrays for pictures, and what to say of them in ``run.json``.

    Attributes:
        arrays: by name, for :class:`gapkit.results.Result`.
        facts: indices of the datapoints, decoder evaluations, and ``skipped``: what was left out and why.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def make_details(
    chosen: Chosen, like: Target, spec: AnalysisSpec, split: str, draws: Sequence[np.ndarray] = ()
) -> Details:
    """Decode the worst datapoints and some typical ones, map the posteriors of some, and draw from the prior.

    Nothing that a model does here can fail the analysis: a part that cannot be made is left out, and the reason kept.

    Args:
        chosen: what was kept of the units.
        like: any target of the model, which is frozen and in its place.
        spec: settings.
        split: name of the first split.
        draws: of q(z|x), one for each datapoint of a unit, shape (B, D), of some units.
    """
    made = Details(facts={"split": split})
    skipped: dict[str, str] = {}
    if not chosen.worst:
        skipped["all"] = chosen.failed or "no datapoint has a finite gap"
    else:
        with torch.no_grad(), unvalidated():
            # With a count of work of its own: that of the run is of the table alone.
            own = Target(like.model, like.x, condition=like.condition)
            worst = chosen.worst[:_WORST_IN_CONTOURS]
            known = {kept.index for kept in worst}
            looked_at = [*worst, *(kept for kept in chosen.typical if kept.index not in known)][:_IN_CONTOURS]
            for part, work in (
                ("gallery", lambda: _gallery(chosen.worst, own, spec)),
                ("contours", lambda: _contours(looked_at, own, spec)),
                ("typical", lambda: typical_pictures(chosen.typical, own)),
                ("prior", lambda: prior_pictures(own, spec.seed)),
                ("aggregate", lambda: aggregate(draws, own, spec.seed)),
            ):
                with left_out(part, skipped):
                    made.arrays |= work()
            made.facts["worst"] = [kept.index for kept in chosen.worst]
            made.facts["log_joint_evaluations"] = own.work.values
    if skipped:
        made.facts["skipped"] = skipped
    return made


def _gallery(worst: Sequence[Kept], like: Target, spec: AnalysisSpec) -> dict[str, np.ndarray]:
    """Each datapoint, its mean reconstruction under q and under q*, and that of one posterior draw."""
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ("x", "under_q", "under_q_star", "posterior_sample")}
    effective = []
    for kept in worst:
        target = target_of(like.model, kept.points, like)
        q, star = posterior_of(like.model, kept.points), next(iter(kept.fits.values()))
        rows["x"].append(target.x[0].cpu().numpy())
        rows["under_q"].append(reconstruction(target, q, kept.key))
        rows["under_q_star"].append(reconstruction(target, star, kept.key))
        try:
            z, size = _posterior_draw(target, kept, spec)
            sample = mean_of(target.decode(z)).reshape(target.x.shape[1:]).cpu().numpy()
        except ValueError:  # no posterior draw, but the other pictures stand
            sample, size = np.full(target.x.shape[1:], np.nan), math.nan
        rows["posterior_sample"].append(sample)
        effective.append(size)
    arrays = {f"worst_{name}": np.stack(parts).astype(np.float32) for name, parts in rows.items()}
    indices = np.array([kept.index for kept in worst])
    return {"worst_index": indices, **arrays, "worst_effective": np.array(effective, np.float32)}


def _posterior_draw(target: Target, kept: Kept, spec: AnalysisSpec) -> tuple[Tensor, float]:
    """One draw, shape (1, D), in the way log p(x) was estimated: from the proposals, or where a chain of AIS ended.

    Also the effective sample size of the weights by which it was chosen.

    Raises:
        ValueError: there is no proposal, or no draw has a posterior density.
    """
    if not kept.annealed or kept.proposal is None:
        return posterior_draws(target, kept, spec.evidence.pooled.num_samples)
    ais = replace(spec.evidence.ais, stage="details/ais")
    run, _ = ais.forward(ais.plans(target, kept.proposal, kept.key))
    return _resampled(run.z, run.log_w, kept.key, "ais", 1)


def posterior_draws(
    target: Target, kept: Kept, num_draws: int, count: int = 1, stage: str = "posterior"
) -> tuple[Tensor, float]:
    """Draws from the posterior of one datapoint, by importance resampling from the pooled mixture of its modes.

    Args:
        target: of the datapoint.
        kept: with its proposal.
        num_draws: from the proposal.
        count: how many are chosen among these, in proportion to their weights; some may be the same.
        stage: names the noise.

    Returns:
        Shape (count, D); and the effective sample size of the importance weights.

    Raises:
        ValueError: there is no proposal, or no draw has a posterior density.
    """
    if kept.proposal is None:
        raise ValueError("the modes of a datapoint cannot be taken out of its batch")
    proposal = defended(kept.proposal)
    z, log_q = proposal.draw(kept.key.streams(f"details/{stage}", target.dtype, target.device), num_draws)
    return _resampled(z, target.log_joint(z).double() - log_q.double(), kept.key, stage, count)


def _resampled(z: Tensor, log_w: Tensor, key: Key, stage: str, count: int) -> tuple[Tensor, float]:
    """Choose among draws z, shape (S, 1, D), by their importance weights; also their effective sample size.

    Raises:
        ValueError: no draw has a posterior density.
    """
    known = log_w[:, 0].double().nan_to_num(nan=-torch.inf, posinf=-torch.inf)
    weights = torch.softmax(known, 0)
    if not bool(weights.isfinite().all()):
        raise ValueError("no draw has a posterior density")
    start = key.streams(f"details/{stage}/chosen", torch.float64, z.device).uniform(1)[0, 0]
    comb = (torch.arange(count, device=z.device) + start) / count
    chosen = torch.searchsorted(weights.cumsum(0), comb).clamp(max=len(z) - 1)
    return z[chosen, 0], float(1.0 / weights.square().sum())


def _contours(looked_at: Sequence[Kept], like: Target, spec: AnalysisSpec) -> dict[str, np.ndarray]:
    """Maps of the posterior, of q and of q*: of those datapoints for which they can be made.

    Raises:
        ValueError: of none.
    """
    if like.dim < 2:
        raise ValueError("a map needs at least two latent dimensions")
    maps, problem = [], ""
    for kept in looked_at:
        try:
            maps.append(_map(kept, target_of(like.model, kept.points, like), spec))
        except ValueError as error:  # of this datapoint alone: too few draws, say
            problem = reason(error)
    if not maps:
        raise ValueError(problem)
    columns = np.array(["true posterior", "q", *(f"q* {name.replace('_', ' ')}" for name in looked_at[0].fits)])
    stacked = {f"contours_{name}": np.stack([part[name] for part in maps]) for name in maps[0]}
    return {"contours_columns": columns, **stacked}


def _map(kept: Kept, target: Target, spec: AnalysisSpec) -> dict[str, np.ndarray]:
    densities = {
        "q": posterior_of(target.model, kept.points),
        **{f"q* {name}": q for name, q in kept.fits.items()},
    }
    num_draws = max(_DRAWS, spec.evidence.pooled.num_samples)
    draws, effective = posterior_draws(target, kept, num_draws, _POINTS)
    others = draws if target.dim == 2 else posterior_draws(target, kept, num_draws, _POINTS, "plane")[0]
    found = posterior_map(target, densities, draws, others, kept.key)
    return {"index": np.asarray(kept.index), "effective": np.asarray(effective, np.float32), **found}
