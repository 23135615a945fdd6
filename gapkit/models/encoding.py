"""Q(z|x) as every part of an analysis asks for it: without a graph, and from a copy of the data."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from gapkit.core.trees import Tree, mapped
from gapkit.models.conditions import encode_with
from gapkit.models.protocol import LatentModel
from gapkit.models.unvalidated import unvalidated

__all__ = ["encoded"]


def encoded(model: LatentModel, x: Tensor, condition: Tree = None) -> Distribution:
    """Return q(z|x) for data of shape (B, *x_shape), given a condition of as many rows where there is one.

    The encoder gets a copy: one that normalises its input in place would otherwise change the data that log p(x|z) is
    evaluated on, and the caller's own tensor.
    """
    with torch.no_grad(), unvalidated():
        return encode_with(model, x.clone(), mapped(condition, Tensor.clone))
