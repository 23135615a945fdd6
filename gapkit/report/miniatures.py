"""Small pictures of datapoints, for the rows of tables that name them."""

from collections.abc import Mapping

import numpy as np

from gapkit.core.images import png
from gapkit.report.blocks import Picture

__all__ = ["picture_of"]


def picture_of(images: Mapping[tuple[str, int], np.ndarray], name: str, index: int) -> Picture | None:
    """The small picture of a datapoint, and what it shows in words; None where there is none.

    Args:
        images: 8-bit levels, see :func:`gapkit.core.images.miniatures`, by data set or split and by index.
        name: of its data set or split.
        index: in this.
    """
    image = images.get((name, index))
    return None if image is None else Picture(png(image), f"datapoint {index} of {name}")
