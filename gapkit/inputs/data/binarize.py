"""Binary data from intensities in [0, 1], for Bernoulli likelihoods.

Source: Salakhutdinov & Murray, "On the quantitative analysis of deep belief networks" (2008),
https://www.cs.toronto.edu/~rsalakhu/papers/dbn_ais.pdf, where grey MNIST pixels are read as probabilities.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gapkit.core.errors import InputError

__all__ = ["BINARIZATIONS", "binarize"]

BINARIZATIONS = ("none", "threshold", "sample")
PURPOSE = 0xB1  # keeps these draws apart from every other use of the same seed


def binarize(x: Tensor, how: str, seed: int = 0, rows: Sequence[int] | None = None) -> Tensor:
    """Turn intensities into zeros and ones.

    Args:
        x: (N, *x_shape), values in [0, 1].
        how: ``"none"`` returns x as it is; ``"threshold"`` sets what exceeds 0.5 to 1; ``"sample"`` draws each value
            from a Bernoulli with probability x, once. The draw of a datapoint depends only on the seed and its index,
            so shortening the data changes nothing.
        seed: of the draws, 0 or more.
        rows: the indices of the datapoints in their data; None for the first N.

    Returns:
        The same shape and dtype as x.

    Raises:
        InputError: an unknown way, a negative seed, or values outside [0, 1].

    Example:
        >>> binarize(torch.tensor([[0.2, 0.7, 1.0]]), "threshold")
        tensor([[0., 1., 1.]])
    """
    if how not in BINARIZATIONS:
        raise InputError(f"binarize the data by {how!r}", "no such way", f"use {', '.join(BINARIZATIONS)}")
    if how == "none":
        return x
    require_unit_interval(x, how)
    if how == "threshold":
        return (x > 0.5).to(x.dtype)
    if seed < 0:
        raise InputError(f"binarize the data with seed {seed}", "a negative seed", "use 0 or more")
    draws = np.empty((len(x), x[0].numel() if len(x) else 0))
    for index, row in zip(range(len(x)) if rows is None else rows, draws, strict=True):
        key = np.random.SeedSequence(seed, spawn_key=(index, PURPOSE))
        np.random.Generator(np.random.Philox(key)).random(out=row)
    return (torch.from_numpy(draws).reshape(x.shape).to(x.device) < x).to(x.dtype)


def require_unit_interval(x: Tensor, how: str) -> None:
    """Raise an InputError unless all values can be probabilities."""
    outside = (x < 0) | (x > 1)
    if outside.any():
        found = f"{int(outside.sum())} values outside [0, 1] (smallest {x.min():g}, largest {x.max():g})"
        raise InputError(f"binarize the data by {how!r}", found, "scale the data to [0, 1] first")
