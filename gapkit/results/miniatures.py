"""Small pictures of the datapoints that a run keeps, for tables that name them."""

import numpy as np

from gapkit.core.images import miniatures
from gapkit.results.result import Result

__all__ = ["kept_miniatures"]


def kept_miniatures(result: Result) -> dict[tuple[str, int], np.ndarray]:
    """Pictures of the worst datapoints of a run, by split and index; none where the data are no images.

    Args:
        result: of an analysis.

    Returns:
        8-bit levels of shape (H, W), or (H, W, 3) in colour, with at most 36 pixels along a side.
    """
    split, x = result.run.get("details", {}).get("split"), result.details.get("worst_x")
    small = None if split is None or x is None else miniatures(x)
    if small is None:
        return {}
    indices = result.details["worst_index"].tolist()
    return {(str(split), int(index)): image for index, image in zip(indices, small, strict=True)}
