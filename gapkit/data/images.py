"""A folder of images as one uint8 array."""

from pathlib import Path

import numpy as np
from PIL import Image

from gapkit.checks import InputError
from gapkit.data.dataset import Raw

__all__ = ["SUFFIXES", "read_folder"]

SUFFIXES = (".jpeg", ".jpg", ".png")
GREY_MODES = ("1", "L", "LA")
COLOUR_MODES = ("CMYK", "P", "PA", "RGB", "RGBA", "YCbCr")


def read_folder(folder: Path, split: str, limit: int | None = None) -> Raw:
    """Read the png and jpg files of a folder, sorted by name; transparency is dropped.

    Args:
        folder: holds the images, or two folders ``train`` and ``test`` that do.
        split: which of the two, where they exist.
        limit: read only the first ``limit`` images.

    Returns:
        uint8, (N, 1, H, W) for grey and (N, 3, H, W) for colour images.

    Raises:
        InputError: no images, an unreadable one, or images that differ in size or in grey against colour.
    """
    asked = f"read images from {folder}"
    own_split = (folder / split).is_dir()
    place = folder / split if own_split else folder
    paths = sorted(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        inside = sorted(path.name for path in place.iterdir())[:8]
        raise InputError(asked, f"no png or jpg files, only {', '.join(inside) or 'nothing'}", "check the path")
    first, images = None, []
    for path in paths[:limit]:
        image = _read_image(path, asked)
        first = image if first is None else first
        if image.shape != first.shape:
            found = f"{paths[0].name} is {_describe(first)}, {path.name} is {_describe(image)}"
            raise InputError(asked, found, "bring all images to one size, all grey or all colour")
        images.append(image)
    return Raw(np.stack(images), split=split if own_split else "all", images=True)


def _read_image(path: Path, asked: str) -> np.ndarray:
    """Return one image, uint8, channels first."""
    try:
        with Image.open(path) as image:
            if image.mode not in GREY_MODES + COLOUR_MODES:
                raise InputError(asked, f"{path.name} has pixels of mode {image.mode}", "convert it to 8-bit images")
            pixels = np.asarray(image.convert("L" if image.mode in GREY_MODES else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as err:
        if isinstance(err, InputError):
            raise
        raise InputError(asked, f"{path.name} cannot be read: {err}", "remove or replace it") from err
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _describe(image: np.ndarray) -> str:
    channels, height, width = image.shape
    return f"{width} x {height} {'grey' if channels == 1 else 'colour'}"
