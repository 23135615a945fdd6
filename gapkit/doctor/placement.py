"""Where to compute: a device that exists, and a model brought there and back."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from gapkit.core.errors import InputError
from gapkit.models.protocol import LatentModel

__all__ = ["checked_device", "moved_to"]


def checked_device(device: torch.device | str) -> torch.device:
    """Return a device that exists here.

    Raises:
        InputError: an unknown name, or CUDA where there is none.
    """
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"device {device}", str(error).splitlines()[0], "use cpu, cuda or cuda:N") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {device}", "CUDA is not available here", "use --device cpu")
    return found


@contextmanager
def moved_to(model: LatentModel, device: torch.device) -> Iterator[None]:
    """Compute on a device and bring the model back. A model that is no module must be there already."""
    weights = list(model.parameters()) if isinstance(model, nn.Module) else []
    home = weights[0].device if weights else device
    if not isinstance(model, nn.Module) or home == device:
        yield
        return
    model.to(device)
    try:
        yield
    finally:
        model.to(home)
