"""Data that are images: which are, and small pictures of them for tables."""

import base64
import io
import math

import numpy as np

__all__ = ["LARGEST", "block_means", "brightness", "image_shape", "miniatures", "png"]

_SMALLEST, _SMALLEST_FLAT = 4, 64
LARGEST = 36  # pixels of a miniature along each side


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Channels, height and width of data that are images; None for others.

    Example:
        >>> image_shape((28, 28)), image_shape((784,)), image_shape((3, 32, 32)), image_shape((50,))
        ((1, 28, 28), (1, 28, 28), (3, 32, 32), None)
    """
    if len(shape) == 1:
        side = math.isqrt(shape[0])
        return (1, side, side) if shape[0] >= _SMALLEST_FLAT and side * side == shape[0] else None
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3 or shape[0] not in (1, 3) or min(shape[1:]) < _SMALLEST:
        return None
    return (shape[0], shape[1], shape[2])


def brightness(images: np.ndarray) -> tuple[float, float]:
    """Black and white: 0 and 1, or what the data reach where they do not keep to that.

    Example:
        >>> brightness(np.array([0.2, 0.7])), brightness(np.array([-1.0, 3.0]))
        ((0.0, 1.0), (-1.0, 3.0))
    """
    known = images[np.isfinite(images)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    low = min(low, 0.0) if low >= 0 else low
    return (low, high) if high > low else (low, low + 1.0)


def block_means(image: np.ndarray) -> np.ndarray:
    """An image with no more than 36 pixels along a side, each the mean of a block: more would make a heavy file.

    Args:
        image: shape (H, W, ...).

    Example:
        >>> block_means(np.zeros((64, 64))).shape, block_means(np.zeros((28, 28, 3))).shape
        ((32, 32), (28, 28, 3))
    """
    step = math.ceil(max(image.shape[:2]) / LARGEST)
    down, across = (min(step, size) for size in image.shape[:2])
    rows, columns = image.shape[0] // down, image.shape[1] // across
    cut = image[: rows * down, : columns * across]
    return np.asarray(cut.reshape(rows, down, columns, across, *image.shape[2:]).mean((1, 3)))


def miniatures(x: np.ndarray) -> np.ndarray | None:
    """Small pictures of datapoints, all on one scale of brightness.

    Args:
        x: shape (N, *x_shape), any numbers.

    Returns:
        8-bit levels of shape (N, H, W), or (N, H, W, 3) in colour, with at most 36 pixels along a side, each the mean
        of a block of the datapoint's; None where the datapoints are no images.

    Example:
        >>> miniatures(np.zeros((2, 784))).shape, miniatures(np.zeros((2, 3, 64, 64))).shape, miniatures(np.eye(3))
        ((2, 28, 28), (2, 32, 32, 3), None)
    """
    shape = image_shape(x.shape[1:])
    if shape is None or not len(x):
        return None
    images = np.moveaxis(x.reshape(len(x), *shape).astype(float), 1, -1)
    levels = _levels(np.stack([block_means(image) for image in images]), *brightness(images))
    return levels[..., 0] if shape[0] == 1 else levels


def png(image: np.ndarray, low: float = 0.0, high: float = 255.0) -> str:
    """A picture as PNG, in base64 as web pages hold it.

    Args:
        image: shape (H, W), or (H, W, 3) in colour.
        low: what is black.
        high: what is white.
    """
    from PIL import Image

    with io.BytesIO() as file:
        Image.fromarray(_levels(np.asarray(image, float), low, high)).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode("ascii")


def _levels(values: np.ndarray, low: float, high: float) -> np.ndarray:
    shown = np.nan_to_num(np.clip((values - low) / (high - low), 0.0, 1.0)) * 255
    return np.asarray(shown.round().astype(np.uint8))
