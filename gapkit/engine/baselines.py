"""Simple models of the data beside the analysed one: which ones its likelihood allows, and how far apart they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, constraints

from gapkit.core.datapoints import Datapoints
from gapkit.core.rows import some
from gapkit.doctor import fit_to_model
from gapkit.engine.inputs import Values
from gapkit.engine.skipped import reason
from gapkit.engine.stages import posterior_of, target_of
from gapkit.inputs.data.baseline import (
    ContinuousBernoulli,
    Density,
    FactorisedBernoulli,
    FactorisedCategorical,
    FactorisedCounts,
    FactorisedGaussian,
    ProbabilisticPca,
    cross_fitted,
)
from gapkit.models.distributions import Grid
from gapkit.models.protocol import LatentModel
from gapkit.models.unvalidated import unvalidated
from gapkit.results.records import Baselines, DataFacts, SimpleModel, Skipped
from gapkit.results.rows import ladder_rows, unsound_rows
from gapkit.results.summary import summarise_values
from gapkit.target import Target

__all__ = ["Observation", "Simple", "baselines", "observation"]

_ROWS, _VALUES = 10_000, 10_000_000  # datapoints to fit to, and their numbers together, at most
_ROWS_PCA, _WIDE = 1000, 1000  # fewer datapoints for principal components of wide data
_PROBES = 100
_AT_ONCE = 1000
_MOST_VALUES = 65_536
_SAME = 0.5  # share of the analysed datapoints found among the others from which on they are no others
_FEWEST = 50  # other datapoints, unless the analysed ones are fewer still

Fit = Callable[[np.ndarray], Density]


@dataclass(frozen=True)
class Observation:
    """What p(x|z) is a distribution of.

    Attributes:
        kind: ``binary``, ``categorical``, ``counts``, ``real``, ``unit`` (a density on [0, 1]) or ``unknown``.
        discrete: whether it gives probabilities, not densities; None where that is unknown.
        num_values: of categorical data.
        place: from data to 0, ..., num_values - 1.
        scale: the least noise of the model in every dimension, where it is normal: shape (D,), else zero.
    """

    kind: str
    discrete: bool | None
    num_values: int = 0
    place: Callable[[np.ndarray], np.ndarray] = np.asarray
    scale: np.ndarray | float = 0.0


@dataclass(frozen=True)
class Simple:
    """What the summary of a split holds of its data.

    Attributes:
        data: what they are.
        baselines: simple models of them, or why there are none.
    """

    data: DataFacts
    baselines: Baselines | Skipped


def baselines(
    like: Target, data: Mapping[str, Datapoints], other_x: Tensor | None, table: pd.DataFrame, seed: int
) -> dict[str, Simple]:
    """For every split what its data are, and simple models of them.

    They are fitted to the split ``train`` or to ``other_x``, whichever is larger, where those are other data and not
    too few, else to nine tenths of the split at a time and judged on the rest.

    Args:
        like: any target of the model.
        data: of each split, in the model's form.
        other_x: further data, such as those of the training.
        table: the rows of all splits; those that no mean is over are left out.
        seed: of the cut into tenths.
    """
    found, ready = {}, {split: points.x for split, points in data.items()}
    for split, x in ready.items():
        try:
            seen = observation(like.model, data[split])
        except Exception as error:  # a user's distribution may raise anything, and the table does not need it
            seen = Observation("unknown", None)
            facts: Baselines | Skipped = Skipped(reason(error))
        else:
            rows = table[table["split"] == split]
            other = _others(like, split, ready, other_x)
            try:
                facts = _beside(seen, x, other, rows, like.dim, seed)
            except Exception as error:  # as above: numbers that no simple model can be fitted to
                facts = Skipped(reason(error))
        found[split] = Simple(DataFacts(x[0].numel(), seen.discrete), facts)
    return found


def observation(model: LatentModel, points: Datapoints) -> Observation:
    """Read from p(x|z) at a few datapoints what kind of data it describes."""
    few = points[:_PROBES]
    with torch.no_grad(), unvalidated():
        decoded = target_of(model, few).decode(posterior_of(model, few).loc)
    inner: Distribution = decoded
    while isinstance(inner, Independent):
        inner = inner.base_dist
    support = inner.support
    while isinstance(support, constraints.independent):
        support = support.base_constraint
    if isinstance(support, type(constraints.boolean)):
        return Observation("binary", True)
    if isinstance(support, Grid):
        grid = support
        return Observation("categorical", True, grid.bins, lambda v: np.rint(grid.index(torch.as_tensor(v)).numpy()))
    if isinstance(support, constraints.integer_interval):
        low, high = int(support.lower_bound), int(support.upper_bound)
        if high - low < _MOST_VALUES:
            return Observation("categorical", True, high - low + 1, lambda v: v - low)
    if support is constraints.nonnegative_integer:
        return Observation("counts", True)
    if isinstance(support, type(constraints.real)):
        scale = inner.scale.expand(decoded.batch_shape + decoded.event_shape) if isinstance(inner, Normal) else None
        if scale is None:
            return Observation("real", False)
        least = scale.reshape(len(scale), -1).nan_to_num(nan=torch.inf).amin(0)
        return Observation("real", False, scale=least.nan_to_num(posinf=0.0).double().cpu().numpy())
    if isinstance(support, constraints.interval) and (support.lower_bound, support.upper_bound) == (0.0, 1.0):
        return Observation("unit", False)
    return Observation("unknown", None if support is None else bool(support.is_discrete))


def _others(
    like: Target, split: str, ready: Mapping[str, Values], other_x: Tensor | None
) -> tuple[str, np.ndarray] | None:
    """Data to fit to that are not the analysed ones, and what they are called."""
    mine, found = _flat(_first(ready[split])), []
    if split != "train" and "train" in ready:
        found.append(("train", _flat(_first(ready["train"]))))
    if other_x is not None:
        further = fit_to_model(like.model, _first(torch.as_tensor(other_x)).to(like.device))
        found.append(("other", _flat(further)))
    for name, data in sorted(found, key=lambda part: -len(part[1])):
        rows = {hash(row.tobytes()) for row in data}
        same = np.mean([hash(row.tobytes()) in rows for row in mine])
        if len(data) >= min(_FEWEST, len(mine)) and same < _SAME:
            return name, data
    return None


def _beside(
    seen: Observation, x: Values, other: tuple[str, np.ndarray] | None, rows: pd.DataFrame, latents: int, seed: int
) -> Baselines | Skipped:
    fits = _fits(seen, x, latents)
    used = ladder_rows(rows) & np.isfinite(rows["log_px"].to_numpy(float))
    if not fits:
        return Skipped("no simple model has this kind of data")
    if other is None and len(x) < 2:
        return Skipped("there are no data to fit one to")
    log_px, error = (rows[name].to_numpy(float)[used] for name in ("log_px", "log_px_se"))
    sound = ~unsound_rows(rows)[used]

    def beside(name: str, level: np.ndarray) -> SimpleModel:
        apart = log_px - level
        return SimpleModel(
            name=name,
            log_px=summarise_values(level, np.zeros_like(level)),
            difference=summarise_values(apart, error),
            difference_sound=summarise_values(apart[sound], error[sound]),
        )

    models = []
    for name, fit in fits.items():
        models.append(beside(name, _levels(seen, fit, x, None if other is None else other[1], seed)[used]))
    ranked = sorted(models, key=lambda part: part.log_px.mean or -np.inf, reverse=True)
    if seen.kind == "binary":  # nothing to fit: every probability one half
        ranked.append(beside("coin_flips", np.full(len(log_px), -np.log(2.0) * x[0].numel())))
    fitted_on, count = ("cross", len(_first(x))) if other is None else (other[0], len(other[1]))
    return Baselines(fitted_on, count, tuple(ranked))


def _fits(seen: Observation, x: Values, latents: int) -> dict[str, Fit]:
    """The simple models of data of a kind, each a function from data to a density; none where data do not fit it."""
    few = some(x)
    if seen.kind == "binary" and bool(((few == 0) | (few == 1)).all()):
        return {"factorised_bernoulli": FactorisedBernoulli.fit}
    if seen.kind == "categorical":
        return {"factorised_categorical": partial(FactorisedCategorical.fit, num_values=seen.num_values)}
    if seen.kind == "counts":
        return {"factorised_counts": FactorisedCounts.fit}
    if seen.kind == "unit":
        return {"factorised_continuous_bernoulli": ContinuousBernoulli.fit}
    if seen.kind == "real":
        found: dict[str, Fit] = {"factorised_gaussian": partial(FactorisedGaussian.fit, least_scale=seen.scale)}
        if x[0].numel() > 1:
            found["probabilistic_pca"] = partial(_pca, rank=latents)
        return found
    return {}


def _pca(x: np.ndarray, rank: int) -> Density:
    return ProbabilisticPca.fit(x[:_ROWS_PCA] if x.shape[1] > _WIDE else x, rank)


def _levels(seen: Observation, fit: Fit, x: Values, other: np.ndarray | None, seed: int) -> np.ndarray:
    """Log densities of the analysed data; NaN beyond the first so many where they are fitted to themselves."""
    if other is None:
        mine = seen.place(_flat(_first(x)))
        return np.concatenate([cross_fitted(fit, mine, seed), np.full(len(x) - len(mine), np.nan)])
    fitted = fit(seen.place(other))
    return np.concatenate([fitted.log_prob(seen.place(_flat(part))) for part in x.split(_AT_ONCE)])


def _first(x: Values) -> Tensor:
    """So many datapoints that a fit to them stays small."""
    return x[: min(_ROWS, max(_FEWEST, _VALUES // x[0].numel()))]


def _flat(x: Tensor) -> np.ndarray:
    return np.ascontiguousarray(x.reshape(len(x), -1).double().cpu().numpy())
