"""Arrays that are made once and used again: fresh ones of some megabytes cost as much as the work done in them."""

import torch
from torch import Tensor

__all__ = ["Workspace"]

_MOST_ARRAYS = 256


class Workspace:
    """Arrays by name and shape. What a call leaves in one lasts until the next call that names it."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[object, ...], Tensor] = {}

    def __call__(self, name: object, like: Tensor, *shape: int) -> Tensor:
        """An array of a shape (that of ``like`` if none is given), in its type and on its device; content undefined."""
        shape = shape or tuple(like.shape)
        key = (name, shape, like.dtype, like.device)
        if key not in self._arrays:
            if len(self._arrays) >= _MOST_ARRAYS:  # ever new shapes: memory must not grow with them
                self._arrays.clear()
            self._arrays[key] = torch.empty(shape, dtype=like.dtype, device=like.device)
        return self._arrays[key]
