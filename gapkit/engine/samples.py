"""What the model makes beside what the data are: reconstructions and prior samples, q(z) of all data and the prior."""

from collections.abc import Sequence

import numpy as np
import torch

from gapkit.engine.chosen import Kept
from gapkit.engine.reconstruct import mean_of, reconstruction
from gapkit.engine.simulated import spread
from gapkit.engine.skipped import left_out
from gapkit.engine.stages import Batch, posterior_of, target_of
from gapkit.engine.units import Unit
from gapkit.models.conditions import decode_with
from gapkit.results.aggregate import departures
from gapkit.target import Target
from gapkit.target.simulate import draw_latents

__all__ = ["aggregate", "draw_of_q", "prior_pictures", "typical_pictures"]

_DATAPOINTS = 1000  # of a split, a draw of q(z|x) of each: enough to see a shape, and few bytes
_DIMENSIONS = 12  # that are kept, those farthest from the prior
_SAMPLES = 16


def draw_of_q(batch: Batch, unit: Unit) -> np.ndarray | None:
    """One draw of q(z|x) for each datapoint of a unit, shape (B, D); together they are draws of q(z).

    None where the units before have enough of them, and where q gives none: numbers do not need them.
    """
    if unit.indices[0] >= _DATAPOINTS:
        return None
    with torch.no_grad(), left_out("aggregate", {}):
        z, _ = batch.q.draw(batch.key.streams("details/aggregate", batch.target.dtype, batch.target.device), 1)
        return np.asarray(z[0, : unit.size].float().cpu().numpy())
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
        ValueError: there are no finite draws.
    """
    z = np.concatenate(list(draws))[:_DATAPOINTS] if draws else np.zeros((0, like.dim), np.float32)
    z = z[np.isfinite(z).all(1)]
    if not len(z):
        raise ValueError("q has no finite draws")
    drawn = draw_latents(like.model, len(z), seed, spread(like.condition, len(z)))
    prior = drawn.reshape(len(z), -1).float().cpu().numpy()
    departure = departures(z, prior)
    chosen = np.argsort(-departure, kind="stable")[:_DIMENSIONS]
    return {
        "aggregate_dimensions": chosen,
        "aggregate_q": z[:, chosen].astype(np.float32),
        "aggregate_prior": prior[:, chosen].astype(np.float32),
        "aggregate_departure": departure.astype(np.float32),
    }
