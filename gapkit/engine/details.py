"""A closer look at a few datapoints: pictures of the worst ones, and maps of their posteriors.

While units run, the datapoints with the largest gaps are kept with what was fitted to them; in the end they are decoded
and drawn from on random numbers of their own, so that the table is the same with and without.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

from gapkit.engine.contours import posterior_map
from gapkit.engine.plan import Unit
from gapkit.engine.spec import AnalysisSpec
from gapkit.engine.stages import Batch
from gapkit.evidence import defended
from gapkit.families import Mixture, recognise
from gapkit.families.protocol import Posterior, can_be_cut
from gapkit.local import LocalFits
from gapkit.models.target import Target, unvalidated
from gapkit.randomness import Key

__all__ = ["Details", "Keeper", "Kept", "make_details"]

_IN_CONTOURS, _WORST_IN_CONTOURS, _TYPICAL = 4, 2, 4
_DECODED, _DRAWS, _POINTS = 32, 1000, 300


@dataclass(frozen=True)
class Kept:
    """A datapoint and what was fitted to it: a batch of one.

    Attributes:
        index: in its split.
        gap: total gap in nats.
        x: shape (1, *x_shape).
        fits: q* by the name of the family; that of the split comes first.
        proposal: the mixture of its modes; None where none of its components can be taken out of the batch.
        key: seed and index.
    """

    index: int
    gap: float
    x: Tensor
    fits: Mapping[str, Any]
    proposal: Mixture | None
    key: Key


@dataclass
class Keeper:
    """Keeps the datapoints of the first split that are looked at in the end; in whichever order the units come.

    Attributes:
        size: how many with the largest total gaps are kept; 0 keeps nothing.
        worst: these, the largest gap first.
        typical: those of the first unit whose total gaps are closest to its median.
        failed: why nothing could be kept.
    """

    size: int
    worst: tuple[Kept, ...] = ()
    typical: tuple[Kept, ...] = ()
    failed: str = ""

    def see(self, unit: Unit, batch: Batch, fitted: LocalFits, table: pd.DataFrame) -> None:
        """Look at a unit whose rows of the table are there."""
        try:
            self._see(unit, batch, fitted, table["total_gap"].to_numpy(float))
        except Exception as error:  # whatever a model does, the table stands
            self.failed = reason(error)

    def _see(self, unit: Unit, batch: Batch, fitted: LocalFits, gaps: np.ndarray) -> None:
        places = np.flatnonzero(np.isfinite(gaps))
        if not self.size or not len(places):
            return
        largest = places[np.argsort(-gaps[places], kind="stable")][: self.size]
        if len(self.worst) == self.size:  # few units hold any that is worse than those known
            largest = largest[gaps[largest] >= self.worst[-1].gap]
        found = [*self.worst, *(_kept(batch, fitted, place, gaps[place]) for place in largest.tolist())]
        self.worst = tuple(sorted(found, key=lambda kept: (-kept.gap, kept.index))[: self.size])
        if unit.number == 0:
            distance = np.abs(gaps[places] - np.median(gaps[places]))
            middle = places[np.argsort(distance, kind="stable")][:_TYPICAL]
            self.typical = tuple(_kept(batch, fitted, place, gaps[place]) for place in middle.tolist())


@dataclass
class Details:
    """Arrays for pictures, and what to say of them in ``run.json``.

    Attributes:
        arrays: by name, for :class:`gapkit.results.Result`.
        facts: indices of the datapoints, decoder evaluations, and ``skipped``: what was left out and why.
    """

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def make_details(keeper: Keeper, like: Target, spec: AnalysisSpec, split: str) -> Details:
    """Decode the worst datapoints and map the posteriors of some.

    Nothing that a model does here can fail the analysis: a part that cannot be made is left out, and the reason kept.

    Args:
        keeper: what was kept while the units ran.
        like: any target of the model, which is frozen and in its place.
        spec: settings.
        split: name of the first split.
    """
    made = Details(facts={"split": split})
    skipped: dict[str, str] = {}
    if not keeper.worst:
        skipped["all"] = keeper.failed or "no datapoint has a finite gap"
    else:
        with torch.no_grad(), unvalidated():
            own = Target(like.model, like.x)  # with a count of work of its own: that of the run is of the table alone
            worst = keeper.worst[:_WORST_IN_CONTOURS]
            known = {kept.index for kept in worst}
            looked_at = [*worst, *(kept for kept in keeper.typical if kept.index not in known)][:_IN_CONTOURS]
            for part, work in (
                ("gallery", lambda: _gallery(keeper.worst, own, spec)),
                ("contours", lambda: _contours(looked_at, own, spec)),
            ):
                with _left_out(part, skipped):
                    made.arrays |= work()
            made.facts["worst"] = [kept.index for kept in keeper.worst]
            made.facts["log_joint_evaluations"] = own.work.values
    if skipped:
        made.facts["skipped"] = skipped
    return made


def reason(error: Exception) -> str:
    """What went wrong, in a line."""
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0][:300]}" if words else type(error).__name__


@contextmanager
def _left_out(part: str, skipped: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # any error, also of the user's own code
        skipped[part] = reason(error)


def _kept(batch: Batch, fitted: LocalFits, place: int, gap: float) -> Kept:
    rows = torch.tensor([place], device=batch.target.device)
    others = [name for name in fitted.found if name != fitted.own]
    names = [fitted.own, *others[-1:]]  # the largest of the further families
    fits = {name: fitted.found[name].q.select(rows) for name in names}
    key = batch.key.select(rows)
    return Kept(key.indices[0], float(gap), batch.target.x[rows], fits, _cut(fitted.mixture, rows), key)


def _cut(mixture: Mixture, rows: Tensor) -> Mixture | None:
    """The mixture of some datapoints, without the components that belong to their batch."""
    kept = [number for number, part in enumerate(mixture.components) if can_be_cut(part)]
    log_weights = mixture.log_weights[kept][:, rows]
    if not kept or not bool(log_weights.exp().sum(0).gt(0).all()):
        return None
    components = tuple(mixture.components[number].select(rows) for number in kept)
    frame = mixture.frame.select(rows) if mixture.frame is not None and can_be_cut(mixture.frame) else None
    return Mixture(torch.log_softmax(log_weights, 0), components, frame)


def _gallery(worst: Sequence[Kept], like: Target, spec: AnalysisSpec) -> dict[str, np.ndarray]:
    """Each datapoint, its mean reconstruction under q and under q*, and that of one posterior draw."""
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ("x", "under_q", "under_q_star", "posterior_sample")}
    for kept in worst:
        target = Target(like.model, kept.x, like=like)
        q, star = recognise(like.model.encode(kept.x)), next(iter(kept.fits.values()))
        rows["x"].append(kept.x[0].cpu().numpy())
        rows["under_q"].append(_reconstruction(target, q, kept.key))
        rows["under_q_star"].append(_reconstruction(target, star, kept.key))
        try:
            z, _ = posterior_draws(target, kept, spec.evidence.pooled.num_samples)
            sample = _mean(target.decode(z)).reshape(kept.x.shape[1:]).cpu().numpy()
        except ValueError:  # no posterior draw, but the other pictures stand
            sample = np.full(kept.x.shape[1:], np.nan)
        rows["posterior_sample"].append(sample)
    arrays = {f"worst_{name}": np.stack(parts).astype(np.float32) for name, parts in rows.items()}
    return {"worst_index": np.array([kept.index for kept in worst]), **arrays}


def _reconstruction(target: Target, q: Posterior, key: Key) -> np.ndarray:
    """The mean of p(x|z) over draws from q; equal noise for all q, so that pictures differ by q alone."""
    z, _ = q.draw(key.streams("details/decoded", target.dtype, target.device), _DECODED)
    means = _mean(target.decode(z.reshape(-1, target.dim)))
    return np.asarray(means.double().mean(0).reshape(target.x.shape[1:]).cpu().numpy())


def _mean(dist: Distribution) -> Tensor:
    """The mean of p(x|z); of a categorical one, the mean level."""
    inner = dist
    while isinstance(inner, Independent):
        inner = inner.base_dist
    if isinstance(inner, Categorical):
        levels = torch.arange(inner.probs.shape[-1], dtype=inner.probs.dtype, device=inner.probs.device)
        return inner.probs @ levels
    return inner.mean


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
        Shape (count, D); and how many independent draws the weights are worth.

    Raises:
        ValueError: there is no proposal, or no draw has a posterior density.
    """
    if kept.proposal is None:
        raise ValueError("the modes of a datapoint cannot be taken out of its batch")
    proposal = defended(kept.proposal)
    z, log_q = proposal.draw(kept.key.streams(f"details/{stage}", target.dtype, target.device), num_draws)
    log_w = (target.log_joint(z).double() - log_q.double())[:, 0].nan_to_num(nan=-torch.inf, posinf=-torch.inf)
    weights = torch.softmax(log_w, 0)
    if not bool(weights.isfinite().all()):
        raise ValueError("no draw has a posterior density")
    start = kept.key.streams(f"details/{stage}/chosen", torch.float64, target.device).uniform(1)[0, 0]
    comb = (torch.arange(count, device=target.device) + start) / count
    chosen = torch.searchsorted(weights.cumsum(0), comb).clamp(max=num_draws - 1)
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
            maps.append(_map(kept, Target(like.model, kept.x, like=like), spec))
        except ValueError as error:  # of this datapoint alone: too few draws, say
            problem = reason(error)
    if not maps:
        raise ValueError(problem)
    columns = np.array(["true posterior", "q", *(f"q* {name.replace('_', ' ')}" for name in looked_at[0].fits)])
    stacked = {f"contours_{name}": np.stack([part[name] for part in maps]) for name in maps[0]}
    return {"contours_columns": columns, **stacked}


def _map(kept: Kept, target: Target, spec: AnalysisSpec) -> dict[str, np.ndarray]:
    densities = {"q": recognise(target.model.encode(kept.x)), **{f"q* {name}": q for name, q in kept.fits.items()}}
    num_draws = max(_DRAWS, spec.evidence.pooled.num_samples)
    draws, effective = posterior_draws(target, kept, num_draws, _POINTS)
    others = draws if target.dim == 2 else posterior_draws(target, kept, num_draws, _POINTS, "plane")[0]
    found = posterior_map(target, densities, draws, others, kept.key)
    return {"index": np.asarray(kept.index), "effective": np.asarray(effective, np.float32), **found}
