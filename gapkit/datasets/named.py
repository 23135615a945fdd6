"""Functions for the data sets that have a name."""

from dataclasses import replace

from gapkit.inputs.data import Dataset, load
from gapkit.inputs.data import binarize as made_binary

__all__ = ["cifar10", "digits", "fashion_mnist", "mnist"]


def digits(split: str = "test", *, limit: int | None = None, binarize: str = "none", seed: int = 0) -> Dataset:
    """Grey digits of 8 x 8 pixels in [0, 1]: 1,500 for training, 297 for testing. They come with scikit-learn.

    Args:
        split: ``"train"`` or ``"test"``.
        limit: only the first datapoints.
        binarize: how the pixels are made binary: ``"none"``, ``"threshold"`` (above 0.5) or ``"sample"`` (drawn once).
        seed: of these draws.

    Returns:
        ``x`` of shape (N, 1, 8, 8), float32, and ``labels`` of shape (N,).

    Raises:
        InputError: no such split or way, or a limit below 1.

    Example:
        >>> data = digits("train", binarize="threshold")
        >>> data.x.shape, data.x.unique().tolist()
        (torch.Size([1500, 1, 8, 8]), [0.0, 1.0])
    """
    return _named("digits", split, limit, binarize, seed)


def mnist(split: str = "test", *, limit: int | None = None, binarize: str = "none", seed: int = 0) -> Dataset:
    """Grey digits of 28 x 28 pixels in [0, 1]: 60,000 for training, 10,000 for testing.

    Args:
        split: ``"train"`` or ``"test"``.
        limit: only the first datapoints.
        binarize: how the pixels are made binary, as in :func:`digits`.
        seed: of these draws.

    Returns:
        ``x`` of shape (N, 1, 28, 28), float32, and ``labels`` of shape (N,).

    Raises:
        InputError: as :func:`digits`; or they cannot be fetched.
    """
    return _named("mnist", split, limit, binarize, seed)


def fashion_mnist(split: str = "test", *, limit: int | None = None, binarize: str = "none", seed: int = 0) -> Dataset:
    """Grey pictures of clothes, in the form of :func:`mnist`.

    Args:
        split: ``"train"`` or ``"test"``.
        limit: only the first datapoints.
        binarize: how the pixels are made binary, as in :func:`digits`.
        seed: of these draws.

    Returns:
        ``x`` of shape (N, 1, 28, 28), float32, and ``labels`` of shape (N,).

    Raises:
        InputError: as :func:`digits`; or they cannot be fetched.
    """
    return _named("fashion_mnist", split, limit, binarize, seed)


def cifar10(split: str = "test", *, limit: int | None = None, binarize: str = "none", seed: int = 0) -> Dataset:
    """Colour pictures of ten kinds of things: 50,000 for training, 10,000 for testing.

    Args:
        split: ``"train"`` or ``"test"``.
        limit: only the first datapoints.
        binarize: how the values are made binary, as in :func:`digits`.
        seed: of these draws.

    Returns:
        ``x`` of shape (N, 3, 32, 32), float32 in [0, 1], and ``labels`` of shape (N,).

    Raises:
        InputError: as :func:`digits`; or they cannot be fetched.
    """
    return _named("cifar10", split, limit, binarize, seed)


def _named(name: str, split: str, limit: int | None, how: str, seed: int) -> Dataset:
    found = load(name, split=split, limit=limit)
    return replace(found, x=made_binary(found.x, how, seed))
