"""What encoders are given: the data, or another form of them, such as grey pixels beside binary targets."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["encoder_inputs"]

Data = Tensor | np.ndarray | Mapping[str, Tensor | np.ndarray] | None


def encoder_inputs(given: Data, ready: Mapping[str, Tensor], name: str = "encoder_x") -> dict[str, Tensor] | None:
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
    found_parts = {}
    for split, data in ready.items():
        part = torch.as_tensor(parts[split])
        if part.numel() != data.numel() or len(part) != len(data):
            found = f"{name} of shape {tuple(part.shape)} for data of shape {tuple(data.shape)} ({split})"
            raise InputError("the encoder's input for every datapoint", found, "give the same datapoints, in order")
        part = part.to(data).reshape(data.shape)
        if not bool(part.isfinite().all()):
            raise InputError("a finite input of the encoder", f"NaN or infinity in {name} ({split})", "clean it")
        found_parts[split] = part
    return found_parts
