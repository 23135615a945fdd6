"""What happens once before training: the folder, the data, the optimizer."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gapkit.core.errors import InputError
from gapkit.inputs.data import binarize, require_unit_interval
from gapkit.models import read_payload
from gapkit.training.config import TrainConfig

__all__ = ["bound_norms", "check_folder", "earlier_files", "make_optimizer", "prepare_data"]


def check_folder(out: Path, overwrite: bool) -> None:
    """Refuse the folder of an earlier training, unless that is to be overwritten."""
    if os.path.lexists(out) and not os.path.isdir(out):
        raise InputError(f"train into {out}", "a file of that name", "name a folder")
    if os.path.exists(out / "model.pt") and not overwrite:
        do = "name another folder, or overwrite it (--overwrite)"
        raise InputError(f"train into {out}", "it holds a model.pt already", do)


def earlier_files(out: Path, overwrite: bool) -> list[Path]:
    """Make the folder; with ``overwrite``, what an earlier training left in it, to go once there is a new model.

    Raises:
        InputError: a model or a checkpoint of these names that gapkit did not write.
    """
    out.mkdir(parents=True, exist_ok=True)
    found = [path for path in (out / "model.pt", *(out / "checkpoints").glob("epoch-*.pt")) if os.path.lexists(path)]
    for path in found if overwrite else ():
        try:
            read_payload(path)
        except InputError as error:
            do = "name another folder, or take it away yourself"
            raise InputError(f"train into {out}", f"{path.name} in it, which gapkit did not write", do) from error
    return found if overwrite else []


def prepare_data(config: TrainConfig, x: Tensor, order: torch.Generator) -> tuple[Tensor, Tensor | None]:
    """Binarize what is binarized once, and set the held-out part aside (``None`` without early stopping)."""
    if x.ndim < 2 or len(x) < 2:
        raise InputError("train a model", f"data of shape {tuple(x.shape)}", "pass two or more datapoints, (N, ...)")
    x = x.detach().to(torch.float32)
    dynamic = config.binarize == "dynamic"
    if dynamic:
        require_unit_interval(x, "dynamic")
    else:
        x = binarize(x, str(config.binarize), config.seed)
    if not config.early_stopping:
        return x, None
    count = min(len(x) - 1, max(1, round(config.validation_fraction * len(x))))
    index = torch.randperm(len(x), generator=order)
    held_out = x[index[:count]]
    return x[index[count:]], binarize(held_out, "sample", config.seed) if dynamic else held_out


def make_optimizer(
    config: TrainConfig, model: nn.Module, further: Sequence[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """Return the optimizer of all weights and ``further`` ones, in the fused form: the least overhead per step."""
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.Adagrad
    return kind([*model.parameters(), *further], lr=config.learning_rate, fused=True)


@torch.no_grad()
def bound_norms(encoder: Any, bound: float) -> None:
    """Cut the weights of every unit of linear and convolutional layers to a norm; 0 leaves all as they are.

    Source: Shu et al., "Amortized Inference Regularization" (2018), https://arxiv.org/abs/1805.08913, section 3.2,
    where weights have a fixed norm; here that is the largest one.
    """
    if not bound:
        return
    for layer in encoder.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            norms = layer.weight.flatten(1).norm(dim=1).clamp(min=bound)
            layer.weight.mul_((bound / norms).reshape(-1, *[1] * (layer.weight.dim() - 1)))
