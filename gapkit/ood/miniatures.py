"""Small pictures of the most unusual datapoints: made when they are scored, kept with the scores."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gapkit.core.errors import InputError
from gapkit.core.files import Arrays, write_arrays, write_atomically
from gapkit.core.images import LARGEST, image_shape, miniatures

__all__ = ["most_unusual", "read_miniatures", "write_miniatures"]

_MOST = 40  # datapoints; a picture takes a kilobyte or less
_NAMES = ("data", "index", "levels")


def most_unusual(table: pd.DataFrame, sets: Mapping[str, np.ndarray]) -> dict[tuple[str, int], np.ndarray]:
    """Pictures of the datapoints with the largest likelihood regrets; none where the data are no images.

    Args:
        table: of scores, see :func:`gapkit.ood.scores`.
        sets: the data, shape (N, *x_shape) each, by the names in the table's column ``data``.

    Returns:
        By data set and index: 8-bit levels of shape (H, W), or (H, W, 3) in colour.
    """
    known = table[table["data"].isin(list(sets))].sort_values("regret", ascending=False, kind="stable")
    wanted = [(str(name), int(index)) for name, index in zip(known["data"], known["index"], strict=True)][:_MOST]
    shapes = {name: image_shape(sets[name].shape[1:]) for name, _ in wanted}
    shape = next(iter(shapes.values()), None)
    if shape is None or set(shapes.values()) != {shape}:  # one may be flat and another not, but of the same pixels
        return {}
    small = miniatures(np.stack([np.reshape(sets[name][index], shape) for name, index in wanted]))
    return {} if small is None else dict(zip(wanted, small, strict=True))


def write_miniatures(path: Path, pictures: Mapping[tuple[str, int], np.ndarray]) -> None:
    """Write pictures into a file, wholly or not at all; without pictures there is none."""
    if pictures:
        data, index = zip(*pictures, strict=True)
        arrays = {"data": np.array(data), "index": np.array(index), "levels": np.stack([*pictures.values()])}
        write_atomically(path, lambda name: write_arrays(name, arrays))


def read_miniatures(path: Path, asked: str) -> dict[tuple[str, int], np.ndarray]:
    """What :func:`write_miniatures` wrote; nothing where there is no such file.

    Raises:
        InputError: damaged, or other arrays.
    """
    if not os.path.lexists(path):
        return {}
    with Arrays(path, f"{asked}, {path.name}") as stored:
        found = {name: stored[name] for name in _NAMES if name in stored}
    forms = [(array.dtype.kind, len(array) if array.ndim else 0) for array in found.values()]
    sizes = {size for _, size in forms}
    fits = [kind for kind, _ in forms] == ["U", "i", "u"] and len(sizes) == 1 and found["levels"].ndim in (3, 4)
    fits = fits and all(found[name].ndim == 1 for name in ("data", "index")) and found["levels"].shape[3:] in ((), (3,))
    fits = fits and all(1 <= side <= LARGEST for side in found["levels"].shape[1:3])
    if not fits or found["levels"].dtype != np.uint8:
        raise InputError(f"{asked}, {path.name}", "not what gapkit score writes", "score the data again")
    rows = zip(*(found[name] for name in _NAMES), strict=True)
    return {(str(name), int(place)): image for name, place, image in rows}
