"""How complex an image is to a general compressor: the length of its PNG file, in nats."""

import io
import math

import numpy as np
from PIL import Image

__all__ = ["compressed_nats", "image_obstacle"]

_CHANNELS = {1: "L", 3: "RGB"}


def image_obstacle(*sets: np.ndarray) -> str:
    """Why some of the data sets cannot be compressed as images with values in [0, 1]; empty where all can.

    Example:
        >>> image_obstacle(np.zeros((5, 1, 8, 8)))
        ''
        >>> image_obstacle(np.zeros((5, 64)))
        'the data are not images: a datapoint has shape (64,)'
    """
    for x in sets:
        if _planes(x) is None:
            return f"the data are not images: a datapoint has shape {tuple(x.shape[1:])}"
        if x.size and not (float(x.min()) >= 0 and float(x.max()) <= 1):
            return "the data are not images with values in [0, 1]"
    return ""


def compressed_nats(*sets: np.ndarray) -> list[np.ndarray]:
    """The length of each image's PNG file, in nats (bits times ln 2), for every data set.

    All sets are written in the same way, so that their lengths can be compared: with one bit for each pixel if all of
    them are grey and hold nothing but zeros and ones, else with eight bits for each pixel and channel.

    Args:
        sets: images of shape (N, H, W) or (N, C, H, W) with C = 1 or 3, values in [0, 1].

    Returns:
        One array of shape (N,) for each set.

    Example:
        >>> plain, noise = np.zeros((1, 64, 64)), np.random.default_rng(0).integers(0, 2, (1, 64, 64))
        >>> blank, busy = compressed_nats(plain, noise)
        >>> bool(blank[0] < 0.4 * busy[0])
        True
    """
    one_bit = all(_planes(x) == 1 and bool(((x == 0) | (x == 1)).all()) for x in sets)
    return [np.array([_length(image, one_bit) for image in x]) * 8 * math.log(2) for x in sets]


def _planes(x: np.ndarray) -> int | None:
    """Colour channels of a set of images; None if it is none."""
    if x.ndim == 3 and min(x.shape[1:]) > 1:
        return 1
    if x.ndim == 4 and x.shape[1] in _CHANNELS and min(x.shape[2:]) > 1:
        return int(x.shape[1])
    return None


def _length(image: np.ndarray, one_bit: bool) -> int:
    planes = image.reshape(-1, *image.shape[-2:])
    pixels = np.round(255 * planes.astype(np.float64)).astype(np.uint8).transpose(1, 2, 0)
    picture = Image.fromarray(pixels[..., 0] if len(planes) == 1 else pixels)
    with io.BytesIO() as file:
        (picture.convert("1", dither=Image.Dither.NONE) if one_bit else picture).save(file, "PNG", optimize=True)
        return len(file.getvalue())
