"""A folder of images as one uint8 array."""

import os
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from gapkit.core.errors import InputError
from gapkit.core.files import check_room, kind_of, neighbours
from gapkit.inputs.data.dataset import Raw

__all__ = ["SUFFIXES", "image_files", "read_folder", "read_image", "read_images"]

SUFFIXES = (".jpeg", ".jpg", ".png")
GREY_MODES = ("1", "L", "LA")
_FORMATS = ("JPEG", "PNG")  # the others' decoders stay out, of which one runs PostScript
_BYTES = 4  # of a value, as float32
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
    own_split = kind_of(folder / split, asked) == "folder"
    place = folder / split if own_split else folder
    if not os.access(place, os.R_OK | os.X_OK):
        raise InputError(asked, f"no permission to list {place}", "ask for it (chmod u+rx), or copy the images")
    paths = image_files(place)
    if not paths:
        names = neighbours(place)
        raise InputError(asked, f"no png or jpg files, only {', '.join(names[:8]) or 'nothing'}", "check the path")
    return read_images(paths, asked, split if own_split else "all", limit)


def image_files(folder: Path) -> list[Path]:
    """The png and jpg files in a folder, by name; none where it cannot be listed."""
    names = (name for name in neighbours(folder) if Path(name).suffix.lower() in SUFFIXES and name[0] != ".")
    return [folder / name for name in names if (folder / name).is_file()]


def read_images(
    paths: list[Path], asked: str, split: str = "all", limit: int | None = None, notes: tuple[str, ...] = ()
) -> Raw:
    """Image files as one array; see :func:`read_folder`."""
    first, images = None, []
    for path in paths[:limit]:
        image = read_image(path, asked)
        if first is None:
            first, sizes = image, [path.stat().st_size for path in paths[:limit]]
            what = f"{len(sizes):,} images, the first one {_describe(image)}"
            check_room(sum(sizes), asked, len(sizes) * image.size * _BYTES, limit, what)
        if image.shape != first.shape:
            found = f"{paths[0].name} is {_describe(first)}, {path.name} is {_describe(image)}"
            raise InputError(asked, found, "bring all images to one size, all grey or all colour")
        images.append(image)
    return Raw(np.stack(images), split=split, images=True, notes=notes)


def read_image(path: Path | IO[bytes], asked: str, name: str = "") -> np.ndarray:
    """One image, uint8, channels first.

    Args:
        path: of a file, or its bytes as a stream.
        asked: beginning of the error message.
        name: what to call it there; that of the file if empty.

    Raises:
        InputError: it cannot be read.
    """
    name = name or (path.name if isinstance(path, Path) else "an image")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                if image.mode not in GREY_MODES + COLOUR_MODES:
                    do = "convert it to 8-bit images"
                    raise InputError(asked, f"{name} has pixels of mode {image.mode}", do)
                pixels = np.asarray(image.convert("L" if image.mode in GREY_MODES else "RGB"))
    except InputError:
        raise
    except Exception as err:  # decoders of damaged images end in all kinds of exceptions
        found = f"{name} cannot be read ({type(err).__name__}: {err!s:.160})"
        raise InputError(asked, found, "remove or replace it") from err
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _describe(image: np.ndarray) -> str:
    channels, height, width = image.shape
    return f"{width} x {height} {'grey' if channels == 1 else 'colour'}"
