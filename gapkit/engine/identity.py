"""What the stages of an analysis are made of, as a digest: two runs of the same model and starts have the same one."""

from typing import Any

import torch
from torch import Tensor

from gapkit.core.datapoints import Datapoints
from gapkit.engine.outputs import digest
from gapkit.engine.stages import posterior_of, target_of
from gapkit.local import Bank
from gapkit.models.protocol import LatentModel
from gapkit.target import Target
from gapkit.version import __version__

__all__ = ["identity_of_encoder", "identity_of_work"]

_PROBES = 3


def identity_of_work(like: Target, points: Datapoints, bank: Bank | None) -> str:
    """Of the model as it is now, and of the starts that all datapoints share.

    Weights alone would not do: a model need be no module, and one may read more than its weights. So what the model
    says of a few datapoints belongs to it, and the number of threads, on which the last bits depend.

    Args:
        like: any target of the model, which is frozen and in its place.
        points: data; the first few are looked at.
        bank: starts.
    """
    count = like.work.copy()
    few = points[:_PROBES]
    target, q = target_of(like.model, few), posterior_of(like.model, few)  # with a count of work of its own
    with torch.no_grad():
        said = [q.loc, q.marginal_scale(), target.log_joint(q.loc.unsqueeze(0))]
    assert like.work.copy() == count
    starts = [] if bank is None else [value for value in vars(bank).values() if isinstance(value, Tensor)]
    weights = _weights(like.model)
    facts = (__version__, torch.__version__, torch.get_num_threads(), str(target.device), type(like.model).__qualname__)
    return digest(*facts, *(_bytes(tensor) for tensor in (*said, *starts, *weights)))


def identity_of_encoder(model: LatentModel, points: Datapoints) -> str:
    """Of a further encoder: its weights, and what it says of a few datapoints."""
    q = posterior_of(model, points[:_PROBES])
    with torch.no_grad():
        said = (q.loc, q.marginal_scale())
    return digest(*(_bytes(tensor) for tensor in (*said, *_weights(model))))


def _weights(model: Any) -> list[Tensor]:
    state = getattr(model, "state_dict", None)
    return [value for value in state().values() if isinstance(value, Tensor)] if callable(state) else []


def _bytes(tensor: Tensor) -> bytes:
    whole = tensor.detach().cpu().contiguous()
    return f"{whole.dtype} {tuple(whole.shape)}".encode() + whole.reshape(-1).view(torch.uint8).numpy().tobytes()
