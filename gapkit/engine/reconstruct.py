"""What a decoder makes of latents, as data: the mean of p(x|z)."""

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Independent

from gapkit.core.randomness import Key
from gapkit.families.protocol import Posterior
from gapkit.target import Target

__all__ = ["mean_of", "reconstruction"]

_DECODED = 32


def reconstruction(target: Target, q: Posterior, key: Key) -> np.ndarray:
    """The mean of p(x|z) over draws from q, of one datapoint.

    The noise is the same for all q, so that pictures differ by q alone.
    """
    z, _ = q.draw(key.streams("details/decoded", target.dtype, target.device), _DECODED)
    means = mean_of(target.decode(z.reshape(-1, target.dim)))
    return np.asarray(means.double().mean(0).reshape(target.x.shape[1:]).cpu().numpy())


def mean_of(dist: Distribution) -> Tensor:
    """The mean of p(x|z); of a categorical one, the mean level."""
    inner = dist
    while isinstance(inner, Independent):
        inner = inner.base_dist
    if isinstance(inner, Categorical):
        levels = torch.arange(inner.probs.shape[-1], dtype=inner.probs.dtype, device=inner.probs.device)
        return inner.probs @ levels
    return inner.mean
