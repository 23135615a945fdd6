"""Work on some datapoints of a batch without changing the others, not even in the last bit.

Matrix products round differently for other shapes and places. If the datapoints that need more work were gathered into
one batch, a datapoint that drops out would move all that follow it. So they are worked on in blocks of fixed
datapoints, each block whole, and only the outcomes that were asked for are kept.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

__all__ = ["block_size", "blocks_with"]

_SIZE, _FEW_LATENTS = 5, 10


def block_size(dim: int) -> int:
    """How many datapoints to a block of expensive work: posteriors of few latents are often curved, and cheap."""
    return _SIZE if dim <= _FEW_LATENTS else 1


def blocks_with(wanted: Tensor, size: int = _SIZE) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of the batch that hold a wanted datapoint.

    Args:
        wanted: bools of shape (B,).
        size: datapoints of a block; 1 for work that is too expensive to do for a whole block.

    Yields:
        The datapoints of a block, shape (P,), and the places in it of the wanted ones.

    Example:
        >>> wanted = torch.zeros(25, dtype=torch.bool)
        >>> wanted[12] = True
        >>> [(block[0].item(), len(block), places.tolist()) for block, places in blocks_with(wanted)]
        [(10, 5, [2])]
    """
    for begin in range(0, len(wanted), size):
        part = wanted[begin : begin + size]
        if bool(part.any()):
            block = torch.arange(begin, begin + len(part), device=wanted.device)
            yield block, part.nonzero()[:, 0]
