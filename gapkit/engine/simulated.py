"""Datapoints of the model itself, whose latents are known; those of a conditional model have conditions of the data."""

import torch
from torch import Tensor

from gapkit.core.datapoints import Loaded
from gapkit.core.errors import InputError
from gapkit.core.trees import Tree, rows_of, size_of
from gapkit.doctor import prepare
from gapkit.models.protocol import LatentModel
from gapkit.target import Target
from gapkit.target.simulate import simulate

__all__ = ["drawn_from", "simulated", "spread"]


def simulated(like: Target, count: int, seed: int) -> tuple[Loaded, Tensor]:
    """Draw datapoints of the model.

    Args:
        like: a target of the model; where there is a condition, one of typical datapoints, whose conditions are used.
        count: N, how many.
        seed: of the draws.

    Returns:
        Datapoints in the form that the model wants, and the latents behind them, shape (N, D): exact posterior draws.
    """
    return drawn_from(like.model, count, seed, like.condition, like.device)


def drawn_from(
    model: LatentModel, count: int, seed: int, condition: Tree, device: torch.device
) -> tuple[Loaded, Tensor]:
    """The same with conditions at hand: any number of rows, on the device; None for a model without one."""
    condition = spread(condition, count)
    try:
        drawn, latents = simulate(model, count, seed, condition)
    except NotImplementedError as error:
        found = str(error) or "a distribution of the model has no sample()"
        raise InputError("data simulated from the model", found, "give prior and p(x|z) one, or go without") from error
    return Loaded.of(prepare(model, drawn, device, condition), condition=condition), latents


def spread(condition: Tree, count: int) -> Tree:
    """So many rows, evenly spaced among those that there are, or all of them again and again."""
    if condition is None:
        return None
    size = size_of(condition)
    rows = torch.linspace(0, size - 1, count).round().long() if count <= size else torch.arange(count) % size
    return rows_of(condition, rows)
