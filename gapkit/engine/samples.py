"""What the model makes beside what the data are: reconstructions and prior samples, q(z) of all data and the prior."""

from collections.abc import Sequence

import numpy as np
import torch

from gapkit.core.trees import rows_of
from gapkit.engine.chosen import Kept
from gapkit.engine.reconstruct import mean_of, reconstruction
from gapkit.engine.simulated import spread
from gapkit.engine.skipped import left_out
from gapkit.engine.stages import Batch, posterior_of, target_of
from gapkit.engine.units import Unit
from gapkit.models.conditions import decode_with
from gapkit.models.joint import ValuesAlone
from gapkit.results.aggregate import departures
from gapkit.target import Target
from gapkit.target.simulate import draw_latents

__all__ = ["aggregate", "draw_of_q", "prior_pictures", "typical_pictures"]

_DATAPOINTS = 1000  # of a split, a draw of q(z|x) of each: enough to see a shape, and few bytes
_DIMENSIONS = 12  # that are kept, those farthest from the prior
_SAMPLES = 16


def draw_of_q(batch: Batch, unit: Unit, datapoints: int) -> np.ndarray | None:
    """One draw of q(z|x) for some datapoints of a unit, shape (B, D); those of all units together are draws of q(z).

    Data may lie in an order, so that the datapoints are spread evenly over the split.

    Args:
        batch: the unit.
        unit: which datapoints.
        datapoints: how many the split has.

    Returns:
        None where the unit has none of them, and where q gives no draws: numbers do not need them.
    """
    chosen = set(np.linspace(0, datapoints - 1, min(datapoints, _DATAPOINTS)).round().astype(int).tolist())
    places = [place for place, index in enumerate(unit.indices[: unit.size]) if index in chosen]
    if not places:
        return None
    with torch.no_grad(), left_out("aggregate", {}):
        z, _ = batch.q.draw(batch.key.streams("details/aggregate", batch.target.dtype, batch.target.device), 1)
        return np.asarray(z[0, places].float().cpu().numpy())
    return None


def typical_pictures(kept: Sequence[Kept], like: Target) -> dict[str, np.ndarray]:
    """Typical datapoints and their mean reconstructions under q.

    Args:
        kept: the datapoints.
        like: any target of the model.

    Raises:
        ValueError: there are none.
    """
    if not kept:
        raise ValueError("no datapoint has a finite gap")
    found: dict[str, list[np.ndarray]] = {"x": [], "under_q": []}
    for one in kept:
        target = target_of(like.model, one.points, like)
        found["x"].append(target.x[0].cpu().numpy())
        found["under_q"].append(reconstruction(target, posterior_of(like.model, one.points), one.key))
    arrays = {f"typical_{name}": np.stack(parts).astype(np.float32) for name, parts in found.items()}
    return {"typical_index": np.array([one.index for one in kept]), **arrays}


def prior_pictures(like: Target, seed: int) -> dict[str, np.ndarray]:
    """The means of p(x|z) at draws from the prior.

    Args:
        like: any target of the model; the conditions of a conditional model are its.
        seed: of the draws.
    """
    condition = spread(like.condition, _SAMPLES)
    z = draw_latents(like.model, _SAMPLES, seed, condition)
    means = mean_of(decode_with(like.model, z, condition)).reshape(_SAMPLES, *like.x.shape[1:])
    return {"prior_x": means.cpu().numpy().astype(np.float32)}


def aggregate(draws: Sequence[np.ndarray], like: Target, seed: int) -> dict[str, np.ndarray]:
    """Draws of q(z) = E[q(z|x)] beside as many of the prior, in the dimensions in which they differ most.

    Args:
        draws: of q(z|x), one for each datapoint, of each unit.
        like: any target of the model.
        seed: of the draws from the prior.

    Returns:
        ``aggregate_dimensions``, shape (K,); ``aggregate_q`` and ``aggregate_prior``, shape (M, K); and
        ``aggregate_departure`` of all D dimensions, see :func:`gapkit.results.aggregate.departures`.

    Raises:
        ValueError: there are no finite draws, or no prior of all datapoints to hold them against.
    """
    if like.own_prior:
        raise ValueError("each datapoint has a prior of its own")
    z = np.concatenate(list(draws)) if draws else np.zeros((0, like.dim), np.float32)
    z = z[np.isfinite(z).all(1)]
    if not len(z):
        raise ValueError("q has no finite draws")
    condition = spread(like.condition, len(z))
    drawn = draw_latents(like.model, len(z), seed, condition)
    if isinstance(decode_with(like.model, drawn[:1], rows_of(condition, slice(1))), ValuesAlone):
        raise ValueError("what stands for the prior of a density that is known by its values alone is not its own")
    prior = drawn.reshape(len(z), -1).float().cpu().numpy()
    prior = prior[np.isfinite(prior).all(1)]
    z = z[: len(prior)]
    if not len(z):
        raise ValueError("the prior has no finite draws")
    departure = departures(z, prior)
    chosen = np.argsort(-departure, kind="stable")[:_DIMENSIONS]
    return {
        "aggregate_dimensions": chosen,
        "aggregate_q": z[:, chosen].astype(np.float32),
        "aggregate_prior": prior[:, chosen].astype(np.float32),
        "aggregate_departure": departure.astype(np.float32),
    }
