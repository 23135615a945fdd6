"""What encoders are given: the data, or another form of them, such as grey pixels beside binary targets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError
from gapkit.core.rows import Placed, Rows
from gapkit.core.trees import Tree, rows_of
from gapkit.doctor import prepare
from gapkit.doctor.remedy import model_dtypes
from gapkit.models.conditions import condition_for, require_condition
from gapkit.models.protocol import LatentModel

__all__ = ["Data", "Values", "as_values", "conditions", "conditions_of", "encoder_inputs", "placed"]

Values = Tensor | Rows  # what is analysed: in memory, or read when it is wanted
Data = Tensor | Rows | np.ndarray | Mapping[str, Tensor | np.ndarray | Rows] | None


def encoder_inputs(given: Data, ready: Mapping[str, Values], name: str = "encoder_x") -> dict[str, Values] | None:
    """Another form of the data by split, in the data's shape, type and place; None where none is given.

    Args:
        given: one tensor for the only split, or several by its name.
        ready: the data in the form that the model wants, by split.
        name: of the argument, for messages.

    Raises:
        InputError: splits that differ from those of the data, another number of datapoints or values, or values that
            are not finite.
    """
    if given is None:
        return None
    parts = dict(given) if isinstance(given, Mapping) else {next(iter(ready)): given}
    if set(parts) != set(ready):
        found = f"{name} for {', '.join(parts) or 'none'} and data for {', '.join(ready)}"
        raise InputError("the encoder's input for every split", found, "give one for each split, by its name")
    found_parts = dict[str, Values]()
    for split, data in ready.items():
        part = as_values(parts[split])
        if part.numel() != data.numel() or len(part) != len(data):
            found = f"{name} of shape {tuple(part.shape)} for data of shape {tuple(data.shape)} ({split})"
            raise InputError("the encoder's input for every datapoint", found, "give the same datapoints, in order")
        if isinstance(part, Rows):
            found_parts[split] = part.map(Placed(data.device, data.dtype, tuple(data.shape[1:])))
            continue
        part = part.to(data.device).to(data.dtype).reshape(data.shape)
        if not bool(part.isfinite().all()):
            raise InputError("a finite input of the encoder", f"NaN or infinity in {name} ({split})", "clean it")
        found_parts[split] = part
    return found_parts


def as_values(x: Any) -> Values:
    """Data as they are taken: those that are read when they are wanted as they are, all else as a tensor."""
    return x if isinstance(x, Rows) else torch.as_tensor(x)


def conditions_of(
    model: LatentModel, given: Any, data: Mapping[str, Values], device: torch.device
) -> Mapping[str, Tree]:
    """The condition of each split, on the device; nothing for a model without one.

    Args:
        model: an object of the model contract.
        given: the condition of the only split, or several by their names: a mapping with just these.
        data: by split.
        device: where to compute.

    Raises:
        InputError: a condition for a model that has no place for one, none for one that needs it, or not one row of
            numbers for each datapoint of each split.
    """
    if given is None:
        require_condition(model)
        return {}
    by_split = given if isinstance(given, Mapping) and set(given) == set(data) else {next(iter(data)): given}
    if set(by_split) != set(data):
        found = f"one condition, and data for {', '.join(data)}"
        raise InputError("a condition for every split", found, "give one for each split, by its name")
    return {name: conditions(model, by_split[name], device, len(x)) for name, x in data.items()}


def conditions(model: LatentModel, given: Tree, device: torch.device, size: int | None = None) -> Tree:
    """A condition as models take it: tensors of one row per datapoint on the device, floats in the model's type.

    Raises:
        InputError: the model has no place for it, or it has no row of finite numbers for each of ``size`` datapoints.
    """
    dtype = next(iter(model_dtypes(model, torch.zeros(1))))
    return condition_for(model, given, size, dtype, device)


def placed(model: LatentModel, x: Values, device: torch.device, condition: Tree = None) -> Values:
    """Data in the form that a model wants, where they are computed; of large ones a sample is checked.

    Raises:
        InputError: see :func:`gapkit.doctor.prepare`.
    """
    if not isinstance(x, Rows):
        return prepare(model, x, device, condition)
    ready = prepare(model, x.sample(), device, rows_of(condition, x.sampled))
    return x.map(Placed(ready.device, ready.dtype, tuple(ready.shape[1:])))
